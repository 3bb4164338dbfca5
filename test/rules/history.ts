// What Prometheus would have scraped: a scenario's mesh and incidents become promtool's input series.
import type { Incident, Labels } from "./incident.ts";
import { intervalsOf, nodesOf, slotsOf, type MeshShape, type Slot } from "./mesh.ts";
import { encode, type Sample } from "./notation.ts";

export interface History {
  readonly mesh: MeshShape;
  readonly cluster?: string;
  /** kube-state-metrics is scraped as well. */
  readonly kubeState?: boolean;
  /** Round-trip times too: only what judges latency needs them. */
  readonly withRtt?: boolean;
  readonly scrapeS: number;
  readonly lengthS: number;
  readonly incidents: readonly Incident[];
}

export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

interface Counter {
  readonly series: string;
  /** The agent that exports it; absent: kube-state-metrics. */
  readonly source?: string;
  /** The other end of a pair: when it is no member the series is not there. */
  readonly destination?: string;
  /** What one second adds, or the value there when it is a gauge; undefined: the gauge is not exported. */
  readonly at: (second: number) => number | undefined;
  readonly gauge?: boolean;
  /** A counter that reads as the time of day: a new process goes on from now, not from 0. */
  readonly clock?: boolean;
}

/** What is unscrapeable by this name is no agent. */
export const KUBE_STATE_METRICS = "kube-state-metrics";

/** Exact in binary, so that promtool's additions give back the very same numbers: no rounding looks like a reset. */
const GRAIN = 1024;

export function inputSeries(history: History): readonly InputSeries[] {
  return [...pairSeries(history), ...agentSeries(history), ...clusterSeries(history)].map((counter) => ({
    series: counter.series,
    values: encode(samples(history, counter)),
  }));
}

function pairSeries(history: History): readonly Counter[] {
  return slotsOf(history.mesh).flatMap((slot) => {
    const labels = { ...clusterLabel(history), ...slotLabels(slot) };
    const ends = { source: slot.source, destination: slot.destination };
    const { lost, lostOn, refused, retransmits, factor } = fate(history, slot);
    const rate = 1 / intervalsOf(history.mesh)[slot.protocol];
    const counters: Counter[] = [
      { series: name("internode_probes_total", labels), ...ends, at: () => rate },
      { series: name("internode_probe_failures_total", labels), ...ends, at: (second) => rate * lost(second) },
      {
        series: name("internode_rtt_seconds_count", labels),
        ...ends,
        at: (second) => rate * (1 - lost(second)) * (1 - refused(second)),
      },
    ];
    counters.push({
      series: name("internode_rtt_max_seconds", labels),
      ...ends,
      at: (second) => (lastMinute(second).some((each) => lost(each) < 1 && refused(each) < 1) ? 1 / 512 : undefined),
      gauge: true,
    });
    if (slot.protocol === "tcp") {
      counters.push({
        series: name("internode_tcp_syn_retransmits_total", labels),
        ...ends,
        at: (second) => rate * retransmits(second),
      });
    }
    if (slot.protocol === "udp") {
      for (const direction of ["forward", "reverse"] as const) {
        const labelled = name("internode_directional_lost_total", { ...labels, direction });
        counters.push({ series: labelled, ...ends, at: (second) => rate * lostOn(direction)(second) });
      }
    }
    if (history.withRtt) {
      const rttS = slot.sourceZone === slot.destinationZone ? 0.5 / 1024 : 1 / 512;
      counters.push({
        series: name("internode_rtt_seconds_sum", labels),
        ...ends,
        at: (second) => rate * (1 - lost(second)) * rttS * factor(second),
      });
    }
    if (slot.network === "pod" && slot.protocol === "icmp") {
      const { protocol: _, ...path } = labels;
      counters.push(
        tunable(history, {
          metric: "internode_path_mtu_shortfall_bytes",
          labels: path,
          ...ends,
          value: 0,
          gauge: true,
        }),
      );
    }
    return counters;
  });
}

