// The metrics of the service path. service-families.ts has a renderer for each.
import { SERVICE_FAILURE_REASONS } from "../model/service.ts";
import type { Metric } from "./metric.ts";

const SERVICE_LABELS = ["source_node", "service", "ip_family"] as const;

export const SERVICE_METRICS = {
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
} as const satisfies Readonly<Record<string, Metric>>;

export type ServiceMetricKey = keyof typeof SERVICE_METRICS;
