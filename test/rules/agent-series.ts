// What agents export of themselves.
import { name, scrapedLabels, tunable, type Counter } from "./counter.ts";
import { isMember, type History } from "./history.ts";
import { active, type Incident, type Labels } from "./incident.ts";
import { intervalsOf, nodesOf, slotsOf } from "./mesh.ts";

export function agentSeries(history: History): readonly Counter[] {
  const slots = slotsOf(history.mesh);
  const kinds = [...new Set(slots.map((slot) => `${slot.network} ${slot.protocol}`))].map(
    (kind) => kind.split(" ") as [string, string],
  );
  return nodesOf(history.mesh).flatMap(({ name: source }) => {
    const labels = { ...scrapedLabels(history, source), source_node: source };
    const gauge = (metric: string, value: number, more: Labels = {}) =>
      tunable(history, { metric, labels: { ...labels, ...more }, source, value, gauge: true });
    const counter = (metric: string, perSecond: number, more: Labels = {}) =>
      tunable(history, { metric, labels: { ...labels, ...more }, source, value: perSecond, gauge: false });
    const dns = { server: "cluster", name: "kubernetes.default.svc.cluster.local" };
    const service = { service: "agents", ip_family: "ipv4" };
    return [
      meshSize(history, { source, labels }),
      gauge("internode_build_info", 1, { version: "0.1.0", nodejs_version: "v24.21.0", engine: "kernel" }),
      ...Object.entries(intervalsOf(history.mesh)).map(([protocol, seconds]) =>
        gauge("internode_probe_interval_seconds", seconds, { protocol }),
      ),
      ...kinds.map(([network, protocol]) => gauge("internode_protocol_available", 1, { network, protocol })),
      ...kinds.map(([network, protocol]) => counter("internode_probes_skipped_total", 0, { network, protocol })),
      gauge("internode_peers", 0, { state: "unprobed" }),
      ...["sample", "address", "shared_address", "identity", "node_address"].map((reason) =>
        gauge("internode_peers_unprobed", 0, { reason }),
      ),
      ...["icmp", "reflector", "path_mtu", "dns", "service"].map((part) =>
        counter("internode_faults_total", 0, { part }),
      ),
      counter("internode_dns_local_errors_total", 0, { ...dns, errno: "EMFILE" }),
      ...["answered", "key", "checksum"].map((result) => counter("internode_reflector_packets_total", 0, { result })),
      { ...counter("internode_discovery_last_sync_timestamp_seconds", 1), clock: true },
      counter("internode_dns_lookups_total", 1 / 8, dns),
      counter("internode_dns_failures_total", 0, dns),
      counter("internode_service_probes_total", 1 / 5, service),
      counter("internode_service_failures_total", 0, service),
      ...findings(history, source),
    ];
  });
}

/** What this agent says as a judge: there while it is open, and not otherwise. */
function findings(history: History, source: string): readonly Counter[] {
  const said = history.incidents.filter((incident) => incident.kind === "finding" && incident.judge === source);
  const series = Map.groupBy(said, (incident) => {
    const { code, subject } = incident as Extract<Incident, { kind: "finding" }>;
    const labels = { ...scrapedLabels(history, source), code, subject, network: "", protocol: "", judge: source };
    return name("internode_finding", labels);
  });
  return [...series].map(([series, incidents]) => ({
    series,
    source,
    gauge: true,
    at: (second) => (incidents.some((incident) => active(incident, second)) ? 0.99 : undefined),
  }));
}

function meshSize(history: History, { source, labels }: { readonly source: string; readonly labels: Labels }): Counter {
  const nodes = nodesOf(history.mesh);
  const tuned = tunable(history, { metric: "internode_mesh_size", labels, source, value: 0, gauge: true });
  return {
    ...tuned,
    at: (second) => (tuned.at(second) ?? 0) || nodes.filter((node) => isMember(history, node.name, second)).length,
  };
}
