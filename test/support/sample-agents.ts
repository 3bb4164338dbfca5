// A mesh of made-up agents behind one real API: the API of the first node, and a server that answers for all the
// others, told apart by the loopback address they are asked at.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startApi, type RunningApi } from "../../agent/api/api.ts";
import { sampleView } from "./sample-views.ts";
import type { AgentView } from "../../agent/api/agent-view.ts";
import { ROWS_STAND_FOR_SECONDS } from "../../agent/diagnosis/judge-snapshot.ts";
import { gatherEvidence } from "../../agent/judge/gather.ts";
import { JudgeMemory } from "../../agent/judge/memory.ts";
import type { PeerStatus } from "../../agent/model/unprobed.ts";
import { onlyOf } from "../../agent/api/pair-query.ts";
import type { Findings } from "../../agent/model/finding.ts";
import type { Node } from "../../agent/model/peer.ts";
import { encodeRow } from "../../agent/peers/compact-row.ts";
import type { RowQuery } from "../../agent/peers/peer-api.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { sampleNodes, samplePair, sampleRow, type SampleMesh } from "./sample-mesh.ts";

export interface SampleAgents extends AsyncDisposable {
  readonly url: string;
  readonly api: RunningApi;
  /** From the next snapshot on the mesh is this one; its nodes stay the same. */
  mesh: SampleMesh;
  /** What it was in every minute of the past, and since when that is known. */
  past: { readonly mesh: SampleMesh; readonly since?: string } | undefined;
}

export async function startSampleAgents(
  mesh: SampleMesh,
  options: { readonly port?: number } = {},
): Promise<SampleAgents> {
  const nodes = sampleNodes(mesh);
  const state: Pick<SampleAgents, "mesh" | "past"> = { mesh, past: undefined };
  // Making up a row of a large mesh costs more than everything that is looked at here.
  const made = new Map<string, Row>();
  const rowOf = (source: Node, { detail, destination, span }: RowQuery): Row => {
    if (span) {
      const covered = { ...span, since: state.past?.since ?? span.since };
      return { ...sampleRow(state.past?.mesh ?? state.mesh, source), at: new Date().toISOString(), covered };
    }
    const key = `${source.name} ${detail}`;
    const row = made.get(key) ?? makeRow(state.mesh, source, detail === "seconds" ? "seconds" : "window");
    made.set(key, row);
    const now = { ...row, at: new Date().toISOString() };
    return destination === undefined ? now : onlyOf(now, { name: destination });
  };
  // Nodes beyond 254 need more than the last octet.
  const addressOf = (i: number) => `127.1.${Math.floor(i / 250)}.${(i % 250) + 1}`;
  const byAddress = new Map(nodes.map((node, i) => [addressOf(i), node]));
  const others = createServer((req, res) => {
    const asked = byAddress.get(req.socket.localAddress ?? "")!;
    const query = new URL(req.url ?? "/", "http://agent").searchParams;
    const isDead = ({ name }: Node) => name in (state.mesh.dead ?? {});
    // A dead node does not even refuse.
    if (isDead(asked)) return;
    const node = nodes.find(({ name }) => name === query.get("of")) ?? asked;
    if (isDead(node)) return void res.writeHead(504).end(JSON.stringify({ error: "no answer" }));
    const [destination, since, until] = ["destination", "since", "until"].map((name) => query.get(name));
    const row = rowOf(node, {
      detail: query.get("detail") === "seconds" ? "seconds" : "window",
      ...(destination && { destination }),
      ...(since && until && { span: { since, until } }),
    });
    res.end(query.get("detail") === "evidence" ? encodeRow(row) : JSON.stringify(row));
  });
  await new Promise<void>((resolve) => others.listen(0, "0.0.0.0", resolve));
  const { port } = others.address() as AddressInfo;

  const [self, ...rest] = nodes as [Node, ...Node[]];
  const peers: PeerStatus[] = rest.map((node) => ({
    node,
    addresses: { pod: {}, node: {} },
    serving: true,
    probed: true,
    unprobed: [],
  }));
  const sources: AgentView = {
    node: self,
    identity: () => ({
      schemaVersion: 1,
      node: self,
      version: "0.1.0",
      incarnation: "ab",
      startedAt: new Date().toISOString(),
      podAddresses: {},
      nodeAddresses: {},
      relayed: [],
    }),
    peers: () => peers,
    extent: () => ({ nodes: nodes.length, probed: rest.length, isFullMesh: true, largestInDegree: rest.length }),
    unusable: () => [],
    peerApis: () =>
      rest.map((node) => ({
        node,
        url: `http://${addressOf(nodes.indexOf(node))}:${port}`,
        serving: !(node.name in (state.mesh.dead ?? {})),
      })),
    row: (query) => rowOf(self, query),
    hostApis: () => [],
    nodeView: () => Promise.resolve(sampleView(self)),
    readiness: () => ({ ready: true }),
    isAgent: () => false,
    // The rows say the same until a test changes the mesh.
    findings: async ({ kind }) => {
      const { ended, ...verdict } = await (judged ??= judge());
      return { status: 200, document: kind === "verdict" ? verdict : { ...verdict, ended } };
    },
  };
  let judged: Promise<Findings> | undefined;
  const judge = async () =>
    new JudgeMemory({ seenBeforeSeconds: ROWS_STAND_FOR_SECONDS }).judge(
      await gatherEvidence({ sources: Object.assign(sources, { isReadinessTold: true }), rows: api.rows, clock }),
    );
  const clock = {
    baseSeconds: 0,
    monotonicNs: () => performance.now() * 1e6,
    realtimeNs: () => Date.now() * 1e6,
  };
  const api: RunningApi = await startApi({
    sources,
    port: options.port ?? 0,
    listen: ["127.0.0.1"],
    log: { error: () => {} },
    eventIntervalMs: 500,
  });
  return {
    url: `http://127.0.0.1:${api.port}`,
    api,
    get mesh() {
      return state.mesh;
    },
    set mesh(next) {
      state.mesh = next;
      made.clear();
      judged = undefined;
    },
    get past() {
      return state.past;
    },
    set past(past) {
      state.past = past;
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      others.closeAllConnections();
      await new Promise((resolve) => others.close(resolve));
    },
  };
}

function makeRow(mesh: SampleMesh, source: Node, detail: "window" | "seconds"): Row {
  const row = sampleRow(mesh, source);
  if (detail === "window") return row;
  return {
    ...row,
    pairs: row.pairs.map((p) =>
      samplePair(
        mesh,
        { source, destination: p.destination, network: p.network, protocol: p.protocol },
        { seconds: true },
      ),
    ),
  };
}
