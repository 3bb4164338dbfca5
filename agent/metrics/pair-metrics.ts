// The metrics that have a series per pair, path or zone pair. pair-families.ts has a renderer for each.
import { FAILURE_REASONS } from "../model/outcome.ts";
import type { OwnCounter } from "../probes/descriptor.ts";
import { OWN_COUNTERS, type OwnCounterKey, type Protocol } from "../probes/protocols.ts";
import { RTT_BOUNDS_NS } from "../results/histogram.ts";
import type { Metric } from "./metric.ts";

const PATH = ["source_node", "destination_node", "source_zone", "destination_zone", "network"] as const;
/** Labels of every pair metric. */
export const PAIR_LABELS = [...PATH, "protocol", "ip_family"] as const;
const PATH_LABELS = [...PATH, "ip_family"] as const;
const ZONE_LABELS = ["source_zone", "destination_zone", "network", "protocol", "ip_family"] as const;

const RTT_BUCKETS = RTT_BOUNDS_NS.map((ns) => ns / 1e9);

/** What only one protocol counts, as its descriptor has it. */
export const OWN_METRICS = Object.fromEntries(
  Object.entries<OwnCounter & { readonly protocol: Protocol }>(OWN_COUNTERS).map(
    ([key, { name, unit, help, label, createdLater, protocol }]) => [
      key,
      {
        name,
        type: "counter",
        unit,
        labels: label === undefined ? PAIR_LABELS : [...PAIR_LABELS, label],
        protocols: [protocol],
        created: "at start",
        ...(createdLater && { createdLater }),
        help,
      } satisfies Metric,
    ],
  ),
) as unknown as Readonly<Record<OwnCounterKey, Metric & { readonly type: "counter" }>>;

export const PAIR_METRICS = {
  probes: {
    name: "internode_probes_total",
    type: "counter",
    unit: "probes",
    labels: PAIR_LABELS,
    created: "at start",
    help: "Probes completed: answered, refused or failed.",
  },
  failures: {
    name: "internode_probe_failures_total",
    type: "counter",
    unit: "probes",
    labels: PAIR_LABELS,
    created: "at start",
    help: "Probes completed without an answer or a refusal. Counted together with internode_probes_total.",
  },
  failureReasons: {
    name: "internode_probe_failure_reasons_total",
    type: "counter",
    unit: "probes",
    labels: [...PAIR_LABELS, "reason"],
    created: "when first seen",
    help: `Failed probes by reason: ${FAILURE_REASONS.join(", ")}. What a firewall drops silently is a timeout; what it rejects is blocked.`,
  },
  refusals: {
    name: "internode_probe_refusals_total",
    type: "counter",
    unit: "probes",
    labels: PAIR_LABELS,
    created: "when first seen",
    help: "Probes refused by the target itself (RST or port unreachable): the path is proven, nothing listens. Never loss.",
  },
  rtt: {
    name: "internode_rtt_seconds",
    type: "summary",
    unit: "seconds",
    labels: PAIR_LABELS,
    created: "at start",
    help: "Round-trip delay (RFC 2681) of answered probes. A failed probe is never in it, nor a handshake whose SYN was sent again.",
  },
  rttMax: {
    name: "internode_rtt_max_seconds",
    type: "gauge",
    unit: "seconds",
    labels: PAIR_LABELS,
    created: "when first seen",
    help: "Largest round-trip delay of the trailing 60 seconds. Absent without an answer; a scrape does not reset it.",
  },
  rttMin: {
    name: "internode_rtt_min_seconds",
    type: "gauge",
    unit: "seconds",
    labels: PAIR_LABELS,
    detail: "full",
    created: "when first seen",
    help: "Smallest round-trip delay of the trailing 60 seconds. Absent without an answer; a scrape does not reset it.",
  },
  jitter: {
    name: "internode_jitter_seconds",
    type: "gauge",
    unit: "seconds",
    labels: PAIR_LABELS,
    detail: "full",
    created: "when first seen",
    help: "Mean difference between the delays of adjacent answered probes over the trailing 60 seconds (round-trip analogue of RFC 5481).",
  },
  pairRtt: {
    name: "internode_pair_rtt_seconds",
    type: "histogram",
    unit: "seconds",
    labels: PAIR_LABELS,
    detail: "full",
    created: "at start",
    buckets: RTT_BUCKETS,
    help: "Round-trip delay of answered probes, as a histogram of its own for every pair.",
  },
  ...OWN_METRICS,
  udpReceived: {
    name: "internode_udp_received_total",
    type: "counter",
    unit: "packets",
    labels: PAIR_LABELS,
    protocols: ["udp"],
    created: "at start",
    help: "UDP test packets that arrived, exported by the destination node.",
  },
  anomalies: {
    name: "internode_probe_anomalies_total",
    type: "counter",
    unit: "packets",
    labels: [...PAIR_LABELS, "kind"],
    created: "when first seen",
    help: "Replies that were late, duplicate or corrupt. Counted apart from probes.",
  },
  pathMtu: {
    name: "internode_path_mtu_bytes",
    type: "gauge",
    unit: "bytes",
    labels: PATH_LABELS,
    created: "when first seen",
    help: "Largest IP packet that passes unfragmented.",
  },
  pathMtuShortfall: {
    name: "internode_path_mtu_shortfall_bytes",
    type: "gauge",
    unit: "bytes",
    labels: PATH_LABELS,
    created: "when first seen",
    help: "Path MTU as the kernel believes it, minus what passes. Above 0 larger packets vanish silently.",
  },
  zoneRtt: {
    name: "internode_zone_rtt_seconds",
    type: "histogram",
    unit: "seconds",
    labels: ZONE_LABELS,
    created: "at start",
    buckets: RTT_BUCKETS,
    help: "Round-trip delay of answered probes between two zones, as seen from this node.",
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type PairMetricKey = keyof typeof PAIR_METRICS;
