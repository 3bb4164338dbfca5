// The script of `helm test`, run as it is in its pod, against agents that answer over HTTP on loopback addresses.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Identity } from "../../agent/model/identity.ts";
import type { PairWindow, Row } from "../../agent/model/snapshot.ts";
import { CHART } from "./helm.ts";

const run = promisify(execFile);

interface Told {
  readonly identity: Identity;
  readonly row: Row;
}

const window = {
  probes: 10,
  failures: 0,
  refusals: 0,
  reasons: {},
  retransmits: 0,
  lostForward: 0,
  lostReverse: 0,
  rttMeanNs: 1e5,
  rttMinNs: 1e5,
  rttMaxNs: 1e5,
  jitterNs: 0,
};
const pair = (destination: string, failures = 0): PairWindow => ({
  destination: { name: destination, zone: "" },
  network: "pod",
  protocol: "icmp",
  family: "ipv4",
  address: "192.0.2.1",
  window: { ...window, failures },
});

function told(
  name: string,
  peers: readonly string[],
  pairs = peers.map((peer) => pair(peer)),
  unavailable: Row["health"]["unavailable"] = [],
): Told {
  const common = { schemaVersion: 1, version: "0.1.0", incarnation: name, startedAt: "2026-01-01T00:00:00Z" } as const;
  const health = {
    engine: "kernel",
    stamps: {},
    unavailable,
    tickLagMaxMs: 1,
    probesSkipped: 0,
    localErrors: 0,
    socketDrops: 0,
    clockSteps: 0,
    discoveryAgeSeconds: 1,
  } as const;
  return {
    identity: {
      ...common,
      node: { name, zone: "" },
      podAddresses: {},
      nodeAddresses: {},
      relayed: peers.map((node) => ({ node, nodeAddresses: {} })),
    },
    row: { ...common, source: { name, zone: "" }, at: common.startedAt, health, pairs, pathMtu: [], udpReceived: [] },
  };
}

/** Agents on 127.0.0.2, 127.0.0.3 …, all on one port; what each says may depend on how often it was asked. */
async function agents(all: readonly ((asked: number) => Told)[]) {
  const stack = new AsyncDisposableStack();
  const hosts: string[] = [];
  let port = 0;
  for (const [i, say] of all.entries()) {
    let asked = 0;
    const server = createServer((req, res) => {
      const isIdentity = req.url === "/api/v1/identity";
      if (isIdentity) asked += 1;
      res
        .setHeader("Content-Type", "application/json")
        .end(JSON.stringify(isIdentity ? say(asked).identity : say(asked).row));
    });
    const host = `127.0.0.${i + 2}`;
    server.listen(port, host);
    await once(server, "listening");
    stack.defer(() => server.close().closeAllConnections());
    port = (server.address() as AddressInfo).port;
    hosts.push(host);
  }
  return { hosts, port, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function verdict(
  expected: { readonly hosts: readonly string[]; readonly port: number } & Partial<
    Record<"nodes" | "fullMeshLimit" | "sampleSize" | "patienceSeconds", number>
  >,
): Promise<{ passed: boolean; text: string }> {
  const argument = JSON.stringify({ nodes: 0, fullMeshLimit: 100, sampleSize: 24, patienceSeconds: 0, ...expected });
  try {
    const { stdout } = await run(process.execPath, [join(CHART, "files/test/mesh.mjs"), argument]);
    return { passed: true, text: stdout };
  } catch (err) {
    const { stdout, stderr } = err as { stdout: string; stderr: string };
    return { passed: false, text: stdout + stderr };
  }
}

const NAMES = ["node-1", "node-2", "node-3"];
const others = (name: string) => NAMES.filter((other) => other !== name);
const whole = NAMES.map((name) => () => told(name, others(name)));

test("a mesh in which every agent gets answers from all others passes, and says what was measured", async () => {
  await using mesh = await agents(whole);
  expect(await verdict({ ...mesh, nodes: 3 })).toEqual({
    passed: true,
    text: "3 agents, 6 pairs answered: icmp on the pod network\n",
  });
});

test("an agent that does not know another fails it, by name", async () => {
  await using mesh = await agents([() => told("node-1", ["node-2"]), whole[1]!, whole[2]!]);
  expect(await verdict(mesh)).toMatchObject({
    passed: false,
    text: expect.stringMatching(
      /node-1 does not know node-3[\s\S]*node-1 probes 1 peers, and should probe 2/,
    ) as unknown,
  });
});

test("a peer that never answers fails it, with the figures", async () => {
  await using mesh = await agents([
    () => told("node-1", others("node-1"), [pair("node-2"), pair("node-3", 10)]),
    whole[1]!,
    whole[2]!,
  ]);
  expect(await verdict(mesh)).toMatchObject({
    passed: false,
    text: expect.stringContaining("node-1 gets no answer from node-3 (pod icmp: 10 of 10 probes failed)") as unknown,
  });
});

test("an agent that is listed and does not answer fails it", async () => {
  await using mesh = await agents(whole.slice(0, 2));
  expect(await verdict({ ...mesh, hosts: [...mesh.hosts, "127.0.0.9"] })).toMatchObject({
    passed: false,
    text: expect.stringMatching(/the agent at 127\.0\.0\.9 does not answer on port \d+: ECONNREFUSED/) as unknown,
  });
});

test("a mesh of another size than expected fails it", async () => {
  await using mesh = await agents(whole);
  expect(await verdict({ ...mesh, nodes: 5 })).toMatchObject({
    passed: false,
    text: expect.stringContaining("there are 3 nodes in the mesh, and expectedNodes is 5") as unknown,
  });
});

test("a name that does not resolve fails it, naming the Service", async () => {
  expect(await verdict({ hosts: ["internode.invalid"], port: 1 })).toMatchObject({
    passed: false,
    text: expect.stringMatching(/internode\.invalid does not resolve.*headless Service/) as unknown,
  });
});

test("a sampled mesh is whole when every agent probes its sample", async () => {
  const ring = NAMES.map((name, i) => () => told(name, others(name), [pair(NAMES[(i + 1) % 3]!)]));
  await using mesh = await agents(ring);
  expect(await verdict({ ...mesh, fullMeshLimit: 2, sampleSize: 1 })).toEqual({
    passed: true,
    text: "3 agents, 3 pairs answered (a sample: each node probes at least 1 of 2): icmp on the pod network\n",
  });
  expect((await verdict(mesh)).passed).toBe(false);
});

test("agents that have just started are given time", async () => {
  const late = (asked: number) => told("node-1", others("node-1"), asked < 2 ? [] : undefined);
  await using mesh = await agents([late, whole[1]!, whole[2]!]);
  expect((await verdict({ ...mesh, patienceSeconds: 30 })).passed).toBe(true);
});

test("a protocol that could not be opened is noted, and fails nothing by itself", async () => {
  const unable = () =>
    told("node-1", others("node-1"), undefined, [{ network: "pod", protocol: "icmp", reason: "not permitted" }]);
  await using mesh = await agents([unable, whole[1]!, whole[2]!]);
  expect(await verdict(mesh)).toMatchObject({
    passed: true,
    text: expect.stringContaining("note: node-1 measures no icmp on the pod network: not permitted") as unknown,
  });
});
