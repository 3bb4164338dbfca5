// The one catalogue of every metric the agent exports. Names and labels are a public interface: the exposition, the
// docs page and the checks of dashboards and rules all derive from this file.
import { ANOMALY_KINDS, FAILURE_REASONS, LOSS_DIRECTIONS, type StampClock } from "../model/outcome.ts";
import { FINDING_CODES } from "../model/finding.ts";
import { IP_FAMILIES, NETWORKS } from "../model/peer.ts";
import type { OwnCounter } from "../probes/descriptor.ts";
import { OWN_COUNTERS, PROTOCOLS, type OwnCounterKey, type Protocol } from "../probes/protocols.ts";
import { REFLECTOR_RESULTS } from "../model/snapshot.ts";
import { SERVICE_FAILURE_REASONS, SERVICES } from "../model/service.ts";
import { UNPROBED_FAULTS } from "../model/unprobed.ts";
import { RTT_BOUNDS_NS } from "../results/histogram.ts";

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly help: string;
  readonly labels: readonly string[];
  /** What one step of the value means; for a 0/1 gauge `flag`. */
  readonly unit:
    | "seconds"
    | "bytes"
    | "probes"
    | "packets"
    | "events"
    | "nodes"
    | "lookups"
    | "addresses"
    | "findings"
    | "ratio"
    | "flag"
    | "timestamp";
  /** Only with `metrics.pairDetail: full`. */
  readonly detail?: "full";
  /** `at start`: at 0 (or its value) from the moment it can be measured. `when first seen`: absent until it happens once. */
  readonly created: "at start" | "when first seen";
  /** Of a metric created at start: label values whose series come only when first seen. */
  readonly createdLater?: readonly string[];
  /** Protocols that have this metric; absent means all of them, or that protocols do not matter. */
  readonly protocols?: readonly (typeof PROTOCOLS)[number][];
  /** Upper bounds of a histogram, without +Inf, in its unit. */
  readonly buckets?: readonly number[];
}

/** Values that a label may take where they are known beforehand; of all others only the meaning is. */
/** Parts of an agent that an error closes alone. */
export const PARTS = [...PROTOCOLS, "reflector", "path_mtu", "dns", "service"] as const;
export type Part = (typeof PARTS)[number];

export const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  network: NETWORKS,
  protocol: PROTOCOLS,
  ip_family: IP_FAMILIES,
  direction: LOSS_DIRECTIONS,
  kind: ANOMALY_KINDS,
  server: ["cluster", "nodelocal", "pod"],
  state: ["serving", "not_serving", "unprobed"],
  clock: ["kernel", "user"] satisfies readonly StampClock[],
  engine: ["kernel", "userspace"],
  result: REFLECTOR_RESULTS,
  part: PARTS,
  code: FINDING_CODES,
  step: ["gather", "decide"],
  service: SERVICES,
};

const PATH = ["source_node", "destination_node", "source_zone", "destination_zone", "network"] as const;
/** Labels of every pair metric. */
export const PAIR_LABELS = [...PATH, "protocol", "ip_family"] as const;
const PATH_LABELS = [...PATH, "ip_family"] as const;
const ZONE_LABELS = ["source_zone", "destination_zone", "network", "protocol", "ip_family"] as const;
const FINDING_LABELS = ["code", "subject", "network", "protocol", "judge"] as const;
const DNS_LABELS = ["source_node", "server", "name"] as const;
const SERVICE_LABELS = ["source_node", "service", "ip_family"] as const;

