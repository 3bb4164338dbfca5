// Writes docs/metrics.md from the catalogue; a test holds the committed page equal to it.
import { writeFileSync } from "node:fs";
import { CATALOGUE, LABEL_VALUES, PAIR_LABELS, type Metric } from "../agent/metrics/catalogue.ts";
import { LOSSY_RATIO } from "../agent/model/thresholds.ts";
import { FAILURE_REASONS } from "../agent/model/outcome.ts";

const QUERIES: readonly { readonly question: string; readonly query: string; readonly note?: string }[] = [
  {
    question: "How much does every pair lose, on each network and by each protocol?",
    query: `sum by (source_node, destination_node, network, protocol) (rate(internode_probe_failures_total[5m]))
  / (sum by (source_node, destination_node, network, protocol) (rate(internode_probes_total[5m])) > 0)`,
    note: "Divide sums, never average ratios. `> 0` leaves out pairs that were not probed.",
  },
  {
    question: "How much does TCP lose, SYNs that the kernel sent again included?",
    query: `sum by (source_node, destination_node) (rate(internode_probe_failures_total{protocol="tcp"}[5m]) + rate(internode_tcp_syn_retransmits_total[5m]))
  / (sum by (source_node, destination_node) (rate(internode_probes_total{protocol="tcp"}[5m]) + rate(internode_tcp_syn_retransmits_total[5m])) > 0)`,
    note: "A SYN sent again is a lost packet of a probe that was still answered, so it counts on both sides.",
  },
  {
    question: "What is the mean round-trip time of a pair?",
    query: `rate(internode_rtt_seconds_sum{source_node="node-1", destination_node="node-2"}[5m])
  / (rate(internode_rtt_seconds_count{source_node="node-1", destination_node="node-2"}[5m]) > 0)`,
  },
  {
    question: "Which ten pairs had the slowest round trip of the last minute?",
    query: "topk(10, internode_rtt_max_seconds)",
  },
  {
    question: "What is the 99th percentile between two zones?",
    query:
      "histogram_quantile(0.99, sum by (source_zone, destination_zone, network, protocol, le) (rate(internode_zone_rtt_seconds_bucket[5m])))",
    note: "One pair has too few probes for a percentile; a pair of zones has enough.",
  },
  {
    question: "Which way do UDP packets die, as the reflector counts them?",
    query: "sum by (source_node, destination_node, direction) (increase(internode_directional_lost_total[5m])) > 0",
  },
  {
    question: "Which way do they die when nothing comes back at all?",
    query: `clamp_min(
  1 - sum by (source_node, destination_node, network) (rate(internode_udp_received_total[5m]))
    / (sum by (source_node, destination_node, network) (rate(internode_probes_total{protocol="udp"}[5m])) > 0),
  0)`,
    note: "The destination counts what arrives. Near 1: they die on the way there. Near 0 while the pair fails: on the way back.",
  },
  {
    question: "Which pairs lose on the pod network but not on the node network (the CNI's fault)?",
    query: `(sum by (source_node, destination_node) (rate(internode_probe_failures_total{network="pod", protocol="icmp"}[5m]))
  / (sum by (source_node, destination_node) (rate(internode_probes_total{network="pod", protocol="icmp"}[5m])) > 0) > ${LOSSY_RATIO})
unless
(sum by (source_node, destination_node) (rate(internode_probe_failures_total{network="node", protocol="icmp"}[5m]))
  / (sum by (source_node, destination_node) (rate(internode_probes_total{network="node", protocol="icmp"}[5m])) > 0) > ${LOSSY_RATIO})`,
  },
  {
    question: "Between which nodes do large packets vanish silently?",
    query: "internode_path_mtu_shortfall_bytes > 0",
  },
  {
    question: "How much of each node's DNS fails?",
    query: `sum by (source_node, server) (rate(internode_dns_failures_total[5m]))
  / (sum by (source_node, server) (rate(internode_dns_lookups_total[5m])) > 0)`,
  },
  {
    question: "Can the figures of an agent be trusted?",
    query: `histogram_quantile(0.99, sum by (source_node, le) (rate(internode_tick_lag_seconds_bucket[5m]))) > 0.5
or sum by (source_node) (rate(internode_probes_skipped_total[5m])) > 0
or sum by (source_node) (rate(internode_socket_drops_total[5m])) > 0
or time() - max by (source_node) (internode_discovery_last_sync_timestamp_seconds) > 600`,
    note: "An empty answer is a good one.",
  },
];

/** The queries of the page, for the test that asks them of a real Prometheus. */
export const DOCUMENTED_QUERIES: readonly string[] = QUERIES.map(({ query }) => query);

export function metricsPage(): string {
  const metrics: readonly Metric[] = Object.values(CATALOGUE);
  return `# Metrics

<!-- Written by \`node scripts/generate-metrics-doc.ts\` from agent/metrics/catalogue.ts. Change that, not this. -->

Every agent serves \`/metrics\` on port 9843. Names and labels are a public interface.

- **P** stands for the labels of a pair: ${PAIR_LABELS.map(code).join(", ")}. Node and zone names only, never pod names or addresses; a zone that is not known is \`""\`.
- Loss is two counters, completed probes and failed ones, both at 0 from the moment a pair exists. There are no ratio gauges: divide rates.
- A failed probe adds no delay. A refused probe is not loss, because it proves the path.
- Counters of one pair within one response agree with each other. When a peer is gone, its series are gone with the next scrape.
- *full*: only with \`metrics.pairDetail: full\`. *when first seen*: no series until it happens once.
- Besides these there are the metrics of the Node.js process (\`process_*\`, \`nodejs_*\`) as prom-client names them.

## All metrics

| metric | type | labels | meaning |
|---|---|---|---|
${metrics.map(row).join("\n")}

## Label values

| label | values |
|---|---|
${Object.entries(LABEL_VALUES)
  .map(([label, values]) => `| \`${label}\` | ${values.map(code).join(", ")} |`)
  .join("\n")}
| \`reason\` of a probe | ${FAILURE_REASONS.map(code).join(", ")} |

## Histogram buckets

${metrics
  .filter((m) => m.buckets)
  .map((m) => `- \`${m.name}\`: ${m.buckets!.join(", ")} seconds`)
  .join("\n")}

## Questions and their queries

Windows of 5 minutes suit scrape intervals up to 75 seconds; take at least four intervals.
${QUERIES.map(({ question, query, note }) => `\n### ${question}\n\n\`\`\`promql\n${query}\n\`\`\`\n${note ? `\n${note}\n` : ""}`).join("")}`;
}

function row(metric: Metric): string {
  const marks = [
    ...(metric.detail === "full" ? ["*full*"] : []),
    ...(metric.created === "when first seen" ? ["*when first seen*"] : []),
    ...(metric.createdLater ? [`${metric.createdLater.map(code).join(", ")} *when first seen*`] : []),
    ...(metric.protocols ? [`${metric.protocols.join(", ")} only`] : []),
  ];
  return `| \`${metric.name}\` | ${metric.type} | ${labelList(metric.labels)} | ${metric.help}${marks.length > 0 ? ` (${marks.join("; ")})` : ""} |`;
}

function labelList(labels: readonly string[]): string {
  const isPair = PAIR_LABELS.every((label) => labels.includes(label));
  return isPair
    ? ["**P**", ...labels.filter((label) => !(PAIR_LABELS as readonly string[]).includes(label)).map(code)].join(", ")
    : labels.map(code).join(", ");
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) writeFileSync(new URL("../docs/metrics.md", import.meta.url), metricsPage());
