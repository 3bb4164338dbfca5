// The service path with its targets: our own Service, and that of the API server for who asks for it.
import { phase } from "../base/hash.ts";
import type { Config } from "../config/schema.ts";
import { conntrackState } from "../probes/conntrack.ts";
import { openServiceProber, type ServiceProber, type ServiceTarget } from "../probes/service.ts";
import type { NodeProbe, NodeProbeOptions } from "./node-probes.ts";

export const SERVICE_PATH: NodeProbe = {
  name: "service",
  isOn: (config) => serviceTargets(config).length > 0,
  open: openServicePath,
};

/** A handshake without a word is noted there as a TLS error (docs/service-path.md), so they are few. */
const API_SERVER_INTERVAL_MS = 30_000;
/** The name of the API server's Service in every cluster; with the search list of a pod it is found. */
const API_SERVER_NAME = "kubernetes.default.svc";

/** What is to be probed; empty when nothing is. */
export function serviceTargets(
  { servicePath, ports }: Pick<Config, "ports" | "servicePath">,
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly ServiceTarget[] {
  const { enabled, hosts, apiServer, intervalMs, timeoutMs } = servicePath;
  const targets: ServiceTarget[] = [];
  if (enabled && hosts.length > 0) targets.push({ service: "agents", hosts, port: ports.probe, intervalMs, timeoutMs });
  if (enabled && apiServer) {
    // kubelet gives every pod these two, whatever its enableServiceLinks says.
    const host = env["KUBERNETES_SERVICE_HOST"] || API_SERVER_NAME;
    const port = Number(env["KUBERNETES_SERVICE_PORT"] || 443);
    const slower = Math.max(intervalMs, API_SERVER_INTERVAL_MS);
    targets.push({ service: "kubernetes", hosts: [host], port, intervalMs: slower, timeoutMs });
  }
  return targets;
}

async function openServicePath(options: NodeProbeOptions): Promise<ServiceProber> {
  const { config, engine, log, localError } = options;
  const results = options.results.services;
  const told = new Set<string>();
  const once = (key: string, tell: () => void): void => {
    if (!told.has(key)) tell();
    told.add(key);
  };
  return openServiceProber({
    clock: engine.clock,
    engine: engine.engine,
    targets: serviceTargets(config),
    phase,
    node: config.node.name,
    conntrack: conntrackState,
    sink: {
      opened(path) {
        results.opened(path);
        log.info({ service: path.service, address: path.address }, "the service path is probed");
      },
      closed: (path) => results.closed(path),
      record: (path, outcome) => results.record(path, outcome),
      localError(path, errno) {
        const { service, address } = path;
        results.localError(path, errno);
        localError();
        once(errno, () =>
          log.warn(
            { service, address, errno },
            `this machine itself could not open a connection (${errno}), which is no failed probe; further ones are only counted (internode_service_local_errors_total)`,
          ),
        );
      },
      looked(service, trouble) {
        results.looked(service, trouble);
        if (trouble === undefined) return;
        once(`${service}: ${trouble}`, () => log.debug({ service, trouble }, "looking up the address of a Service"));
      },
    },
  });
}
