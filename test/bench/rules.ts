// What the alert rules cost: a real Prometheus evaluates the shipped file over generated data, first healthy, then with
// a dead node. A group may take a tenth of its interval.
//
//   node test/bench/rules.ts [nodes[:sample] …]     default: 100 (full mesh) and 300:24 (sampled); 300 takes about 10 GB
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuUs, memoryMb } from "./process.ts";
import { atMost, barsTable, quantile, tableText, type Bar } from "./table.ts";

const RULES = new URL("../../chart/files/rules/internode.yaml", import.meta.url).pathname;
const HEALTHY_S = 210;
const DEAD_S = 135;
const SHARE_OF_INTERVAL = 0.1;
const ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] as const;
const KINDS = [
  { network: "pod", protocol: "icmp", intervalS: 1 },
  { network: "pod", protocol: "tcp", intervalS: 5 },
  { network: "pod", protocol: "udp", intervalS: 5 },
  { network: "node", protocol: "icmp", intervalS: 1 },
] as const;
const DEAD = 0;

interface Shape {
  readonly nodes: number;
  readonly sample: number;
}

interface Group {
  readonly name: string;
  readonly interval: number;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
  readonly rules: readonly { readonly name: string; readonly query: string; readonly health: string; readonly lastError?: string; readonly evaluationTime: number }[];
}

/** The exposition of every agent; `deadSinceS` is when node 0 was cut off. */
class Agents {
  readonly #shape: Shape;
  readonly #startedMs = Date.now();
  #deadSinceMs: number | undefined;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  kill(): void {
    this.#deadSinceMs = Date.now();
  }

  /** Undefined: no answer. */
  exposition(source: number): string | undefined {
    if (source === DEAD && this.#deadSinceMs !== undefined) return undefined;
    const now = Date.now();
    const ageS = (now - this.#startedMs) / 1000 + 86_400;
    const deadS = this.#deadSinceMs === undefined ? 0 : (now - this.#deadSinceMs) / 1000;
    const lines: string[] = [];
    for (const destination of this.#peers(source)) {
      const lostS = destination === DEAD ? deadS : 0;
      for (const kind of KINDS) lines.push(this.#slot({ source, destination, kind, ageS, lostS }));
      lines.push(`internode_path_mtu_shortfall_bytes{${pair(source, destination)},network="pod",ip_family="ipv4"} 0`);
    }
    return `${[...lines, ...this.#agent(source, now)].join("\n")}\n`;
  }

  #peers(source: number): readonly number[] {
    const { nodes, sample } = this.#shape;
    return Array.from({ length: sample }, (_, step) => (source + 1 + Math.floor((step * (nodes - 1)) / sample)) % nodes);
  }

  #slot({ source, destination, kind, ageS, lostS }: SlotAge): string {
    const labels = `{${pair(source, destination)},network="${kind.network}",protocol="${kind.protocol}",ip_family="ipv4"}`;
    const probes = Math.floor(ageS / kind.intervalS);
    const failures = Math.floor(lostS / kind.intervalS);
    const rttS = 0.0002 + ((source * 31 + destination * 17) % 100) / 1e6;
    const lines = [
      `internode_probes_total${labels} ${probes}`,
      `internode_probe_failures_total${labels} ${failures}`,
      `internode_rtt_seconds_count${labels} ${probes - failures}`,
      `internode_rtt_seconds_sum${labels} ${((probes - failures) * rttS).toFixed(6)}`,
    ];
    if (lostS < 60) lines.push(`internode_rtt_max_seconds${labels} ${rttS * 3}`);
    if (kind.protocol === "tcp") lines.push(`internode_tcp_syn_retransmits_total${labels} 0`);
    return lines.join("\n");
  }

  #agent(source: number, now: number): readonly string[] {
    const label = `source_node="${nodeName(source)}"`;
    return [
      `internode_mesh_size{${label}} ${this.#shape.nodes}`,
      ...["icmp", "tcp", "udp"].map((protocol) => `internode_probe_interval_seconds{${label},protocol="${protocol}"} ${protocol === "icmp" ? 1 : 5}`),
      ...KINDS.map(({ network, protocol }) => `internode_protocol_available{${label},network="${network}",protocol="${protocol}"} 1`),
      ...KINDS.map(({ network, protocol }) => `internode_probes_skipped_total{${label},network="${network}",protocol="${protocol}"} 0`),
      `internode_discovery_last_sync_timestamp_seconds{${label}} ${Math.floor(now / 1000)}`,
      `internode_dns_lookups_total{${label},server="cluster",name="kubernetes.default.svc"} ${Math.floor(now / 10_000)}`,
      `internode_dns_failures_total{${label},server="cluster",name="kubernetes.default.svc"} 0`,
    ];
  }
}

