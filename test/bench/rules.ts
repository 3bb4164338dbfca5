// What the alert rules cost: a real Prometheus evaluates the shipped file over generated data, first healthy, then with
// a dead node, then with a third of the nodes losing packets besides. A group may take a tenth of its interval.
//
//   node test/bench/rules.ts [--prometheus PATH] [nodes[:sample] …]     default: 100 (full mesh) and 300:24 (sampled)
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cpuUs, memoryMb } from "./process.ts";
import { atMost, barsTable, quantile, tableText, type Bar } from "./table.ts";

const RULES = fileURLToPath(new URL("../../chart/files/rules/internode.yaml", import.meta.url));
const HEALTHY_S = 240;
const DEAD_S = 120;
/** Longer than what makes a pair judged, because there is a gap before it. */
const LOSSY_S = 210;
/** Evaluations of each group whose CPU is averaged. */
const TURNS = 3;
const SHARE_OF_INTERVAL = 0.1;
const ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] as const;
const KINDS = [
  { network: "pod", protocol: "icmp", intervalS: 1 },
  { network: "pod", protocol: "tcp", intervalS: 5 },
  { network: "pod", protocol: "udp", intervalS: 5 },
  { network: "node", protocol: "icmp", intervalS: 1 },
] as const;
const DEAD = 0;
/** What every third node loses of the probes it sends and of those sent to it, in the end. */
const LOSS = 0.2;

interface Shape {
  readonly nodes: number;
  readonly sample: number;
}

interface Group {
  readonly name: string;
  readonly interval: number;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
  readonly rules: readonly {
    readonly name: string;
    readonly query: string;
    readonly health: string;
    readonly lastError?: string;
    readonly evaluationTime: number;
  }[];
}