const RTT_BUCKETS = RTT_BOUNDS_NS.map((ns) => ns / 1e9);
const DNS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const TICK_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** What only one protocol counts, as its descriptor has it. */
const OWN_METRICS = Object.fromEntries(
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

export const CATALOGUE = {
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
  dnsLookups: {
    name: "internode_dns_lookups_total",
    type: "counter",
    unit: "lookups",
    labels: DNS_LABELS,
    created: "at start",
    help: "DNS lookups completed. A and AAAA are asked in parallel and count as one.",
  },
  dnsFailures: {
    name: "internode_dns_failures_total",
    type: "counter",
    unit: "lookups",
    labels: DNS_LABELS,
    created: "at start",
    help: "DNS lookups that failed. Counted together with internode_dns_lookups_total.",
  },
  dnsLookup: {
    name: "internode_dns_lookup_seconds",
    type: "histogram",
    unit: "seconds",
    labels: DNS_LABELS,
    created: "at start",
    buckets: DNS_BUCKETS,
    help: "Time until both answers of a DNS lookup had come. A failed lookup is never in it.",
  },
  dnsFailureReasons: {
    name: "internode_dns_failure_reasons_total",
    type: "counter",
    unit: "lookups",
    labels: [...DNS_LABELS, "reason"],
    created: "when first seen",
    help: "Failed DNS lookups by reason.",
  },
  dnsLocalErrors: {
    name: "internode_dns_local_errors_total",
    type: "counter",
    unit: "events",
    labels: [...DNS_LABELS, "errno"],
    created: "when first seen",
    help: "DNS lookups that this machine itself could not make, by error number. They are no lookups.",
  },
  serviceProbes: {
    name: "internode_service_probes_total",
    type: "counter",
    unit: "probes",
    labels: SERVICE_LABELS,
    created: "at start",
    help: "Probes of the service path completed: a TCP handshake with a Service's address (agents: our own Service; kubernetes: the API server's). Series exist once the address is known.",
  },
  serviceFailures: {
    name: "internode_service_failures_total",
    type: "counter",
    unit: "probes",
    labels: SERVICE_LABELS,
    created: "at start",
    help: "Probes of the service path that were not answered. A refusal is a failure here: it is the proxy's own where it knows nobody behind the address. Counted together with internode_service_probes_total.",
  },
  serviceFailureReasons: {
    name: "internode_service_failure_reasons_total",
    type: "counter",
    unit: "probes",
    labels: [...SERVICE_LABELS, "reason"],
    created: "when first seen",
    help: `Failed probes of the service path by reason: ${SERVICE_FAILURE_REASONS.join(", ")}.`,
  },
  serviceRtt: {
    name: "internode_service_rtt_seconds",
    type: "summary",
    unit: "seconds",
    labels: SERVICE_LABELS,
    created: "at start",
    help: "Round-trip delay of answered probes of the service path. A failed probe is never in it, nor a handshake whose SYN was sent again.",
  },
  serviceSynRetransmits: {
    name: "internode_service_syn_retransmits_total",
    type: "counter",
    unit: "packets",
    labels: SERVICE_LABELS,
    created: "at start",
    help: "SYNs of the service path that the kernel had to send again: a lost packet, and a second of waiting for whoever connects.",
  },
  serviceLocalErrors: {
    name: "internode_service_local_errors_total",
    type: "counter",
    unit: "events",
    labels: [...SERVICE_LABELS, "errno"],
    created: "when first seen",
    help: "Probes of the service path that this machine itself could not make, by error number. They are no probes.",
  },
  serviceAddresses: {
    name: "internode_service_addresses",
    type: "gauge",
    unit: "addresses",
    labels: ["source_node", "service"],
    created: "at start",
    help: "Addresses of the Service that are probed. 0 while its name cannot be looked up: then nothing is known of its path.",
  },
  reflectorPackets: {
    name: "internode_reflector_packets_total",
    type: "counter",
    unit: "packets",
    labels: ["source_node", "result"],
    created: "at start",
    help: "UDP packets that came to the answering end, by what became of them: answered; duplicate (answered again); and, without an answer: limited (from an address that is no peer's, above what is answered of such), key (another shared key, or none), checksum (damaged), version, short, foreign and truncated (nothing of ours), unsent.",
  },
  peers: {
    name: "internode_peers",
    type: "gauge",
    unit: "nodes",
    labels: ["source_node", "state"],
    created: "at start",
    help: "Peers by state: serving and not_serving are probed, unprobed are not, on no network (internode_peers_unprobed tells why).",
  },
  peersUnprobed: {
    name: "internode_peers_unprobed",
    type: "gauge",
    unit: "nodes",
    labels: ["source_node", "reason"],
    created: "at start",
    help: `Known peers that are not probed, or not on every network, by reason: sample (a large mesh leaves them to others) or a fault: ${UNPROBED_FAULTS.join(", ")}. A peer that waits for less than a minute (it is terminating, or its zone is not known yet) is not in it.`,
  },
  largestInDegree: {
    name: "internode_mesh_largest_in_degree",
    type: "gauge",
    unit: "nodes",
    labels: ["source_node"],
    created: "at start",
    help: "By how many nodes the most probed node of the mesh is probed.",
  },
  meshSize: {
    name: "internode_mesh_size",
    type: "gauge",
    unit: "nodes",
    labels: ["source_node"],
    created: "at start",
    help: "Nodes this agent knows, itself included.",
  },
  finding: {
    name: "internode_finding",
    type: "gauge",
    unit: "ratio",
    labels: FINDING_LABELS,
    created: "when first seen",
    help: "An open finding of the judge: how sure it is that it is this subject and no other, above 0 and up to 1. network and protocol are empty where all that is measured is meant. At most 20 subjects.",
  },
  findingStart: {
    name: "internode_finding_start_timestamp_seconds",
    type: "gauge",
    unit: "timestamp",
    labels: FINDING_LABELS,
    created: "when first seen",
    help: "Unix time at which what an open finding tells of began.",
  },
  findingsUnlisted: {
    name: "internode_findings_unlisted",
    type: "gauge",
    unit: "findings",
    labels: ["judge"],
    created: "when first seen",
    help: "Open findings beyond the 20 subjects that internode_finding lists; /api/v1/verdict has them all. Of the two agents that judge only.",
  },
  judgeLastVerdict: {
    name: "internode_judge_last_verdict_timestamp_seconds",
    type: "gauge",
    unit: "timestamp",
    labels: ["judge"],
    created: "when first seen",
    help: "Unix time of the evidence of the latest verdict. Of the two agents that judge only.",
  },
  judgeDuration: {
    name: "internode_judge_duration_seconds",
    type: "gauge",
    unit: "seconds",
    labels: ["judge", "step"],
    created: "when first seen",
    help: "How long the latest judgement took: gather (asking all agents for their rows) and decide (finding what they show).",
  },
  judgeMissingRows: {
    name: "internode_judge_missing_rows",
    type: "gauge",
    unit: "nodes",
    labels: ["judge"],
    created: "when first seen",
    help: "Nodes whose row the latest judgement had to do without.",
  },
  probeInterval: {
    name: "internode_probe_interval_seconds",
    type: "gauge",
    unit: "seconds",
    labels: ["source_node", "protocol"],
    created: "at start",
    help: "Time between two probes of a pair.",
  },
  probeTimeout: {
    name: "internode_probe_timeout_seconds",
    type: "gauge",
    unit: "seconds",
    labels: ["source_node", "protocol"],
    created: "at start",
    help: "A probe unanswered for this long has failed (the threshold that RFC 6673 wants reported).",
  },
  discoveryLastSync: {
    name: "internode_discovery_last_sync_timestamp_seconds",
    type: "gauge",
    unit: "timestamp",
    labels: ["source_node"],
    created: "at start",
    help: "Unix time at which discovery last heard from its source; the agent's start until then.",
  },
  discoveryErrors: {
    name: "internode_discovery_errors_total",
    type: "counter",
    unit: "events",
    labels: ["source_node"],
    created: "at start",
    help: "Times that discovery could not reach its source or understand it. Known peers are kept.",
  },
  protocolAvailable: {
    name: "internode_protocol_available",
    type: "gauge",
    unit: "flag",
    labels: ["source_node", "network", "protocol"],
    created: "at start",
    help: "1 while this agent has open what the protocol needs, its answering end included, 0 when not.",
  },
  faults: {
    name: "internode_faults_total",
    type: "counter",
    unit: "events",
    labels: ["source_node", "part"],
    created: "at start",
    help: "Errors that closed a part of this agent (a protocol, the answering end, path MTU, DNS, the service path) or kept it closed. The other parts go on, and it is opened again.",
  },
  timestamps: {
    name: "internode_timestamps_total",
    type: "counter",
    unit: "probes",
    labels: ["source_node", "protocol", "clock"],
    created: "at start",
    help: "Measured delays by the clock that stamped them: kernel, or user where the kernel gave no stamp.",
  },
  tickLag: {
    name: "internode_tick_lag_seconds",
    type: "histogram",
    unit: "seconds",
    labels: ["source_node"],
    created: "at start",
    buckets: TICK_BUCKETS,
    help: "How late the tick ran that sends and collects probes. Kernel stamps keep it out of the delays.",
  },
  skipped: {
    name: "internode_probes_skipped_total",
    type: "counter",
    unit: "probes",
    labels: ["source_node", "network", "protocol"],
    created: "at start",
    help: "Probes not sent because the one before was outstanding or the agent fell behind.",
  },
  localErrors: {
    name: "internode_local_errors_total",
    type: "counter",
    unit: "events",
    labels: ["source_node", "network", "protocol", "errno"],
    created: "when first seen",
    help: "Sends that this machine itself could not do, by error number. They are not probes.",
  },
  socketDrops: {
    name: "internode_socket_drops_total",
    type: "counter",
    unit: "packets",
    labels: ["source_node", "network", "protocol"],
    created: "at start",
    help: "Packets the kernel dropped because a receive buffer of this agent was full.",
  },
  clockSteps: {
    name: "internode_clock_steps_total",
    type: "counter",
    unit: "events",
    labels: ["source_node"],
    created: "at start",
    help: "Steps of the wall clock that the agent noticed. Probes in flight then carry no delay.",
  },
  buildInfo: {
    name: "internode_build_info",
    type: "gauge",
    unit: "flag",
    labels: ["version", "nodejs_version", "engine", "source_node"],
    created: "at start",
    help: "1, with version and engine of this agent as labels.",
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricKey = keyof typeof CATALOGUE;
