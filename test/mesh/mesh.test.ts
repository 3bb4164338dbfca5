import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { configSchema, type ConfigInput } from "../../agent/config/schema.ts";
import { startMesh, type Mesh, type MeshOptions } from "../../agent/mesh/mesh.ts";
import { Chores } from "../../agent/base/chores.ts";
import type { Endpoint } from "../../agent/mesh/source.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { identityDocument } from "../support/identity-server.ts";
import { ScriptedSource } from "../support/scripted-source.ts";

const endpoint = (number: number, rest: Partial<Endpoint> = {}): Endpoint => ({
  node: { name: `node-${number}`, zone: `zone-${number % 3}` },
  id: `uid-${number}`,
  podAddresses: { ipv4: `10.0.${number >> 8}.${number & 255}` },
  nodeAddresses: {},
  serving: true,
  terminating: false,
  ...rest,
});
const endpoints = (count: number): Endpoint[] => Array.from({ length: count }, (_, i) => endpoint(i + 1));

let mesh: Mesh | undefined;
afterEach(async () => {
  await mesh?.[Symbol.asyncDispose]();
  mesh = undefined;
});

function start(changes: Partial<ConfigInput> = {}, options: Partial<MeshOptions> = {}) {
  const clock = new FakeClock();
  const source = new ScriptedSource();
  const failures: string[] = [];
  const config = configSchema.parse({
    node: { name: "node-1" },
    discovery: { kind: "kubernetes", namespace: "monitoring", service: "internode" },
    ...changes,
  });
  const asked: string[] = [];
  const fetchJson = (url: string) => {
    asked.push(url);
    return Promise.reject(new Error("nobody answers in this test"));
  };
  const started = (mesh = startMesh({
    config,
    clock,
    chores: new Chores(clock),
    source,
    fetchJson,
    ...options,
  }));
  const count = { changed: 0, decided: 0, synced: 0 };
  started.listen({
    changed: () => (count.changed += 1),
    decided: () => (count.decided += 1),
    synced: () => (count.synced += 1),
    failed: (error) => failures.push(error.message),
  });
  return {
    mesh: started,
    clock,
    source,
    failures,
    asked,
    changes: () => count.changed,
    count,
    names: () => started.peers().map((peer) => peer.node.name),
    /** What is asked is answered by a promise. */
    soon: (check: () => void) =>
      vi.waitFor(() => {
        clock.advanceMs(500);
        started.tick();
        check();
      }),
    /** Lets time pass as the agent sees it: the clock and the ticks. */
    pass(seconds: number) {
      for (let ms = 0; ms < seconds * 1_000; ms += 500) {
        clock.advanceMs(500);
        started.tick();
      }
    },
  };
}