interface SlotAge {
  readonly source: number;
  readonly destination: number;
  readonly kind: (typeof KINDS)[number];
  readonly ageS: number;
  readonly lostS: number;
}

const nodeName = (index: number) => `ip-10-0-${index >> 8}-${index & 255}.eu-central-1.compute.internal`;
const pair = (source: number, destination: number) =>
  `source_node="${nodeName(source)}",destination_node="${nodeName(destination)}",source_zone="${ZONES[source % 3]}",destination_zone="${ZONES[destination % 3]}"`;

const bars: Bar[] = [];
const shapes = process.argv.slice(2).map(parseShape);
for (const shape of shapes.length > 0 ? shapes : [parseShape("100"), parseShape("300:24")]) await measure(shape);
console.log(tableText(barsTable(bars)));

function parseShape(text: string): Shape {
  const [nodes, sample] = text.split(":").map(Number);
  if (!Number.isInteger(nodes) || nodes! < 2 || !Number.isInteger(sample ?? 1)) {
    console.error(`rules: cannot read a mesh from '${text}'; usage: node test/bench/rules.ts [nodes[:sample] …]`);
    process.exit(2);
  }
  return { nodes: nodes!, sample: Math.min(sample ?? Infinity, nodes! - 1) };
}

async function measure(shape: Shape): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "internode-bench-rules-"));
  const agents = new Agents(shape);
  const server = createServer((request, response) => {
    const text = agents.exposition(Number(request.url!.slice(1)));
    response.writeHead(text === undefined ? 503 : 200, { "content-type": "text/plain; version=0.0.4" }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = (server.address() as AddressInfo).port;
  const address = `127.0.0.1:${await freePort()}`;
  await writeFile(join(folder, "prometheus.yml"), JSON.stringify(prometheusConfig(shape, port)));
  const prometheus = spawn(
    "prometheus",
    [`--config.file=${join(folder, "prometheus.yml")}`, `--storage.tsdb.path=${join(folder, "data")}`, `--web.listen-address=${address}`, "--log.level=warn"],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  try {
    const healthy = await watch(address, HEALTHY_S);
    const cpu = await cpuOf(address, prometheus.pid!);
    agents.kill();
    const killedMs = Date.now();
    let firedS: number | undefined;
    const dead = await watch(address, DEAD_S, async () => {
      if (firedS === undefined && (await firing(address)).length > 0) firedS = (Date.now() - killedMs) / 1000;
    });
    report({ shape, healthy, cpu, dead, firedS, alerts: await firing(address), rssMb: memoryMb(prometheus.pid!, "VmRSS"), series: await seriesOf(address) });
  } finally {
    prometheus.kill("SIGTERM");
    await new Promise((resolve) => prometheus.once("exit", resolve));
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  }
}

function prometheusConfig({ nodes }: Shape, port: number) {
  return {
    global: { scrape_interval: "15s", evaluation_interval: "15s" },
    rule_files: [RULES],
    scrape_configs: [
      {
        job_name: "internode",
        static_configs: [{ targets: Array.from({ length: nodes }, (_, index) => String(index)) }],
        relabel_configs: [
          { source_labels: ["__address__"], target_label: "instance" },
          { source_labels: ["__address__"], target_label: "__metrics_path__", replacement: "/$1" },
          { target_label: "__address__", replacement: `127.0.0.1:${port}` },
        ],
      },
    ],
  };
}

type Durations = Map<string, { readonly intervalS: number; readonly seconds: number[]; slowest: string }>;

/** Every evaluation of every group for so many seconds; those of the first half warm up and are not counted. */
async function watch(address: string, seconds: number, eachTurn: () => Promise<void> = async () => {}): Promise<Durations> {
  const durations: Durations = new Map();
  const seen = new Set<string>();
  const begun = Date.now();
  while (Date.now() - begun < seconds * 1000) {
    await sleep(2000);
    const groups = await groupsOf(address);
    for (const group of groups) {
      const key = `${group.name} ${group.lastEvaluation}`;
      if (seen.has(key) || group.evaluationTime === 0) continue;
      seen.add(key);
      const broken = group.rules.find((rule) => rule.health === "err");
      if (broken !== undefined) throw new Error(`rule ${broken.name} failed on Prometheus: ${broken.lastError}`);
      if (Date.now() - begun < (seconds * 1000) / 2) continue;
      const entry = durations.get(group.name) ?? { intervalS: group.interval, seconds: [], slowest: "" };
      entry.seconds.push(group.evaluationTime);
      const slowest = [...group.rules].sort((a, b) => b.evaluationTime - a.evaluationTime)[0]!;
      entry.slowest = `${slowest.name} ${slowest.evaluationTime.toFixed(2)}`;
      durations.set(group.name, entry);
    }
    await eachTurn();
  }
  return durations;
}

/**
 * CPU seconds of one evaluation of each group, every rule asked three times over HTTP and the cheapest counted: unlike the
 * clock's seconds they hardly grow with whatever else the machine does. An upper bound: scrapes, garbage collection and
 * the evaluations that go on meanwhile are in it, the more the longer an answer takes, so a quiet machine tells most.
 */
async function cpuOf(address: string, pid: number): Promise<ReadonlyMap<string, number>> {
  const at = Math.floor(Date.now() / 1000);
  const total = new Map<string, number>();
  for (const group of await groupsOf(address)) {
    for (const { query } of group.rules) {
      const costs: number[] = [];
      for (let turn = 0; turn < 3; turn++) {
        const before = cpuUs(pid);
        await (await fetch(`http://${address}/api/v1/query?time=${at}&query=${encodeURIComponent(query)}`)).arrayBuffer();
        costs.push((cpuUs(pid) - before) / 1e6);
      }
      total.set(group.name, (total.get(group.name) ?? 0) + Math.min(...costs));
    }
  }
  return total;
}

interface Report {
  readonly shape: Shape;
  readonly healthy: Durations;
  readonly cpu: ReadonlyMap<string, number>;
  readonly dead: Durations;
  readonly firedS: number | undefined;
  readonly alerts: readonly string[];
  readonly rssMb: number;
  readonly series: number;
}

function report({ shape, healthy, cpu, dead, firedS, alerts, rssMb, series }: Report): void {
  const mesh = shape.sample === shape.nodes - 1 ? `${shape.nodes} nodes, full mesh` : `${shape.nodes} nodes, ${shape.sample} peers each`;
  console.log(
    tableText({
      title: `Rules: ${mesh}, ${shape.nodes * shape.sample * KINDS.length} slots, ${series} series in the head, Prometheus RSS ${rssMb.toFixed(0)} MB`,
      columns: ["group, seconds an evaluation", "interval", "allowed", "CPU", "healthy p50", "max", "dead node p50", "max", "slowest rule"],
      rows: [...healthy].map(([name, { intervalS, seconds }]) => {
        const other = dead.get(name);
        return [name, intervalS, intervalS * SHARE_OF_INTERVAL, cpu.get(name), quantile(seconds, 0.5), Math.max(...seconds), other && quantile(other.seconds, 0.5), other && Math.max(...other.seconds), other?.slowest];
      }),
      note: `the dead node was named ${firedS === undefined ? "NOT AT ALL" : `${firedS.toFixed(0)} s after it was cut off`}: ${alerts.join(", ")}`,
    }),
  );
  for (const [name, { intervalS }] of healthy) {
    bars.push(atMost(intervalS * SHARE_OF_INTERVAL, { what: `${mesh}: ${name}`, value: cpu.get(name) ?? NaN, unit: "s of CPU" }));
  }
  bars.push(atMost(90, { what: `${mesh}: cut off to firing`, value: firedS ?? NaN, unit: "s" }));
}

async function groupsOf(address: string): Promise<readonly Group[]> {
  const answer = await api<{ readonly groups: readonly Group[] }>(address, "rules").catch(() => undefined);
  return answer?.groups ?? [];
}

async function firing(address: string): Promise<readonly string[]> {
  const { alerts } = await api<{ readonly alerts: readonly { readonly state: string; readonly labels: Readonly<Record<string, string>> }[] }>(address, "alerts");
  return alerts.filter(({ state }) => state === "firing").map(({ labels }) => `${labels["alertname"]} ${labels["node"] ?? ""}`.trim());
}

async function seriesOf(address: string): Promise<number> {
  const { headStats } = await api<{ readonly headStats: { readonly numSeries: number } }>(address, "status/tsdb");
  return headStats.numSeries;
}

async function api<T>(address: string, path: string): Promise<T> {
  const response = await fetch(`http://${address}/api/v1/${path}`);
  return ((await response.json()) as { readonly data: T }).data;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
