// What helm prints after an install, and the figures in it.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CATALOGUE } from "../../agent/metrics/catalogue.ts";
import { HELMS, notes, only, render, WHY_NO_HELM } from "./helm.ts";

interface Cost {
  readonly pairs: number;
  readonly seriesPerPair: number;
  readonly series: number;
  readonly packetsPerSecond: number;
  readonly gigabytesPerDay: number;
  readonly sampled: boolean;
}

/** The chart's own arithmetic, asked through a template of our own. */
async function cost(nodes: number, config: object = {}): Promise<Cost> {
  const question = `{apiVersion: v1, kind: ConfigMap, metadata: {name: said}, data: {cost: {{ include "internode.cost" (dict "root" $ "nodes" ${nodes} "zones" 3) | quote }}}}`;
  return JSON.parse(
    only(await render({ values: { config, extraManifests: [question] } }), "ConfigMap", "said").data["cost"]!,
  ) as Cost;
}

describe.skipIf(HELMS.length === 0)(`the notes (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("give the next three commands", async () => {
    const text = await notes({ namespace: "net", release: "mesh" });
    expect(text).toContain("kubectl -n net rollout status daemonset/mesh-internode");
    expect(text).toContain("helm -n net test mesh");
    expect(text).toContain("kubectl -n net port-forward daemonset/mesh-internode 8843");
  });

  test("say how an image that no registry has comes to the nodes, and nothing of one that a registry has", async () => {
    const text = await notes({ namespace: "net", release: "mesh" });
    expect(text).toMatch(/no registry has internode:[\d.]+\./);
    expect(text).toContain("npm run image -- --to kind");
    expect(text).toContain("helm -n net upgrade mesh <this chart> --reset-then-reuse-values --set image.repository=");
    for (const values of [{ image: { repository: "a.example/b" } }, { global: { imageRegistry: "a.example" } }])
      expect(await notes({ values })).not.toMatch(/npm run image/);
  });

  test("say what is measured over which network", async () => {
    const text = await notes();
    expect(text).toMatch(/pod network {2}ICMP every 1 s, TCP every 5 s, UDP every 5 s, path MTU every 60 s\n/);
    expect(text).toMatch(/node network ICMP every 1 s\n/);
    expect(text).toMatch(/service path internode-agents every 5 s\n/);
    expect(await notes({ values: { config: { servicePath: { apiServer: true } } } })).toContain(
      "internode-agents every 5 s, the API server's Service every 30 s",
    );
  });

  test("have one line for the cluster's own size when it is told, else lines for four sizes", async () => {
    const rows = (text: string) =>
      text
        .split("\n")
        .filter((line) => /^ +\d+ +\d+ +\d+ +\d+ +[\d.]+/.test(line))
        .map((line) => line.trim().split(/ +/).map(Number).slice(0, 2));
    expect(rows(await notes({ values: { expectedNodes: 37 } }))).toEqual([[37, 1332]]);
    expect(rows(await notes())).toEqual([
      [10, 90],
      [50, 2450],
      [100, 9900],
      [500, 12000],
    ]);
  });
});

describe.skipIf(HELMS.length === 0)("the cost of a mesh", () => {
  test("has the series a pair that an agent exports for one peer", async () => {
    const exported = readFileSync(new URL("../metrics/golden/two-node.prom", import.meta.url), "utf8").split("\n");
    // What only a fault creates is left out, and the path MTU of the node network, where UDP is not probed by default.
    const ofFaults = new RegExp(
      `^(${[CATALOGUE.failureReasons, CATALOGUE.anomalies, CATALOGUE.refusals].map(({ name }) => name).join("|")})\\{|direction="unknown"`,
    );
    const perPair = exported.filter(
      (line) =>
        /destination_node=/.test(line) && !ofFaults.test(line) && !/^internode_path_mtu_.*network="node"/.test(line),
    );
    expect((await cost(2)).seriesPerPair).toBe(26);
    expect(perPair.length).toBe(26);
  });

  test("counts packets and bytes of the default configuration", async () => {
    const { pairs, packetsPerSecond, gigabytesPerDay, sampled } = await cost(10, {
      dns: { enabled: false },
      servicePath: { enabled: false },
    });
    expect({ pairs, sampled }).toEqual({ pairs: 90, sampled: false });
    // ICMP twice 2 a second; TCP 4 and UDP 2 in 5 s; path MTU 2 a minute.
    expect(packetsPerSecond).toBeCloseTo(90 * (4 + 4 / 5 + 2 / 5 + 2 / 60), 6);
    expect(gigabytesPerDay).toBeCloseTo((90 * (4 * 84 + 212 / 5 + (2 * 540) / 5 + 1600 / 60) * 86_400) / 1e9, 6);
  });

  test("counts the service path an agent, not a pair, and the API server's when it is probed", async () => {
    const [none, one, two] = await Promise.all([
      cost(10, { servicePath: { enabled: false } }),
      cost(10),
      cost(10, { servicePath: { apiServer: true } }),
    ]);
    expect([one.series - none.series, two.series - one.series]).toEqual([50, 50]);
    expect(one.packetsPerSecond - none.packetsPerSecond).toBeCloseTo((10 * 4) / 5, 6);
    expect(two.packetsPerSecond - one.packetsPerSecond).toBeCloseTo((10 * 4) / 30, 6);
  });

  test("grows with the nodes, not with their square, above the full mesh", async () => {
    const [small, large, larger] = await Promise.all([cost(100), cost(1000), cost(2000)]);
    expect([small.sampled, large.sampled]).toEqual([false, true]);
    expect(large.pairs).toBe(24_000);
    expect(larger.series / large.series).toBeCloseTo(2, 6);
  });

  test("doubles with a second address family, and knows full detail", async () => {
    const [one, two, full] = await Promise.all([
      cost(10),
      cost(10, { families: ["ipv4", "ipv6"] }),
      cost(10, { metrics: { pairDetail: "full" } }),
    ]);
    expect(two.seriesPerPair).toBe(2 * one.seriesPerPair);
    expect(full.seriesPerPair).toBe(one.seriesPerPair + 4 * (2 + CATALOGUE.pairRtt.buckets.length + 3));
  });
});
