// A real Prometheus reads three agents' /metrics on loopback: every value and name arrives as it was measured, and
// every query of the documentation is understood.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { startMetricsServer } from "../../agent/metrics/server.ts";
import { DOCUMENTED_QUERIES } from "../../scripts/generate-metrics-doc.ts";
import { liveAMinute, twoNodeMesh, type TwoNodeMesh } from "../support/two-node-mesh.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("prometheus");

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A Prometheus that scrapes these meshes every second; answers queries. */
async function prometheusOf(meshes: readonly TwoNodeMesh[]): Promise<(query: string) => Promise<readonly Series[]>> {
  const folder = mkdtempSync(join(tmpdir(), "internode-prometheus-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const targets: string[] = [];
  for (const { metrics } of meshes) {
    const server = await startMetricsServer({ metrics, port: 0, listen: ["127.0.0.1"] });
    onTestFinished(() => server[Symbol.asyncDispose]());
    targets.push(`127.0.0.1:${server.addresses[0]!.port}`);
  }
  const config = join(folder, "prometheus.json"); // JSON is YAML
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: "1s" },
      scrape_configs: [{ job_name: "internode", static_configs: [{ targets }] }],
    }),
  );
  const port = await freePort();
  const prometheus = spawn(
    "prometheus",
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: "ignore" },
  );
  onTestFinished(async () => {
    const gone = new Promise((resolve) => prometheus.once("exit", resolve));
    prometheus.kill("SIGKILL");
    await gone;
  });
  return async (query) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({ query }),
    });
    const answer = (await response.json()) as { status: string; error?: string; data: { result: Series[] } };
    if (answer.status !== "success") throw new Error(`${query}: ${answer.error}`);
    return answer.data.result;
  };
}

test("Prometheus stores what was measured, hostile names included, and answers every documented query", async () => {
  const hostile = { name: 'no"de\\2\n{}', zone: "zürich-東京" };
  const [one, two] = [
    { name: "node-1", zone: "zone-a" },
    { name: "node-2", zone: "zone-b" },
  ];
  const meshes = [
    twoNodeMesh({ source: one, peer: two, pairDetail: "full" }),
    twoNodeMesh({ source: two, peer: one }),
    twoNodeMesh({ source: { name: "node-3", zone: "" }, peer: hostile }),
  ];
  for (const mesh of meshes) liveAMinute(mesh);
  const query = await prometheusOf(meshes);
  const valuesOf = async (q: string) => (await query(q)).map((s) => Number(s.value[1]));

  await expect.poll(() => valuesOf("count(up == 1)").catch(() => []), { timeout: 30_000 }).toEqual([3]);
  expect(await valuesOf('internode_probes_total{source_node="node-1", network="pod", protocol="icmp"}')).toEqual([60]);
  expect(
    await valuesOf('internode_probe_failures_total{source_node="node-1", network="pod", protocol="icmp"}'),
  ).toEqual([3]);
  expect(await valuesOf('internode_rtt_seconds_count{source_node="node-1", network="pod", protocol="icmp"}')).toEqual([
    57,
  ]);
  const [series] = await query('internode_probes_total{source_node="node-3", protocol="tcp"}');
  expect(series!.metric).toMatchObject({ destination_node: hostile.name, destination_zone: hostile.zone });
  expect(series!.metric).not.toHaveProperty("source_zone"); // empty is absent to Prometheus

  // A minute later the counters have moved and rates exist.
  for (const mesh of meshes) liveAMinute(mesh);
  const lossRatio =
    'sum(increase(internode_probe_failures_total{source_node="node-1",network="pod",protocol="icmp"}[30s])) / sum(increase(internode_probes_total{source_node="node-1",network="pod",protocol="icmp"}[30s]))';
  await expect.poll(() => valuesOf(lossRatio), { timeout: 30_000 }).toEqual([expect.closeTo(3 / 60, 6)]);
  expect(DOCUMENTED_QUERIES.length).toBeGreaterThanOrEqual(10);
  const unanswered = async () => {
    const answers = await Promise.all(DOCUMENTED_QUERIES.map(async (q) => ({ q, series: await query(q) })));
    return answers.filter(({ series }) => series.length === 0).map(({ q }) => q);
  };
  // Each agent is scraped at an offset of its own: the rates of the last one come a second later.
  await expect.poll(unanswered, { timeout: 30_000 }).toEqual([]);

  // A peer that leaves is gone, not merely silent: the staleness marker comes with the next scrape.
  const [first] = meshes;
  for (const slot of Object.values(first!.slots)) first!.results.close(slot);
  await expect.poll(() => query('internode_probes_total{source_node="node-1"}'), { timeout: 30_000 }).toEqual([]);
});
