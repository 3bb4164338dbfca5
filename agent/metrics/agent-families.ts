// The families that speak of the agent as a whole, some dozens of lines, kept by prom-client, together with those
// of prom-client's metrics of the Node.js process that a linter of metric names accepts.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Config } from "../config/schema.ts";
import type { Clock } from "../base/clock.ts";
import type { JudgeReport } from "../model/finding.ts";
import type { Network, Protocol } from "../model/peer.ts";
import { PROTOCOLS } from "../probes/protocols.ts";
import type { MeshCounts } from "../mesh/members.ts";
import { UNPROBED_FAULTS } from "../model/unprobed.ts";
import type { ReflectorResult } from "../model/snapshot.ts";
import type { Results } from "../results/results.ts";
import { listedFindings } from "./finding-series.ts";
import { AGENT_METRICS, type AgentMetricKey } from "./agent-metrics.ts";
import type { Part } from "./catalogue.ts";
import type { Metric } from "./metric.ts";

export interface SocketDrops {
  readonly network: Network;
  readonly protocol: Protocol;
  /** Since the agent started. */
  readonly drops: number;
}

export interface AgentFamiliesOptions {
  readonly nodeName: string;
  readonly config: Pick<Config, Protocol | "engine">;
  readonly build: { readonly version: string; readonly nodejsVersion: string };
  readonly clock: Clock;
  readonly results: Pick<Results, "counts">;
  readonly mesh: () => MeshCounts;
  readonly socketDrops: () => Iterable<SocketDrops>;
  readonly reflector: () => Readonly<Partial<Record<ReflectorResult, number>>>;
  /** Undefined while this agent does not judge. */
  readonly judge: () => JudgeReport | undefined;
  /** Metrics of the Node.js process too. */
  readonly runtime: boolean;
}

export interface DnsRecorder {
  /** Without a duration when that is not certain (the clock stepped). */
  answered(seconds: number | undefined): void;
  /** `reason` becomes a label: a word of a small fixed set, never a message. */
  failed(reason: string): void;
  /** No lookup at all: this machine could not ask. */
  localError(errno: string): void;
}

/** The event-loop monitor behind the last seven of LEFT_OUT cannot be switched off, only slowed down. */
const NEVER_MS = 3_600_000;

/** prom-client's own metrics that are not exported. */
const LEFT_OUT = [
  // Gauges named like counters: `promtool check metrics` refuses them. The same numbers come without `_total`.
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
  // Their monitor wakes the process 100 times a second (measured: 6.6 ms of CPU a second, four times what probing
  // 100 peers costs) and every scrape resets them for all others. internode_tick_lag_seconds has neither fault.
  ...["min", "max", "mean", "stddev", "p50", "p90", "p99"].map((what) => `nodejs_eventloop_lag_${what}_seconds`),
];

type PromMetric = { readonly counter: Counter; readonly gauge: Gauge; readonly histogram: Histogram };
/** Every metric of the agent is made: one that is not does not compile. */
type Made = { readonly [K in AgentMetricKey]: PromMetric[(typeof AGENT_METRICS)[K]["type"]] };

export class AgentFamilies {
  readonly #options: AgentFamiliesOptions;
  readonly #registry = new Registry();
  readonly #made: Made;
  readonly #tickLag: Histogram.Internal<string>;