function agentSeries(history: History): readonly Counter[] {
  const slots = slotsOf(history.mesh);
  const kinds = [...new Set(slots.map((slot) => `${slot.network} ${slot.protocol}`))].map(
    (kind) => kind.split(" ") as [string, string],
  );
  return nodesOf(history.mesh).flatMap(({ name: source }) => {
    const labels = { ...clusterLabel(history), source_node: source };
    const gauge = (metric: string, value: number, more: Labels = {}) =>
      tunable(history, { metric, labels: { ...labels, ...more }, source, value, gauge: true });
    const counter = (metric: string, perSecond: number, more: Labels = {}) =>
      tunable(history, { metric, labels: { ...labels, ...more }, source, value: perSecond, gauge: false });
    const dns = { server: "cluster", name: "kubernetes.default.svc.cluster.local" };
    return [
      meshSize(history, { source, labels }),
      gauge("internode_build_info", 1, { version: "0.1.0", nodejs_version: "v24.21.0", engine: "kernel" }),
      ...Object.entries(intervalsOf(history.mesh)).map(([protocol, seconds]) =>
        gauge("internode_probe_interval_seconds", seconds, { protocol }),
      ),
      ...kinds.map(([network, protocol]) => gauge("internode_protocol_available", 1, { network, protocol })),
      ...kinds.map(([network, protocol]) => counter("internode_probes_skipped_total", 0, { network, protocol })),
      { ...counter("internode_discovery_last_sync_timestamp_seconds", 1), clock: true },
      counter("internode_dns_lookups_total", 1 / 8, dns),
      counter("internode_dns_failures_total", 0, dns),
    ];
  });
}

function meshSize(history: History, { source, labels }: { readonly source: string; readonly labels: Labels }): Counter {
  const nodes = nodesOf(history.mesh);
  const tuned = tunable(history, { metric: "internode_mesh_size", labels, source, value: 0, gauge: true });
  return {
    ...tuned,
    at: (second) => (tuned.at(second) ?? 0) || nodes.filter((node) => isMember(history, node.name, second)).length,
  };
}

function clusterSeries(history: History): readonly Counter[] {
  if (!history.kubeState) return [];
  const nodes = nodesOf(history.mesh);
  const cordoned = (node: string) =>
    history.incidents.filter((incident) => incident.kind === "cordon" && incident.node === node);
  return [
    ...nodes.map(({ name: node }) => ({
      series: name("kube_node_spec_unschedulable", { ...clusterLabel(history), node }),
      at: (second: number) => (cordoned(node).some((incident) => active(incident, second)) ? 1 : 0),
      gauge: true,
    })),
    desired(history),
  ];
}

/** One agent for every node that is a member, unless an incident says otherwise. */
function desired(history: History): Counter {
  const tuned = tunable(history, {
    metric: "kube_daemonset_status_desired_number_scheduled",
    labels: { ...clusterLabel(history), daemonset: "internode", namespace: "internode" },
    value: 0,
    gauge: true,
  });
  return {
    ...tuned,
    at: (second) =>
      (tuned.at(second) ?? 0) || nodesOf(history.mesh).filter((node) => isMember(history, node.name, second)).length,
  };
}

interface Tunable {
  readonly metric: string;
  readonly labels: Labels;
  readonly source?: string;
  readonly destination?: string;
  readonly value: number;
  readonly gauge: boolean;
}

/** A series that is calm unless an incident of kind `gauge` or `rate` names it. */
function tunable(history: History, { metric, labels, value, gauge, ...ends }: Tunable): Counter {
  const overrides = history.incidents.filter((incident) => incident.kind === "gauge" || incident.kind === "rate");
  const mine = overrides.filter((incident) => incident.metric === metric && incident.labels(labels));
  const at = (second: number) => {
    const override = mine.find((incident) => active(incident, second));
    if (override === undefined) return value;
    return override.kind === "gauge" ? override.value : override.perSecond;
  };
  return { series: name(metric, labels), ...ends, at, gauge };
}

