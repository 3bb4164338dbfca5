// Cluster DNS with its metrics.
import { phase } from "../base/hash.ts";
import type { DnsRecorder } from "../metrics/metrics.ts";
import { dnsProber, dnsServers, type DnsProber } from "../probes/dns.ts";
import type { NodeProbe, NodeProbeOptions } from "./node-probes.ts";

export const DNS: NodeProbe = { name: "dns", isOn: ({ dns }) => dns.enabled, open: openDns };

/** Throws RangeError for a name that DNS cannot carry. */
function openDns({ config, engine: { clock }, metrics, results, log, localError }: NodeProbeOptions): DnsProber {
  const { names, pods } = config.dns;
  const servers = dnsServers(config.dns.servers);
  const { lookups } = results;
  const logged = new Set<string>();
  const once = (what: string, tell: () => void): void => {
    if (!logged.has(what)) tell();
    logged.add(what);
  };
  // A recorder makes its series, at 0: those of pods too, before the first is found.
  const recorders = new Map<string, DnsRecorder>();
  const recorderOf = (label: string, name: string): DnsRecorder => {
    const key = `${label}/${name}`;
    const known = recorders.get(key) ?? metrics.dns({ server: label, name });
    recorders.set(key, known);
    return known;
  };
  if (pods.host !== undefined) for (const name of names) recorderOf("pod", name);
  return dnsProber({
    clock,
    servers,
    pods: pods.host === undefined ? undefined : { host: pods.host, port: pods.port },
    phase,
    settings: config.dns,
    node: config.node.name,
    sink: {
      opened(server) {
        for (const name of names) {
          recorderOf(server.label, name);
          lookups.opened(server, name);
        }
      },
      closed: (server) => lookups.closed(server),
      looked(trouble) {
        lookups.looked(trouble);
        if (trouble === undefined) return;
        once(trouble, () => log.warn({ host: pods.host, trouble }, "the pods behind cluster DNS are not all known"));
      },
      lookup(server, name, outcome) {
        const recorder = recorderOf(server.label, name);
        if (outcome.kind === "failed") {
          lookups.failed(server, name);
          recorder.failed(outcome.reason);
        } else {
          lookups.answered(server, name, outcome.durationNs);
          recorder.answered(outcome.durationNs === undefined ? undefined : outcome.durationNs / 1e9);
        }
      },
      localError(server, name, errno) {
        recorderOf(server.label, name).localError(errno);
        localError();
        once(errno, () =>
          log.warn(
            { server: server.address, name, errno },
            `this machine itself could not ask DNS (${errno}), which is no failed lookup; further ones are only counted (internode_dns_local_errors_total)`,
          ),
        );
      },
    },
  });
}