describe("the mesh", () => {
  test("tells peers, itself and every change once", () => {
    const m = start();
    expect(m.mesh.peers()).toEqual([]);
    expect(m.mesh.state()).toMatchObject({ lastSyncNs: undefined, errors: 0 });
    expect(m.mesh.extent()).toMatchObject({ nodes: 1, probed: 0 });
    m.source.list(...endpoints(3));
    expect(m.names()).toEqual(["node-2", "node-3"]);
    expect(m.mesh.self()).toEqual({ name: "node-1", zone: "zone-1" });
    expect(m.changes()).toBe(1);
    m.source.list(...endpoints(3));
    expect(m.changes()).toBe(1);
    expect(m.mesh.state()).toMatchObject({ ageSeconds: 0 });
    expect(m.mesh.extent()).toEqual({ nodes: 3, probed: 2, isFullMesh: true, largestInDegree: 2 });
    expect(m.mesh.members().map((k) => `${k.node.name} ${k.state}`)).toEqual([
      "node-1 self",
      "node-2 serving",
      "node-3 serving",
    ]);
  });

  test("a peer that leaves is gone in the same moment", () => {
    const m = start();
    m.source.list(...endpoints(3));
    m.source.list(endpoint(1), endpoint(2));
    expect(m.names()).toEqual(["node-2"]);
    expect(m.changes()).toBe(2);
  });

  test("time alone makes a peer of one that has been terminating for over 60 s, or whose zone never came", () => {
    const m = start();
    m.source.list(endpoint(1), endpoint(2, { terminating: true }), endpoint(3, { node: { name: "node-3", zone: "" } }));
    expect(m.names()).toEqual([]);
    m.pass(31);
    expect(m.names()).toEqual(["node-3"]);
    m.pass(30);
    expect(m.names()).toEqual(["node-2", "node-3"]);
    expect(m.changes()).toBe(3);
  });

  test("an API server that is away for an hour takes no peer away, and the age tells", () => {
    const m = start();
    m.source.list(...endpoints(20));
    const before = m.mesh.peers();
    for (let minute = 0; minute < 60; minute += 1) {
      m.source.listener!.failed(new Error("connect ECONNREFUSED"));
      m.pass(60);
      expect(m.mesh.peers()).toBe(before);
    }
    expect(m.changes()).toBe(1);
    expect(m.mesh.state()).toMatchObject({ errors: 60, ageSeconds: 3_600 });
    expect(m.mesh.extent().nodes).toBe(20);
    expect(m.mesh.state().failure?.message).toBe("connect ECONNREFUSED");
    m.source.list(...endpoints(19));
    expect(m.names()).toHaveLength(18);
    expect(m.mesh.state()).toMatchObject({ errors: 60, ageSeconds: 0, failure: undefined });
  });

  test("slices that are suddenly empty take no peer away, are an error, and do not count as current", () => {
    const m = start();
    m.source.list(...endpoints(5));
    m.pass(10);
    m.source.list();
    expect(m.names()).toHaveLength(4);
    expect(m.failures).toEqual([expect.stringContaining("the 4 last known peers stay")]);
    m.pass(10);
    m.source.listener!.synced();
    expect(m.mesh.state()).toMatchObject({ ageSeconds: 20, errors: 1 });
    m.source.list(...endpoints(4));
    expect(m.mesh.state()).toMatchObject({ ageSeconds: 0, failure: undefined });
    expect(m.names()).toHaveLength(3);
  });

  test("tells what happened as it happens: decided, changed, heard from, failed", () => {
    const m = start();
    m.source.list(...endpoints(2));
    expect(m.count).toEqual({ changed: 1, decided: 1, synced: 1 });
    m.source.list(endpoint(1), endpoint(2), endpoint(3, { podAddresses: { ipv4: "127.0.0.1" } }));
    expect(m.count, "a peer that cannot be probed changes who is known, and no peer").toEqual({
      changed: 1,
      decided: 2,
      synced: 2,
    });
    m.source.listener!.failed(new Error("connect ECONNREFUSED"));
    m.source.listener!.synced();
    expect(m.failures).toEqual(["connect ECONNREFUSED"]);
    expect(m.count).toEqual({ changed: 1, decided: 2, synced: 3 });
  });

  test("a callback that was withdrawn hears nothing", () => {
    const m = start();
    let heard = 0;
    const subscription = m.mesh.listen({ changed: () => (heard += 1) });
    m.source.list(...endpoints(2));
    subscription[Symbol.dispose]();
    m.source.list(...endpoints(3));
    expect(heard).toBe(1);
  });

  test("disposing twice disposes its source once or harmlessly", async () => {
    const m = start();
    m.source.list(...endpoints(2));
    await m.mesh[Symbol.asyncDispose]();
    await m.mesh[Symbol.asyncDispose]();
    expect(m.source.disposed).toBeGreaterThan(0);
  });
});

describe("a large mesh", () => {
  test("is sampled, and those left out are known and explained", () => {
    const m = start({ peers: { fullMeshLimit: 50, sampleSize: 10 } });
    m.source.list(...endpoints(51));
    expect(m.names()).toHaveLength(10);
    expect(m.mesh.extent()).toEqual({ nodes: 51, probed: 10, isFullMesh: false, largestInDegree: 10 });
    const unprobed = m.mesh.members().filter((k) => k.state === "unprobed");
    expect(unprobed).toHaveLength(40);
    expect(unprobed[0]!.unprobed).toMatchObject([{ reason: "sample" }]);
  });

  test("a peer that is terminating leaves the sample of nobody else", () => {
    const m = start({ peers: { fullMeshLimit: 50, sampleSize: 10 } });
    m.source.list(...endpoints(60));
    const before = m.names();
    const ending = endpoints(60).map((e) => (e.node.name === before[0] ? { ...e, terminating: true } : e));
    m.source.list(...ending);
    expect(m.names()).toEqual(before.slice(1));
  });
});