/** The exposition of every agent: node 0 can be cut off, and a third of the others lose packets. */
class Agents {
  readonly #shape: Shape;
  readonly #startedMs = Date.now();
  #deadSinceMs: number | undefined;
  #lossySinceMs: number | undefined;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  kill(): void {
    this.#deadSinceMs = Date.now();
  }

  lose(): void {
    this.#lossySinceMs = Date.now();
  }

  /** Undefined: no answer. */
  exposition(source: number): string | undefined {
    if (source === DEAD && this.#deadSinceMs !== undefined) return undefined;
    const now = Date.now();
    const ageS = (now - this.#startedMs) / 1000 + 86_400;
    const deadS = this.#deadSinceMs === undefined ? 0 : (now - this.#deadSinceMs) / 1000;
    const lines: string[] = [];
    const lossyS = this.#lossySinceMs === undefined ? 0 : (now - this.#lossySinceMs) / 1000;
    for (const destination of this.#peers(source)) {
      const isLossy = source % 3 === 1 || destination % 3 === 1;
      const lostS = destination === DEAD ? deadS : isLossy ? lossyS * LOSS : 0;
      const isDead = destination === DEAD && deadS >= 60;
      for (const kind of KINDS) lines.push(this.#slot({ source, destination, kind, ageS, lostS, isDead }));
      lines.push(`internode_path_mtu_shortfall_bytes{${pair(source, destination)},network="pod",ip_family="ipv4"} 0`);
    }
    return `${[...lines, ...this.#agent(source, now)].join("\n")}\n`;
  }

  #peers(source: number): readonly number[] {
    const { nodes, sample } = this.#shape;
    return Array.from(
      { length: sample },
      (_, step) => (source + 1 + Math.floor((step * (nodes - 1)) / sample)) % nodes,
    );
  }

  #slot({ source, destination, kind, ageS, lostS, isDead }: SlotAge): string {
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
    if (!isDead) lines.push(`internode_rtt_max_seconds${labels} ${rttS * 3}`);
    if (kind.protocol === "tcp") lines.push(`internode_tcp_syn_retransmits_total${labels} 0`);
    return lines.join("\n");
  }

  #agent(source: number, now: number): readonly string[] {
    const label = `source_node="${nodeName(source)}"`;
    return [
      `internode_mesh_size{${label}} ${this.#shape.nodes}`,
      ...["icmp", "tcp", "udp"].map(
        (protocol) =>
          `internode_probe_interval_seconds{${label},protocol="${protocol}"} ${protocol === "icmp" ? 1 : 5}`,
      ),
      ...KINDS.map(
        ({ network, protocol }) =>
          `internode_protocol_available{${label},network="${network}",protocol="${protocol}"} 1`,
      ),
      ...KINDS.map(
        ({ network, protocol }) =>
          `internode_probes_skipped_total{${label},network="${network}",protocol="${protocol}"} 0`,
      ),
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
  readonly isDead: boolean;
}

const nodeName = (index: number) => `ip-10-0-${index >> 8}-${index & 255}.eu-central-1.compute.internal`;
const pair = (source: number, destination: number) =>
  `source_node="${nodeName(source)}",destination_node="${nodeName(destination)}",source_zone="${ZONES[source % 3]}",destination_zone="${ZONES[destination % 3]}"`;

const bars: Bar[] = [];
const { program, shapes } = parseArguments(process.argv.slice(2));
for (const shape of shapes) await measure(shape);
console.log(tableText(barsTable(bars)));

function parseArguments(args: readonly string[]) {
  const [first, path, ...rest] = args;
  if (first !== "--prometheus")
    return { program: "prometheus", shapes: (args.length > 0 ? args : ["100", "300:24"]).map(parseShape) };
  return { program: path ?? usage(first), shapes: (rest.length > 0 ? rest : ["100", "300:24"]).map(parseShape) };
}

function parseShape(text: string): Shape {
  const [nodes, sample] = text.split(":").map(Number);
  if (!Number.isInteger(nodes) || nodes! < 2 || !Number.isInteger(sample ?? 1)) usage(text);
  return { nodes: nodes!, sample: Math.min(sample ?? Infinity, nodes! - 1) };
}

function usage(text: string): never {
  console.error(
    `rules: cannot make anything of '${text}'; usage: node test/bench/rules.ts [--prometheus PATH] [nodes[:sample] …]`,
  );
  process.exit(2);
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
  const config = JSON.stringify(prometheusConfig(shape, port));
  await writeFile(join(folder, "prometheus.yml"), config);
  const prometheus = spawn(
    program,
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${address}`,
      "--web.enable-lifecycle",
      "--log.level=warn",
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const configure = async (text: string) => {
    await writeFile(join(folder, "prometheus.yml"), text);
    await fetch(`http://${address}/-/reload`, { method: "POST" });
    await sleep(5000);
  };
  let rssMb = 0;
  const weigh = async () => {
    rssMb = Math.max(rssMb, memoryMb(prometheus.pid!, "VmRSS"));
  };
  try {
    const healthy: Phase = {
      name: "healthy",
      durations: await watch(address, HEALTHY_S, weigh),
      atS: Date.now() / 1000,
    };
    const series = await seriesOf(address);
    agents.kill();
    const killedMs = Date.now();
    let fired: { readonly afterS: number; readonly alerts: readonly string[] } | undefined;
    const deadDurations = await watch(address, DEAD_S, async () => {
      const alerts = await firing(address);
      if (fired === undefined && alerts.length > 0) fired = { afterS: (Date.now() - killedMs) / 1000, alerts };
      await weigh();
    });
    const dead: Phase = { name: "dead node", durations: deadDurations, atS: Date.now() / 1000 };
    const groups = await groupsOf(address);
    // Nothing but what is asked while CPU is measured: no scrape, no evaluation. Before a third is lossy: rows that a large
    // incident wrote are walked by every later reading of their name, for as long as they are in the head.
    const measured = async (phase: Phase): Promise<Measured> => ({
      ...phase,
      cpu: await cpuOf({ address, pid: prometheus.pid!, groups, atS: phase.atS }),
    });
    await configure("{}");
    const phases = [await measured(healthy), await measured(dead)];
    await configure(config);
    agents.lose();
    const lossy: Phase = {
      name: "a third lossy",
      durations: await watch(address, LOSSY_S, weigh),
      atS: Date.now() / 1000,
    };
    await configure("{}");
    phases.push(await measured(lossy));
    report({ shape, phases, fired, rssMb, series, version: (await versionOf(address)) || program });
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

type Durations = Map<string, { readonly intervalS: number; readonly seconds: number[] }>;

interface Phase {
  readonly name: string;
  readonly durations: Durations;
  readonly atS: number;
}

interface Measured extends Phase {
  readonly cpu: ReadonlyMap<string, number>;
}

/** Every evaluation of every group for so many seconds; those of the first half warm up and are not counted. */
async function watch(address: string, seconds: number, eachTurn: () => Promise<void>): Promise<Durations> {
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
      const entry = durations.get(group.name) ?? { intervalS: group.interval, seconds: [] };
      entry.seconds.push(group.evaluationTime);
      durations.set(group.name, entry);
    }
    await eachTurn();
  }
  return durations;
}

interface CpuOf {
  readonly address: string;
  readonly pid: number;
  readonly groups: readonly Group[];
  readonly atS: number;
}

/**
 * CPU seconds of one evaluation of each group, garbage collection and all, as at a moment that has passed: its rules are
 * asked over HTTP, while Prometheus does nothing else. Unlike the clock's seconds they grow little with what else runs.
 */
async function cpuOf({ address, pid, groups, atS }: CpuOf): Promise<ReadonlyMap<string, number>> {
  const total = new Map<string, number>();
  for (const { name, rules } of groups) {
    const before = cpuUs(pid);
    for (let turn = 0; turn < TURNS; turn++) {
      for (const { query } of rules)
        await (
          await fetch(`http://${address}/api/v1/query?time=${atS}&query=${encodeURIComponent(query)}`)
        ).arrayBuffer();
    }
    total.set(name, (cpuUs(pid) - before) / 1e6 / TURNS);
  }
  return total;
}

interface Report {
  readonly shape: Shape;
  readonly phases: readonly Measured[];
  readonly fired: { readonly afterS: number; readonly alerts: readonly string[] } | undefined;
  readonly rssMb: number;
  readonly series: number;
  readonly version: string;
}

function report({ shape, phases, fired, rssMb, series, version }: Report): void {
  const mesh =
    shape.sample === shape.nodes - 1
      ? `${shape.nodes} nodes, full mesh`
      : `${shape.nodes} nodes, ${shape.sample} peers each`;
  console.log(
    tableText({
      title: `Rules on Prometheus ${version}: ${mesh}, ${shape.nodes * shape.sample * KINDS.length} slots, ${series} series in the head, largest RSS ${rssMb.toFixed(0)} MB`,
      columns: ["group", "interval", "allowed", ...phases.flatMap(({ name }) => [`${name}: CPU s`, "p50 s", "max s"])],
      rows: [...phases[0]!.durations].map(([group, { intervalS }]) => [
        group,
        intervalS,
        intervalS * SHARE_OF_INTERVAL,
        ...phases.flatMap(({ cpu, durations }) => {
          const seconds = durations.get(group)?.seconds ?? [];
          return [cpu.get(group), quantile(seconds, 0.5), seconds.length === 0 ? NaN : Math.max(...seconds)];
        }),
      ]),
      note: `the dead node was named ${fired === undefined ? "NOT AT ALL" : `${fired.afterS.toFixed(0)} s after it was cut off`}: ${fired?.alerts.join(", ")}; p50 and max by the clock`,
    }),
  );
  for (const { name, cpu } of phases) {
    for (const [group, { intervalS }] of phases[0]!.durations) {
      bars.push(
        atMost(intervalS * SHARE_OF_INTERVAL, {
          what: `${mesh}, ${name}: ${group}`,
          value: cpu.get(group) ?? NaN,
          unit: "s of CPU",
        }),
      );
    }
  }
  bars.push(atMost(90, { what: `${mesh}: cut off to firing`, value: fired?.afterS ?? NaN, unit: "s" }));
}

async function versionOf(address: string): Promise<string> {
  return (await api<{ readonly version: string }>(address, "status/buildinfo")).version;
}

async function groupsOf(address: string): Promise<readonly Group[]> {
  const answer = await api<{ readonly groups: readonly Group[] }>(address, "rules").catch(() => undefined);
  return answer?.groups ?? [];
}

async function firing(address: string): Promise<readonly string[]> {
  const { alerts } = await api<{
    readonly alerts: readonly { readonly state: string; readonly labels: Readonly<Record<string, string>> }[];
  }>(address, "alerts");
  return alerts
    .filter(({ state }) => state === "firing")
    .map(({ labels }) => `${labels["alertname"]} ${labels["node"] ?? ""}`.trim());
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
