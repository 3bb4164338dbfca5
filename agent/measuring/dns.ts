// Cluster DNS with its metrics.
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import { phase } from "../base/hash.ts";
import type { Config } from "../config/schema.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { dnsProber, dnsServers, type DnsProber } from "../probes/dns.ts";

export interface DnsOptions {
  readonly config: Pick<Config, "dns" | "node">;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, "dns">;
  readonly log: Logger;
  /** A lookup could not be made by this machine itself. */
  readonly couldNotAsk: () => void;
}

/** Throws RangeError for a name that DNS cannot carry. */
export function openDns({ config, clock, metrics, log, couldNotAsk }: DnsOptions): DnsProber {
  const servers = dnsServers(config.dns.servers);
  const recorders = new Map(
    servers.flatMap((server) =>
      config.dns.names.map((name) => [`${server.label}/${name}`, metrics.dns({ server: server.label, name })] as const),
    ),
  );
  const told = new Set<string>();
  return dnsProber({
    clock,
    servers,
    phase,
    settings: config.dns,
    node: config.node.name,
    sink: {
      lookup(server, name, outcome) {
        const recorder = recorders.get(`${server.label}/${name}`)!;
        if (outcome.kind === "failed") recorder.failed(outcome.reason);
        else recorder.answered(outcome.durationNs === undefined ? undefined : outcome.durationNs / 1e9);
      },
      localError(server, name, errno) {
        recorders.get(`${server.label}/${name}`)!.localError(errno);
        couldNotAsk();
        if (told.has(errno)) return;
        told.add(errno);
        log.warn(
          { server: server.address, name, errno },
          `this machine itself could not ask DNS (${errno}), which is no failed lookup; further ones are only counted (internode_dns_local_errors_total)`,
        );
      },
    },
  });
}
