// Every query of every dashboard, against what a real Prometheus holds of a real mesh.
import { setTimeout as sleep } from "node:timers/promises";
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dashboards, toJson } from "../../dashboards/all.ts";
import { BUILT_IN, fill, queriesOf } from "../dashboards/queries.ts";
import { startWatchedMesh, type WatchedMesh } from "../support/watched-mesh.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces", "prometheus", "dnsmasq");

/** What a person who chose nothing reads: the lists' first values, or everything. */
const CHOSEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  mesh: { network: "pod", protocol: ".*", source_zone: ".*", destination_zone: ".*", from_node: ".*", to_node: ".*" },
  pair: { source: "node-1", destination: "node-2" },
  node: { node: "node-1" },
  agents: { agent: ".*" },
  dns: { agent: ".*", server: ".*", name: ".*" },
  services: { agent: ".*", service: ".*", family: ".*" },
};

describe("on a healthy mesh", () => {
  let mesh: WatchedMesh;
  beforeAll(async () => {
    mesh = await startWatchedMesh({ nodes: 3, zones: 2, scrapes: 5 });
  }, 240_000);
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  const values = (file: string, network: string) => ({
    ...BUILT_IN,
    cluster: "",
    datasource: "x",
    window: "2m",
    ...CHOSEN[file],
    ...(file === "mesh" ? { network } : {}),
  });

  const ask = async (expr: string, range: boolean) => {
    const now = Math.floor(Date.now() / 1000);
    const query = encodeURIComponent(expr);
    const path = range
      ? `/api/v1/query_range?query=${query}&start=${now - 15}&end=${now}&step=15`
      : `/api/v1/query?query=${query}`;
    const { result } = await mesh.prometheus.api.data<{
      result: { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] }[];
    }>(path);
    return result.map(({ metric, value, values }) => ({
      labels: metric,
      value: Number((value ?? values!.at(-1)!)[1]),
    }));
  };

  test.each(Object.entries(dashboards))(
    "no query of %s is without data",
    async (file, dashboard) => {
      const empty: string[] = [];
      for (const network of file === "mesh" ? ["pod", "node"] : [""]) {
        for (const { where, target } of queriesOf(JSON.parse(toJson(dashboard)) as Dashboard)) {
          const answer = await ask(fill(target.expr, values(file, network)), target.range ?? false);
          if (!answer.some(({ value }) => Number.isFinite(value)))
            empty.push(`${where} ${network}: ${answer.length} results`);
        }
      }
      expect(empty).toEqual([]);
    },
    180_000,
  );

  const panelQuery = (file: string, title: string) => {
    const query = queriesOf(dashboards[file]!).find(({ panel }) => panel.title === title);
    if (!query) throw new Error(`${file} has no panel '${title}'`);
    return fill(query.target.expr, values(file, "pod"));
  };

  test("the matrix of loss has every pair at 0 and every node on the diagonal", async () => {
    const cells = await ask(panelQuery("mesh", "Loss, node to node"), false);
    expect(cells).toHaveLength(9);
    for (const { labels, value } of cells)
      expect(value, JSON.stringify(labels)).toBe(labels["source_node"] === labels["destination_node"] ? -1 : 0);
  });

  test("a silent agent keeps its row and its diagonal, and its cells have no data", async () => {
    mesh.lab.agent("node-3").freeze();
    try {
      const started = Date.now();
      let cells: Awaited<ReturnType<typeof ask>> = [];
      const from3 = () => cells.filter(({ labels, value }) => labels["source_node"] === "node-3" && value !== -1);
      do {
        await sleep(500);
        cells = await ask(panelQuery("mesh", "Loss, node to node"), false);
      } while (from3().length > 0 && Date.now() - started < 60_000);
      expect(from3()).toEqual([]);
      expect(
        cells.filter(({ labels }) => labels["source_node"] === "node-3" && labels["destination_node"] === "node-3"),
      ).toHaveLength(1);
      expect(
        cells.filter(({ labels }) => labels["destination_node"] === "node-3" && labels["source_node"] !== "node-3"),
      ).toHaveLength(2);
    } finally {
      mesh.lab.agent("node-3").thaw();
    }
  }, 90_000);
});