describe("node addresses", () => {
  test("are learnt from peers that are probed, where the node network is measured", async () => {
    const fetchJson = (url: string) => {
      const number = Number(/10\.0\.0\.(\d+)/.exec(url)![1]);
      return Promise.resolve(identityDocument(`node-${number}`, { ipv4: `192.168.0.${number}` }));
    };
    const m = start({}, { fetchJson });
    m.source.list(...endpoints(3));
    await m.soon(() =>
      expect(m.mesh.peers().map((peer) => peer.addresses.node)).toEqual([
        { ipv4: "192.168.0.2" },
        { ipv4: "192.168.0.3" },
      ]),
    );
    expect(m.mesh.state().identities).toEqual({ known: 2, missing: [], errors: 0 });
    expect(m.mesh.members()[1]).toMatchObject({ nodeAddresses: { ipv4: "192.168.0.2" } });
  });

  test("of a node that died in a rollout are kept while its pod is terminating, also by an agent that starts meanwhile", async () => {
    const dead = endpoint(2);
    let isDead = false;
    const fetchJson = (url: string) => {
      if (url.includes("10.0.0.3:"))
        return Promise.resolve(
          identityDocument("node-3", { ipv4: "192.168.0.3" }, { "node-2": { ipv4: "192.168.0.2" } }),
        );
      return isDead
        ? Promise.reject(new Error("timeout"))
        : Promise.resolve(identityDocument("node-2", { ipv4: "192.168.0.2" }));
    };
    const nodeAddresses = (m: Mesh) => m.peers().map((peer) => peer.addresses.node);
    const both = [{ ipv4: "192.168.0.2" }, { ipv4: "192.168.0.3" }];

    const m = start({}, { fetchJson });
    m.source.list(endpoint(1), dead, endpoint(3));
    await m.soon(() => expect(nodeAddresses(m.mesh)).toEqual(both));
    isDead = true;
    m.source.list(endpoint(1), { ...dead, terminating: true }, endpoint(3));
    m.pass(10);
    expect(m.mesh.members()[1]).toMatchObject({ state: "unprobed", nodeAddresses: { ipv4: "192.168.0.2" } });
    m.pass(51);
    expect(nodeAddresses(m.mesh)).toEqual(both);
    await m.mesh[Symbol.asyncDispose]();

    const young = start({}, { fetchJson });
    young.source.list(endpoint(1), { ...dead, terminating: true }, endpoint(3));
    await young.soon(() => expect(nodeAddresses(young.mesh)).toEqual([{ ipv4: "192.168.0.3" }]));
    young.pass(61);
    expect(nodeAddresses(young.mesh)).toEqual(both);
  });

  test("are asked for, and who answers, whether they are needed or not", () => {
    const m = start({ icmp: { networks: ["pod"] } });
    m.source.list(endpoint(1), endpoint(2, { nodeAddresses: { ipv4: "192.168.0.2" } }), endpoint(3));
    expect(m.asked).toEqual(["http://10.0.0.2:8843/api/v1/identity", "http://10.0.0.3:8843/api/v1/identity"]);
  });

  test("are asked of peers that cannot be probed before they have told them", async () => {
    const fetchJson = () => Promise.resolve(identityDocument("node-2", { ipv4: "192.168.0.2" }));
    const m = start({ icmp: { networks: ["node"] }, tcp: { networks: [] }, udp: { networks: [] } }, { fetchJson });
    m.source.list(endpoint(1), endpoint(2));
    expect(m.names()).toEqual([]);
    await m.soon(() => expect(m.names()).toEqual(["node-2"]));
  });
});

