// The service path on a real cluster: the chart's Service, its name in the cluster's DNS, and the cluster's own kube-proxy.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../cluster/until.ts";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { untilHealthy } from "./measured.ts";
import { Release, type Agent } from "./release.ts";
import { slotsAmong } from "../support/slots.ts";
import { helms, IS_FOREIGN, Target } from "./target.ts";

const NODES = ["node-1", "node-2", "node-3"];
/** Two turns, and the timeout of the last. */
const STRETCH_MS = 15_000;

interface Counts {
  readonly probes: number;
  readonly failures: number;
}

describe.skipIf(IS_FOREIGN)(`the service path (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  let release: Release;
  let agents: readonly Agent[];
  beforeAll(async () => {
    const [helm] = await helms();
    target = await Target.open({ families: "both" });
    const values = { config: { servicePath: { apiServer: true } } };
    release = await Release.install(target, { helm: helm!, namespace: "internode" }, values);
    await untilHealthy(release, slotsAmong(NODES), 150_000);
    agents = await release.agents();
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  /** "node-1 agents ipv4" → its two counters. */
  async function counts(): Promise<ReadonlyMap<string, Counts>> {
    const samples = await release.scrapeAll(agents);
    const valuesOf = (metric: string) =>
      new Map(
        samples
          .filter(({ name }) => name === metric)
          .map(({ labels: l, value }) => [`${l["source_node"]} ${l["service"]} ${l["ip_family"]}`, value]),
      );
    const failures = valuesOf("internode_service_failures_total");
    return new Map(
      [...valuesOf("internode_service_probes_total")].map(([path, probes]) => [
        path,
        { probes, failures: failures.get(path)! },
      ]),
    );
  }

  /** Of our own Service in the next seconds. */
  async function countedIn(ms: number): Promise<ReadonlyMap<string, Counts>> {
    const before = await counts();
    await sleep(ms);
    return new Map(
      [...(await counts())]
        .filter(([path]) => path.includes(" agents "))
        .map(([path, now]) => {
          const then = before.get(path)!;
          return [path, { probes: now.probes - then.probes, failures: now.failures - then.failures }];
        }),
    );
  }

  const paths = (node: string) => [`${node} agents ipv4`, `${node} agents ipv6`];
  const failing = (counted: ReadonlyMap<string, Counts>) =>
    [...counted].filter(([, { failures }]) => failures > 0).map(([path]) => path);

  test("every agent finds the Service by its name and is answered at each of its addresses", async () => {
    const service = await target.get<{ spec: { clusterIPs: readonly string[] } }>([
      "service",
      `${release.name}-agents`,
      "--namespace",
      release.namespace,
    ]);
    expect(service.spec.clusterIPs).toHaveLength(2);
    for (const agent of agents) {
      const row = JSON.parse(await target.fetch(agent, { port: 8843, path: "/api/v1/pairs" })) as {
        servicePath: { paths: { service: string; address: string }[]; unresolved: unknown[] };
      };
      const own = row.servicePath.paths.filter(({ service: name }) => name === "agents");
      expect(own.map(({ address }) => address).sort()).toEqual([...service.spec.clusterIPs].sort());
      expect(row.servicePath.unresolved).toEqual([]);
    }
    const counted = await countedIn(STRETCH_MS);
    expect([...counted.keys()].sort()).toEqual(NODES.flatMap(paths));
    for (const [path, { probes, failures }] of counted) {
      expect(probes, path).toBeGreaterThan(1);
      expect(failures, path).toBe(0);
    }
  });

  test("the API server's Service is answered too", async () => {
    const answered = await until(
      "an answer of the API server's Service on every node",
      async () => {
        const own = [...(await counts())].filter(([path]) => path.includes(" kubernetes "));
        return own.length === NODES.length && own.every(([, { probes, failures }]) => probes > failures)
          ? own
          : undefined;
      },
      { timeoutMs: 60_000, intervalMs: 1_000 },
    );
    expect(answered.map(([path]) => path).sort()).toEqual(NODES.map((node) => `${node} kubernetes ipv4`));
  });

  test("a node without kube-proxy fails alone, in both families, and recovers with it", async () => {
    const node = target.own.node("node-2");
    await node.kubeProxy.stop();
    try {
      for (const family of ["ip", "ip6"]) await node.run(["nft", "delete", "table", family, "kube-proxy"]);
      // What was under way has ended.
      await sleep(5_000);
      const counted = await countedIn(STRETCH_MS);
      expect(failing(counted)).toEqual(paths("node-2"));
      for (const path of paths("node-2")) expect(counted.get(path)!.failures).toBe(counted.get(path)!.probes);
    } finally {
      await node.kubeProxy.start();
    }
    await until("the service path of node-2 to work", async () => failing(await countedIn(STRETCH_MS)).length === 0, {
      timeoutMs: 120_000,
      intervalMs: 500,
    });
    await untilHealthy(release, slotsAmong(NODES), 150_000);
  });
});
