// Agents of other releases than the command line: what is understood is shown, what is not is said, and nothing ends in a
// trace. Behind each pod stands a real API whose answers are changed on their way.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentUnreachable } from "../../agent/cli/mesh-client.ts";
import { reachMesh } from "../../agent/cli/reach.ts";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import { MeshGrid } from "../../agent/diagnosis/notes/mesh-grid.ts";
import { summarize } from "../../agent/diagnosis/notes/summary.ts";
import type { Row, Snapshot } from "../../agent/model/snapshot.ts";
import type { RunningAgent } from "../api/api-mesh.ts";
import type { KubeFront } from "../support/kube-front.ts";
import { startClusterMesh } from "./cluster-mesh.ts";

const MESH = { nodes: 3, zones: 1 };

let opened: AsyncDisposableStack;
let front: KubeFront;
let agents: RunningAgent[];
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  ({ front, agents } = await startClusterMesh(MESH, opened));
});
afterEach(() => opened.disposeAsync());

/** The agent answers this instead of what it said. */
async function answersOf(agent: RunningAgent, change: (path: string, said: string) => string): Promise<string> {
  const server = createServer((req, res) => {
    void fetch(new URL(req.url!, `http://127.0.0.1:${agent.api.port}`)).then(async (real) =>
      res.writeHead(real.status).end(change(req.url!, await real.text())),
    );
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  opened.defer(() => void server.close());
  const { port } = server.address() as AddressInfo;
  front.pods = front.pods.map((pod) =>
    pod.node === agent.agent.node.name ? { ...pod, at: { host: "127.0.0.1", port } } : pod,
  );
  return `http://127.0.0.1:${port}`;
}

const changing =
  <T>(path: string, change: (document: T) => unknown) =>
  (asked: string, said: string): string =>
    asked.startsWith(path) ? JSON.stringify(change(JSON.parse(said) as T)) : said;

const ask = async (): Promise<Snapshot> =>
  (
    await reachMesh(
      { kind: "cluster", kubeconfig: front.kubeconfig, namespace: undefined, context: undefined },
      new AbortController().signal,
    )
  ).snapshot;
const sources = ({ rows }: Snapshot) => rows.map((row) => row.source.name);
const notesOf = (snapshot: Snapshot) =>
  summarize(new MeshGrid(snapshot), judgeSnapshot(snapshot)).notes.map(({ text }) => text);

/** Fields, protocols and reasons that nobody knows yet. */
function newer(row: Row): unknown {
  const [first, ...rest] = row.pairs;
  const stranger = { ...first, protocol: "quic", lane: 7 };
  const other = { ...first, window: { ...first!.window, reasons: { eaten: 0 } }, mood: "fine" };
  const health = { ...row.health, stamps: { ...row.health.stamps, quic: "kernel" }, weather: { wind: 3 } };
  return { ...row, version: "9.1.0", pairs: [other, ...rest, stranger], health, planets: [] };
}

/** Without all that came after the first release. */
const older = (row: Row): unknown => ({
  ...without(row, ["extent", "unprobed", "dns", "servicePath"]),
  pairs: row.pairs.map((pair) => without(pair, ["lostSeconds", "rttLatelyNs", "ports", "hops", "hopsThere", "seenAs"])),
});
const without = (document: object, fields: readonly string[]): object =>
  Object.fromEntries(Object.entries(document).filter(([name]) => !fields.includes(name)));

describe("rows by the API server's proxy", () => {
  beforeEach(() => void front.forbidden.add("forward"));

  test("of a newer agent are shown but for what is not known here, which is named with its release", async () => {
    await answersOf(agents[1]!, changing<Row>("/api/v1/pairs", newer));
    const snapshot = await ask();
    expect(sources(snapshot)).toEqual(["node-1", "node-2", "node-3"]);
    expect(snapshot.missing).toEqual([]);
    expect(snapshot.rows[1]!.pairs).toHaveLength(snapshot.rows[0]!.pairs.length);
    expect(notesOf(snapshot)).toContain(
      "Left out, as it is not known here: protocol quic and reason eaten, told by node-2 (internode 9.1.0). Use the internode of that release.",
    );
  });

  test("of an older agent, without all that came later, are shown", async () => {
    await answersOf(agents[1]!, changing<Row>("/api/v1/pairs", older));
    expect(sources(await ask())).toEqual(["node-1", "node-2", "node-3"]);
  });

  test("of an agent that speaks another schema are missing, with the cure, and the others are shown", async () => {
    const change = (row: Row) => ({ ...row, schemaVersion: 2, version: "9.0.0" });
    await answersOf(agents[1]!, changing<Row>("/api/v1/pairs", change));
    const snapshot = await ask();
    expect(sources(snapshot)).toEqual(["node-1", "node-3"]);
    expect(snapshot.missing).toMatchObject([
      { reason: "it speaks schema 2 (internode 9.0.0), and schema 1 is read here: finish the upgrade" },
    ]);
  });
});

describe("a view of the mesh through a port-forward", () => {
  const changeRows = (change: (row: Row, i: number) => unknown) =>
    changing<Snapshot>("/api/v1/mesh", (mesh) => ({ ...mesh, moons: 1, rows: mesh.rows.map(change) }));

  test("of a newer agent is shown but for what is not known here", async () => {
    await answersOf(
      agents[0]!,
      changeRows((row, i) => (i === 2 ? newer(row) : row)),
    );
    const snapshot = await ask();
    expect(snapshot.by.name).toBe("node-1");
    expect(sources(snapshot)).toEqual(["node-1", "node-2", "node-3"]);
    expect(snapshot.rows[2]!.leftOut).toEqual(["protocol quic", "reason eaten"].toSorted());
  });

  test("with one row that cannot be read has the others, and that one is missing with its reason", async () => {
    await answersOf(
      agents[0]!,
      changeRows((row, i) => (i === 2 ? { ...row, incarnation: "?" } : row)),
    );
    const snapshot = await ask();
    expect(snapshot.by.name).toBe("node-1");
    expect(sources(snapshot)).toContain("node-1");
    expect(snapshot.relayed ?? snapshot.missing).toMatchObject([{ node: { name: "node-3" } }]);
  });

  test("that no agent of this release can give is said, with what would help", async () => {
    for (const agent of agents)
      await answersOf(agent, (_, said) => said.replaceAll('"schemaVersion":1', '"schemaVersion":2'));
    await expect(ask()).rejects.toThrow(
      "the agents speak version 2 of the mesh document, this internode version 1: use the internode of the agents' release",
    );
    await expect(ask()).rejects.toThrow(AgentUnreachable);
  });
});

describe("an agent at a URL", () => {
  const askUrl = async (url: string) => (await reachMesh({ kind: "url", url }, new AbortController().signal)).snapshot;

  test("that is newer is shown but for what is not known here", async () => {
    const url = await answersOf(
      agents[0]!,
      changing<Snapshot>("/api/v1/mesh", (mesh) => ({ ...mesh, rows: mesh.rows.map(newer) })),
    );
    const snapshot = await askUrl(url);
    expect(sources(snapshot)).toEqual(["node-1", "node-2", "node-3"]);
    expect(snapshot.rows.every(({ pairs }) => pairs.every(({ protocol }) => (protocol as string) !== "quic"))).toBe(
      true,
    );
    expect(notesOf(snapshot).join()).toContain("told by node-1, node-2 and node-3 (internode 9.1.0)");
  });

  test("that speaks another document is said, with what would help", async () => {
    const url = await answersOf(agents[0]!, (_, said) => said.replaceAll('"schemaVersion":1', '"schemaVersion":2'));
    await expect(askUrl(url)).rejects.toThrow(/speak version 2 .* use the internode of the agents' release/);
  });
});