test("a mesh that starts decides what it learns together, however often it is woken", async () => {
  const fetchJson = (url: string) => {
    const number = Number(/10\.0\.0\.(\d+)/.exec(url)![1]);
    return Promise.resolve(identityDocument(`node-${number}`, { ipv4: `192.168.0.${number}` }));
  };
  const m = start({}, { fetchJson });
  m.source.list(...endpoints(60));
  for (let ms = 0; ms < 1_000; ms += 20) {
    m.clock.advanceMs(20);
    m.mesh.tick();
    await new Promise(setImmediate);
  }
  expect(m.mesh.state().identities.known).toBe(59);
  expect(m.count.decided).toBeLessThanOrEqual(4);
});

describe("what is not probed", () => {
  test("a peer at whose address another node answers is left alone, with the reason, until it answers itself", async () => {
    let answers = "node-9";
    const fetchJson = () => Promise.resolve(identityDocument(answers, {}));
    const m = start({}, { fetchJson });
    m.source.list(endpoint(1), endpoint(2));
    expect(m.names(), "until anybody has answered").toEqual(["node-2"]);
    await m.soon(() => expect(m.names()).toEqual([]));
    expect(m.mesh.members()[1]).toMatchObject({
      state: "unprobed",
      unprobed: [{ network: "pod", reason: "identity", text: "node-9 answers at its pod address 10.0.0.2" }, {}],
    });
    answers = "node-2";
    m.pass(61);
    await m.soon(() => expect(m.names()).toEqual(["node-2"]));
  });

  test("endpoints that can be no peer are told beside the list", () => {
    const m = start();
    m.source.listener!.endpoints(endpoints(2), ["10.0.0.8 in EndpointSlice s has no node name"]);
    expect(m.mesh.unusable()).toEqual(["10.0.0.8 in EndpointSlice s has no node name"]);
    m.source.list(...endpoints(2));
    expect(m.mesh.unusable()).toEqual([]);
  });

  test("an address that is refused by default is probed where it is allowed", () => {
    const addressed = endpoint(2, { podAddresses: { ipv4: "100.100.100.200" } });
    const strict = start();
    strict.source.list(endpoint(1), addressed);
    expect(strict.names()).toEqual([]);
    const allowing = start({ peers: { allowRanges: ["100.100.100.200"] } });
    allowing.source.list(endpoint(1), addressed);
    expect(allowing.names()).toEqual(["node-2"]);
  });
});

describe("a static mesh", () => {
  test("needs no more than its file, waits for no zone, and follows it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "internode-mesh-"));
    const file = join(directory, "mesh.json");
    const node = (number: number) => ({
      name: `node-${number}`,
      podAddresses: [`127.0.0.${number}`],
      nodeAddresses: [`127.0.1.${number}`],
    });
    await writeFile(file, JSON.stringify({ nodes: [node(1), node(2)] }));
    const config = configSchema.parse({
      node: { name: "node-1", zone: "here" },
      discovery: { kind: "static", file, allowLoopback: true },
    });
    vi.useRealTimers();
    const failures: string[] = [];
    const clock = new FakeClock();
    const chores = new Chores(clock);
    const aSecondPasses = () => {
      clock.advanceMs(1_000);
      chores.tick();
    };
    mesh = startMesh({ config, clock, chores });
    mesh.listen({ failed: (error) => failures.push(error.message) });
    const { peers, self } = mesh;
    await vi.waitFor(
      () =>
        expect(peers.call(mesh)).toEqual([
          {
            node: { name: "node-2", zone: "" },
            addresses: { pod: { ipv4: "127.0.0.2" }, node: { ipv4: "127.0.1.2" } },
            serving: true,
          },
        ]),
      { timeout: 5_000 },
    );
    expect(self.call(mesh)).toEqual({ name: "node-1", zone: "here" });
    await writeFile(file, "{");
    aSecondPasses();
    await vi.waitFor(() => expect(failures).toHaveLength(1), { timeout: 10_000 });
    expect(peers.call(mesh)).toHaveLength(1);
    await writeFile(file, JSON.stringify({ nodes: [node(1), node(2), node(3)] }));
    aSecondPasses();
    await vi.waitFor(() => expect(peers.call(mesh)).toHaveLength(2), { timeout: 10_000 });
    await rm(directory, { recursive: true });
  });
});
