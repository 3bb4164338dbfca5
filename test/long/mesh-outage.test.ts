// Five real minutes each: run by `npm run test:long`. An API server that is away, and one that falls silent, with the
// timeouts and back-off that agents really use.
import { expect, test, vi } from "vitest";
import { Chores } from "../../agent/base/chores.ts";
import { configSchema } from "../../agent/config/schema.ts";
import { kubeAccess } from "../../agent/mesh/kube-access.ts";
import { createKubernetesSource } from "../../agent/mesh/kubernetes-source.ts";
import { startMesh, type Mesh } from "../../agent/mesh/mesh.ts";
import type { Clock } from "../../agent/base/clock.ts";
import { ApiServerProcess } from "../support/api-server-process.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("openssl");

const MINUTE_MS = 60_000;
const clock: Clock = {
  baseSeconds: 0,
  monotonicNs: () => performance.now() * 1e6,
  realtimeNs: () => performance.now() * 1e6,
};

const pod = (number: number) => ({
  addresses: [`10.0.0.${number}`],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: `node-${number}`,
  zone: "zone-a",
  targetRef: { uid: `uid-${number}` },
});
const pods = (count: number) => Array.from({ length: count }, (_, i) => pod(i + 1));

interface Scene {
  readonly api: ApiServerProcess;
  readonly mesh: Mesh;
  readonly failures: string[];
}

async function withMesh(run: (scene: Scene) => Promise<void>): Promise<void> {
  await using api = await ApiServerProcess.start();
  await api.apply("internode-1", ...pods(5));
  const failures: string[] = [];
  const config = configSchema.parse({
    node: { name: "node-1" },
    discovery: { kind: "kubernetes", namespace: "monitoring", service: "internode" },
    icmp: { networks: ["pod"] },
  });
  if (config.discovery.kind !== "kubernetes") throw new Error("this test needs discovery of kind kubernetes");
  const source = createKubernetesSource({
    ...config.discovery,
    access: kubeAccess({ env: api.podEnvironment, serviceAccountDirectory: api.directory }),
  });
  await using mesh = startMesh({ config, clock, chores: new Chores(clock), source });
  using ticking = new DisposableStack();
  ticking.use(setInterval(() => mesh.tick(), 500));
  mesh.listen({ failed: (error) => failures.push(error.message) });
  await vi.waitFor(() => expect(mesh.peers()).toHaveLength(4), { timeout: 10_000 });
  await vi.waitFor(async () => expect(await api.openWatches()).toBe(1), { timeout: 10_000 });
  await run({ api, mesh, failures });
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.concurrent("over five minutes", () => {
  test("an API server that is away takes no peer away, is asked gently, and is found again within the back-off", async () => {
    await withMesh(async ({ api, mesh, failures }) => {
      const before = mesh.peers();
      let changes = 0;
      mesh.listen({ changed: () => (changes += 1) });
      await api.down();
      await wait(5 * MINUTE_MS);
      expect(mesh.peers()).toBe(before);
      expect(changes).toBe(0);
      expect(mesh.state().ageSeconds).toBeGreaterThan(290);
      expect(mesh.state().errors).toBe(failures.length);
      // The mean wait of full jitter capped at 30 s is 15 s.
      expect(failures.length).toBeGreaterThan(8);
      expect(failures.length).toBeLessThan(60);
      await api.apply("internode-1", ...pods(6));
      await api.up();
      await vi.waitFor(() => expect(mesh.peers()).toHaveLength(5), { timeout: 35_000, interval: 100 });
      expect(mesh.state().failure).toBeUndefined();
    });
  });

  test("a quiet Service with a bookmark a minute is one connection, whose age stays about a minute", async () => {
    await withMesh(async ({ api, mesh, failures }) => {
      let oldestSeconds = 0;
      const watch = setInterval(() => (oldestSeconds = Math.max(oldestSeconds, mesh.state().ageSeconds)), 1_000);
      // The server ends a watch after 300 s at the earliest.
      await wait(4.5 * MINUTE_MS);
      clearInterval(watch);
      expect((await api.seen()).map((request) => request.kind)).toEqual(["list", "watch"]);
      expect(oldestSeconds).toBeLessThan(90);
      expect(failures).toEqual([]);
    });
  });

  test("a connection that falls silent is given up after two minutes, and nothing that happened is missed", async () => {
    await withMesh(async ({ api, mesh, failures }) => {
      await api.silenceWatches();
      await api.apply("internode-1", ...pods(6));
      await wait(1.5 * MINUTE_MS);
      expect(mesh.peers()).toHaveLength(4);
      await vi.waitFor(() => expect(mesh.peers()).toHaveLength(5), { timeout: MINUTE_MS, interval: 250 });
      expect(failures).toEqual([expect.stringContaining("discovery.idleTimeoutMs")]);
      expect((await api.seen()).map((request) => request.kind)).toEqual(["list", "watch", "watch"]);
    });
  });
});
