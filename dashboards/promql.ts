// The expressions that several dashboards share. Every one reads counters over `window`, which is never shorter than
// four scrapes: `$__rate_interval` on a time axis, a variable of its own where a panel shows one moment.

/** The series of one cluster. Without a cluster label the variable is empty, and so is the label. */
export const CLUSTER = 'cluster="$cluster"';

export interface Reading {
  /** Labels of the result. */
  readonly by: readonly string[];
  /** Matchers, without braces. */
  readonly where: string;
  readonly window: string;
}

const sumOfRates = (metric: string, { by, where, window }: Reading) =>
  `sum by (${by.join(", ")}) (rate(${metric}{${where}}[${window}]))`;

/** Loss of all protocols together. A SYN sent again is a lost packet: it counts as a failure and as a probe. */
export function lossRatio(reading: Reading): string {
  const failures = sumOfRates("internode_probe_failures_total", reading);
  const resent = `(${sumOfRates("internode_tcp_syn_retransmits_total", reading)} or 0 * ${failures})`;
  return `(${failures} + ${resent}) / (${sumOfRates("internode_probes_total", reading)} + ${resent})`;
}

/** Loss of the protocol that loses most, so that a healthy one does not hide it. */
export function worstLossRatio({ by, where, window }: Reading): string {
  return `max by (${by.join(", ")}) (${lossRatio({ by: [...by, "protocol"], where, window })})`;
}

/** The same, pair by pair, at a third of the cost: nothing is summed before the division. */
export function worstPairLossRatio({ by, where, window }: Reading): string {
  const of = (metric: string, more = "") => `rate(${metric}{${where}${more}}[${window}])`;
  const resent = of("internode_tcp_syn_retransmits_total");
  const [tcp, others] = [',protocol="tcp"', ',protocol!="tcp"'];
  return (
    `max by (${by.join(", ")}) (` +
    `${of("internode_probe_failures_total", others)} / ${of("internode_probes_total", others)}` +
    ` or (${of("internode_probe_failures_total", tcp)} + ${resent}) / (${of("internode_probes_total", tcp)} + ${resent}))`
  );
}

/** Seconds; absent where nothing was answered. */
export function meanRtt(reading: Reading): string {
  return `${sumOfRates("internode_rtt_seconds_sum", reading)} / (${sumOfRates("internode_rtt_seconds_count", reading)} > 0)`;
}

/** A percentile between zones, from the only histogram that has all delays. */
export function zoneRttQuantile(quantile: number, { by, where, window }: Reading): string {
  return `histogram_quantile(${quantile}, ${sumOfRates("internode_zone_rtt_seconds_bucket", { by: [...by, "le"], where, window })})`;
}

/** A copy of `from` under the name `to`. */
export const relabel = (expr: string, from: string, to: string) =>
  `label_replace(${expr}, "${to}", "$1", "${from}", "(.*)")`;

/** Zones by name; the nodes of a cluster that has no zones are in one of this name. */
export function nameZones(expr: string): string {
  return ["source_zone", "destination_zone"].reduce(
    (inner, label) => `label_replace(${inner}, "${label}", "no zone", "${label}", "")`,
    expr,
  );
}

/** `expr`, or one line at zero under `label`=`text` while there is nothing: a quiet panel is not a broken one. */
export function orQuiet({
  expr,
  label,
  text = "none",
}: {
  readonly expr: string;
  readonly label: string;
  readonly text?: string;
}): string {
  return `${expr} or on () label_replace(vector(0), "${label}", "${text}", "", "")`;
}
