// A mesh of real API servers on 127.0.0.x for the tests, each with a scripted agent behind it.
import { startApi, type ApiOptions, type RunningApi } from "../../agent/api/api.ts";
import { onlyOf } from "../../agent/api/pair-query.ts";
import type { AgentView, Readiness } from "../../agent/api/agent-view.ts";
import type { PeerApi, RowQuery } from "../../agent/peers/peer-api.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { FindingsAnswer, FindingsKind, Judging } from "../../agent/judge/judging.ts";
import type { Findings } from "../../agent/model/finding.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import type { NodeView } from "../../agent/model/node-view.ts";
import { sampleView } from "../support/sample-views.ts";
import { sampleNodes, samplePair, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";

export class ScriptedAgent implements AgentView {
  readonly node: Node;
  readonly #mesh: SampleMesh;
  ready: Readiness = { ready: true };
  apis: PeerApi[] = [];
  rowsGiven = 0;
  /** What it was in the past, and since when it is known. */
  past: { readonly mesh: SampleMesh; readonly since?: string } | undefined;
  /** Answers for what is broken; without one nothing is wrong. */
  judging: Pick<Judging, "answer"> | undefined;
  /** Pod addresses that discovery lists. */
  readonly agents = new Set<string>();

  constructor(mesh: SampleMesh, node: Node) {
    this.#mesh = mesh;
    this.node = node;
  }

  identity() {
    return {
      schemaVersion: 1,
      node: this.node,
      version: "0.1.0",
      incarnation: "ab12",
      startedAt: "2026-11-23T17:02:11.408Z",
      podAddresses: { ipv4: "10.244.1.2" },
      nodeAddresses: { ipv4: "10.10.0.1" },
      relayed: [],
    } as const;
  }

  peers() {
    return sampleNodes(this.#mesh)
      .filter(({ name }) => name !== this.node.name)
      .map((node) => ({
        node,
        addresses: { pod: { ipv4: "10.244.9.2" }, node: {} },
        serving: true,
        probed: true,
        unprobed: [],
      }));
  }

  extent() {
    const peers = this.peers().length;
    return { nodes: peers + 1, probed: peers, isFullMesh: true, largestInDegree: peers };
  }

  unusable() {
    return [];
  }

  peerApis() {
    return this.apis;
  }

  row({ detail, destination, span }: RowQuery): Row {
    this.rowsGiven += 1;
    const mesh = span ? (this.past?.mesh ?? this.#mesh) : this.#mesh;
    const row = {
      ...sampleRow(mesh, this.node),
      at: new Date().toISOString(),
      ...(span && { covered: { ...span, since: this.past?.since ?? span.since } }),
    };
    const pairs = row.pairs.map((p) =>
      detail === "seconds"
        ? samplePair(
            mesh,
            { source: this.node, destination: p.destination, network: p.network, protocol: p.protocol },
            { seconds: true },
          )
        : p,
    );
    return destination === undefined ? { ...row, pairs } : onlyOf({ ...row, pairs }, { name: destination });
  }

  hosts: PeerApi[] = [];
  hostApis() {
    return this.hosts;
  }

  nodeView(): Promise<NodeView> {
    return Promise.resolve({ ...sampleView(this.node), namespace: "pod" });
  }

  readiness() {
    return this.ready;
  }

  async findings(asked: { readonly kind: FindingsKind; readonly by?: string }): Promise<FindingsAnswer> {
    if (this.judging) return this.judging.answer(asked);
    const { kind, by } = asked;
    if (by !== undefined && by !== this.node.name) return { status: 404, error: `this is ${this.node.name}` };
    const findings = sampleFindings(this.node);
    const { ended: _ended, ...verdict } = findings;
    return { status: 200, document: kind === "verdict" ? verdict : findings };
  }

  isAgent(address: string) {
    return this.agents.has(address);
  }
}

/** Nothing is wrong. */
export const sampleFindings = (by: Node): Findings => ({
  schemaVersion: 1,
  at: "2026-11-23T17:02:11.408Z",
  by,
  state: "fine",
  text: "Nothing is wrong between 3 nodes, as far as can be seen.",
  findings: [],
  checks: [],
  ended: [],
});

export interface RunningAgent {
  readonly agent: ScriptedAgent;
  readonly api: RunningApi;
  readonly url: string;
}

export const SILENT_LOG = { error: () => {} };

/** One API on an address of its own. */
export async function startAgent(
  mesh: SampleMesh,
  node: Node,
  address: string,
  options: Partial<ApiOptions> = {},
): Promise<RunningAgent> {
  const agent = new ScriptedAgent(mesh, node);
  const api = await startApi({
    sources: agent,
    port: 0,
    listen: [address],
    log: SILENT_LOG,
    ...options,
  });
  return { agent, api, url: `http://${address}:${api.port}` };
}