function lastMinute(second: number): readonly number[] {
  return Array.from({ length: Math.min(60, second + 1) }, (_, ago) => second - ago);
}

/** What happens to one slot's probes at a given second, as shares. */
function fate(history: History, slot: Slot) {
  const mine = history.incidents.filter((incident) => "where" in incident && incident.where(slot));
  const losses = mine.filter((incident) => incident.kind === "loss");
  const refusals = mine.filter((incident) => incident.kind === "refusal");
  const resent = mine.filter((incident) => incident.kind === "retransmits");
  const slow = mine.filter((incident) => incident.kind === "latency");
  return {
    lost: (second: number) =>
      1 - losses.reduce((kept, incident) => (active(incident, second) ? kept * (1 - incident.share) : kept), 1),
    lostOn: (direction: "forward" | "reverse") => (second: number) =>
      losses.reduce(
        (sum, incident) =>
          incident.direction?.(slot) === direction && active(incident, second) ? sum + incident.share : sum,
        0,
      ),
    refused: (second: number) => (refusals.some((incident) => active(incident, second)) ? 1 : 0),
    retransmits: (second: number) =>
      resent.reduce((sum, incident) => (active(incident, second) ? sum + incident.perProbe : sum), 0),
    factor: (second: number) =>
      slow.reduce((product, incident) => (active(incident, second) ? product * incident.factor : product), 1),
  };
}

function samples(history: History, counter: Counter): readonly Sample[] {
  const result: Sample[] = [];
  let value = 0;
  let present = false;
  for (let second = 0; second <= history.lengthS; second++) {
    if (isRestarted(history, counter.source, second) || !isExported(history, counter, second))
      value = counter.clock ? second : 0;
    else if (!counter.gauge && second > 0) value += counter.at(second) ?? 0;
    if (second % history.scrapeS !== 0) continue;
    const scraped =
      isExported(history, counter, second) && !isUnscrapeable(history, counter.source ?? KUBE_STATE_METRICS, second);
    const sample = counter.gauge ? counter.at(second) : Math.round(value * GRAIN) / GRAIN;
    if (isPrometheusDown(history, second)) result.push(undefined);
    else if (scraped && sample !== undefined) result.push(sample);
    else result.push(present ? "stale" : undefined);
    if (!isPrometheusDown(history, second)) present = scraped && sample !== undefined;
  }
  return result;
}

function active(incident: Incident, second: number): boolean {
  return second > incident.fromS && second <= incident.untilS;
}

function isMember(history: History, node: string, second: number): boolean {
  const memberships = history.incidents.filter((incident) => incident.kind === "member" && incident.node === node);
  return (
    memberships.length === 0 || memberships.some((incident) => second >= incident.fromS && second < incident.untilS)
  );
}

function isExported(history: History, { source, destination }: Counter, second: number): boolean {
  return [source, destination].every((node) => node === undefined || isMember(history, node, second));
}

function isUnscrapeable(history: History, source: string, second: number): boolean {
  return history.incidents.some(
    (incident) => incident.kind === "unscrapeable" && incident.node === source && active(incident, second),
  );
}

function isRestarted(history: History, source: string | undefined, second: number): boolean {
  return history.incidents.some(
    (incident) => incident.kind === "restart" && incident.node === source && incident.fromS === second,
  );
}

function isPrometheusDown(history: History, second: number): boolean {
  return history.incidents.some((incident) => incident.kind === "prometheus-down" && active(incident, second));
}

function slotLabels(slot: Slot): Labels {
  return {
    source_node: slot.source,
    destination_node: slot.destination,
    source_zone: slot.sourceZone,
    destination_zone: slot.destinationZone,
    network: slot.network,
    protocol: slot.protocol,
    ip_family: slot.ipFamily,
  };
}

function clusterLabel({ cluster }: History): Labels {
  return cluster === undefined ? {} : { cluster };
}

function name(metric: string, labels: Labels): string {
  return `${metric}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(",")}}`;
}
