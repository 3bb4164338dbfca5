// Cluster DNS with its metrics.
import { phase } from "../base/hash.ts";
import { dnsProber, dnsServers, type DnsProber } from "../probes/dns.ts";
import type { NodeProbe, NodeProbeOptions } from "./node-probes.ts";

export const DNS: NodeProbe = { name: "dns", isOn: ({ dns }) => dns.enabled, open: openDns };

/** Throws RangeError for a name that DNS cannot carry. */
function openDns({ config, engine: { clock }, metrics, results, log, localError }: NodeProbeOptions): DnsProber {
  const servers = dnsServers(config.dns.servers);
  const recorders = new Map(
    servers.flatMap((server) =>
      config.dns.names.map((name) => [`${server.label}/${name}`, metrics.dns({ server: server.label, name })] as const),
    ),
  );
  for (const { label } of servers) for (const name of config.dns.names) results.lookups.opened(label, name);
  const logged = new Set<string>();
  return dnsProber({
    clock,
    servers,
    phase,
    settings: config.dns,
    node: config.node.name,
    sink: {
      lookup(server, name, outcome) {
        const recorder = recorders.get(`${server.label}/${name}`)!;
        results.lookups.record(server.label, name, outcome.kind === "failed");
        if (outcome.kind === "failed") recorder.failed(outcome.reason);
        else recorder.answered(outcome.durationNs === undefined ? undefined : outcome.durationNs / 1e9);
      },
      localError(server, name, errno) {
        recorders.get(`${server.label}/${name}`)!.localError(errno);
        localError();
        if (logged.has(errno)) return;
        logged.add(errno);
        log.warn(
          { server: server.address, name, errno },
          `this machine itself could not ask DNS (${errno}), which is no failed lookup; further ones are only counted (internode_dns_local_errors_total)`,
        );
      },
    },
  });
}
