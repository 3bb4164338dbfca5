// The one catalogue of every metric the agent exports. Names and labels are a public interface: the exposition, the
// docs page and the checks of dashboards and rules all derive from it.
import { FINDING_CODES } from "../model/finding.ts";
import { ANOMALY_KINDS, LOSS_DIRECTIONS, type StampClock } from "../model/outcome.ts";
import { IP_FAMILIES, NETWORKS } from "../model/peer.ts";
import { SERVICES } from "../model/service.ts";
import { REFLECTOR_RESULTS } from "../model/snapshot.ts";
import { PROTOCOLS } from "../probes/protocols.ts";
import { DNS_METRICS, SELF_METRICS } from "./agent-metrics.ts";
import { PAIR_METRICS } from "./pair-metrics.ts";
import { SERVICE_METRICS } from "./service-metrics.ts";

export type { Metric } from "./metric.ts";
export { PAIR_LABELS } from "./pair-metrics.ts";

/** Parts of an agent that an error closes alone. */
export const PARTS = [...PROTOCOLS, "reflector", "path_mtu", "dns", "service"] as const;
export type Part = (typeof PARTS)[number];

/** Values that a label may take where they are known beforehand; of all others only the meaning is. */
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

/** In the order of the exposition. */
export const CATALOGUE = { ...PAIR_METRICS, ...DNS_METRICS, ...SERVICE_METRICS, ...SELF_METRICS } as const;

export type MetricKey = keyof typeof CATALOGUE;