  constructor(options: AgentFamiliesOptions) {
    this.#options = options;
    this.#made = {
      ...this.#fromEvents(),
      ...this.#constants(),
      ...this.#fromResults(),
      ...this.#fromProviders(),
      ...this.#fromJudge(),
    };
    const source_node = options.nodeName;
    const { tickLag, discoveryErrors, clockSteps } = this.#made;
    tickLag.zero({ source_node });
    this.#tickLag = tickLag.labels({ source_node });
    discoveryErrors.inc({ source_node }, 0);
    clockSteps.inc({ source_node }, 0);
    this.discoverySynced();
    if (options.runtime) this.#runtime();
  }

  tickLag(seconds: number): void {
    this.#tickLag.observe(seconds);
  }

  clockStep(): void {
    this.#made.clockSteps.inc({ source_node: this.#options.nodeName });
  }

  discoverySynced(): void {
    const { clock, nodeName } = this.#options;
    this.#made.discoveryLastSync.set({ source_node: nodeName }, clock.baseSeconds + clock.realtimeNs() / 1e9);
  }

  discoveryFailed(): void {
    this.#made.discoveryErrors.inc({ source_node: this.#options.nodeName });
  }

  protocolAvailable({
    network,
    protocol,
    available,
  }: {
    readonly network: Network;
    readonly protocol: Protocol;
    readonly available: boolean;
  }): void {
    this.#made.protocolAvailable.set({ source_node: this.#options.nodeName, network, protocol }, available ? 1 : 0);
  }

  fault(part: Part, count: number): void {
    this.#made.faults.inc({ source_node: this.#options.nodeName, part }, count);
  }

  dns({ server, name }: { readonly server: string; readonly name: string }): DnsRecorder {
    const labels = { source_node: this.#options.nodeName, server, name };
    this.#made.dnsLookups.inc(labels, 0);
    this.#made.dnsFailures.inc(labels, 0);
    this.#made.dnsLookup.zero(labels);
    return {
      answered: (seconds) => {
        this.#made.dnsLookups.inc(labels);
        if (seconds !== undefined) this.#made.dnsLookup.observe(labels, seconds);
      },
      failed: (reason) => {
        this.#made.dnsLookups.inc(labels);
        this.#made.dnsFailures.inc(labels);
        this.#made.dnsFailureReasons.inc({ ...labels, reason });
      },
      localError: (errno) => this.#made.dnsLocalErrors.inc({ ...labels, errno }),
    };
  }

  /** Text of one family of the catalogue. */
  text(key: AgentMetricKey): Promise<string> {
    return this.#registry.getSingleMetricAsString(AGENT_METRICS[key].name);
  }

  /** Texts of the families that are not in the catalogue: those of the Node.js process. */
  async *runtimeTexts(): AsyncGenerator<string, void, void> {
    const catalogued = new Set<string>(Object.values(AGENT_METRICS).map((metric) => metric.name));
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (!catalogued.has(name)) yield this.#registry.getSingleMetricAsString(name);
    }
  }

  #fromEvents() {
    return {
      tickLag: this.#histogram("tickLag"),
      discoveryErrors: this.#counter("discoveryErrors"),
      discoveryLastSync: this.#gauge("discoveryLastSync"),
      clockSteps: this.#counter("clockSteps"),
      protocolAvailable: this.#gauge("protocolAvailable"),
      faults: this.#counter("faults"),
      dnsLookups: this.#counter("dnsLookups"),
      dnsFailures: this.#counter("dnsFailures"),
      dnsLookup: this.#histogram("dnsLookup"),
      dnsFailureReasons: this.#counter("dnsFailureReasons"),
      dnsLocalErrors: this.#counter("dnsLocalErrors"),
    };
  }

  #constants() {
    const { config, build, nodeName: source_node } = this.#options;
    const probeInterval = this.#gauge("probeInterval");
    const probeTimeout = this.#gauge("probeTimeout");
    const buildInfo = this.#gauge("buildInfo");
    for (const protocol of PROTOCOLS) {
      const { networks, intervalMs, timeoutMs } = config[protocol];
      if (networks.length === 0) continue;
      probeInterval.set({ source_node, protocol }, intervalMs / 1e3);
      probeTimeout.set({ source_node, protocol }, timeoutMs / 1e3);
    }
    const { version, nodejsVersion: nodejs_version } = build;
    buildInfo.set({ version, nodejs_version, engine: config.engine, source_node }, 1);
    return { probeInterval, probeTimeout, buildInfo };
  }

  /** Counters that results already keeps: prom-client only repeats them when it is asked. */
  #fromResults() {
    const { config, results, nodeName: source_node } = this.#options;
    return {
      timestamps: this.#counter("timestamps", (counter) => {
        for (const { protocol, clock, count } of results.counts().stamps) {
          if (config[protocol].networks.length > 0) counter.inc({ source_node, protocol, clock }, count);
        }
      }),
      skipped: this.#counter("skipped", (counter) => {
        for (const { network, protocol, count } of results.counts().skipped) {
          if (config[protocol].networks.includes(network)) counter.inc({ source_node, network, protocol }, count);
        }
      }),
      localErrors: this.#counter("localErrors", (counter) => {
        for (const { network, protocol, errno, count } of results.counts().localErrors)
          counter.inc({ source_node, network, protocol, errno }, count);
      }),
    };
  }

  #fromProviders() {
    const { mesh, socketDrops, reflector, nodeName: source_node } = this.#options;
    return {
      reflectorPackets: this.#counter("reflectorPackets", (counter) => {
        for (const [result, count] of Object.entries(reflector())) counter.inc({ source_node, result }, count);
      }),
      peers: this.#gauge("peers", (gauge) => {
        const { serving, notServing, unprobed } = mesh();
        gauge.set({ source_node, state: "serving" }, serving);
        gauge.set({ source_node, state: "not_serving" }, notServing);
        gauge.set({ source_node, state: "unprobed" }, unprobed);
      }),
      peersUnprobed: this.#gauge("peersUnprobed", (gauge) => {
        const { unprobedBy } = mesh();
        for (const reason of ["sample", ...UNPROBED_FAULTS] as const)
          gauge.set({ source_node, reason }, unprobedBy[reason] ?? 0);
      }),
      largestInDegree: this.#gauge("largestInDegree", (gauge) => gauge.set({ source_node }, mesh().largestInDegree)),
      meshSize: this.#gauge("meshSize", (gauge) => gauge.set({ source_node }, mesh().size)),
      socketDrops: this.#counter("socketDrops", (counter) => {
        for (const { network, protocol, drops } of socketDrops())
          counter.inc({ source_node, network, protocol }, drops);
      }),
    };
  }

  #runtime(): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS });
    for (const name of LEFT_OUT) this.#registry.removeSingleMetric(name);
  }

  #fromJudge() {
    const { judge: report, nodeName: judge } = this.#options;
    const listed = () => listedFindings(report()?.latest?.findings ?? []);
    const gauge = (key: AgentMetricKey, collect: (gauge: Gauge) => void) =>
      this.#gauge(key, (gauge) => {
        gauge.reset();
        collect(gauge);
      });
    return {
      finding: gauge("finding", (gauge) => {
        for (const { labels, confidence } of listed().series) gauge.set({ ...labels, judge }, confidence);
      }),
      findingStart: gauge("findingStart", (gauge) => {
        for (const { labels, startSeconds } of listed().series) gauge.set({ ...labels, judge }, startSeconds);
      }),
      findingsUnlisted: gauge("findingsUnlisted", (gauge) => {
        if (report()?.latest) gauge.set({ judge }, listed().unlisted);
      }),
      judgeLastVerdict: gauge("judgeLastVerdict", (gauge) => {
        const latest = report()?.latest;
        if (latest) gauge.set({ judge }, latest.atSeconds);
      }),
      judgeDuration: gauge("judgeDuration", (gauge) => {
        const latest = report()?.latest;
        if (!latest) return;
        gauge.set({ judge, step: "gather" }, latest.gatherSeconds);
        gauge.set({ judge, step: "decide" }, latest.decideSeconds);
      }),
      judgeMissingRows: gauge("judgeMissingRows", (gauge) => {
        const latest = report()?.latest;
        if (latest) gauge.set({ judge }, latest.missingRows);
      }),
    };
  }

  #counter(key: AgentMetricKey, collect?: (counter: Counter) => void): Counter {
    return new Counter({
      ...this.#common(key),
      ...(collect && {
        collect() {
          this.reset();
          collect(this);
        },
      }),
    });
  }

  #gauge(key: AgentMetricKey, collect?: (gauge: Gauge) => void): Gauge {
    return new Gauge({
      ...this.#common(key),
      ...(collect && {
        collect() {
          collect(this);
        },
      }),
    });
  }

  #histogram(key: "tickLag" | "dnsLookup"): Histogram {
    return new Histogram({ ...this.#common(key), buckets: [...AGENT_METRICS[key].buckets] });
  }

  #common(key: AgentMetricKey): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
    const { name, help, labels }: Metric = AGENT_METRICS[key];
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}
