// The families of the service path: a few lines an agent, from totals that were taken at one moment.
import type { Node } from "../model/peer.ts";
import type { ServiceCounts, ServiceTotals } from "../results/service-results.ts";
import type { Family } from "./pair-families.ts";
import { SERVICE_METRICS, type ServiceMetricKey } from "./service-metrics.ts";
import { openLabels, seconds } from "./text-format.ts";

/** Every metric of the service path has its family: one without does not compile. */
export function serviceFamily(key: ServiceMetricKey, self: Node, totals: ServiceTotals): Family {
  const { name } = SERVICE_METRICS[key];
  const labelsOf = ({ service, family }: ServiceCounts) =>
    openLabels(SERVICE_METRICS.serviceProbes.labels, [self.name, service, family]);
  const perPath = (lines: (counts: ServiceCounts, labels: string) => string): Family => ({
    rows: totals.paths.length,
    lines: (row) => lines(totals.paths[row]!, labelsOf(totals.paths[row]!)),
  });
  const whenSeen = (labels: string, label: string, counts: ReadonlyMap<string, number>) =>
    [...counts].map(([value, count]) => `${name}${labels},${label}="${value}"} ${count}\n`).join("");
  switch (key) {
    case "serviceProbes":
      return perPath(({ probes }, labels) => `${name}${labels}} ${probes}\n`);
    case "serviceFailures":
      return perPath(({ failures }, labels) => `${name}${labels}} ${failures}\n`);
    case "serviceFailureReasons":
      return perPath(({ reasons }, labels) => whenSeen(labels, "reason", reasons));
    case "serviceSynRetransmits":
      return perPath(({ retransmits }, labels) => `${name}${labels}} ${retransmits}\n`);
    case "serviceLocalErrors":
      return perPath(({ localErrors }, labels) => whenSeen(labels, "errno", localErrors));
    case "serviceRtt":
      return perPath(
        ({ rttSumNs, rttCount }, labels) =>
          `${name}_sum${labels}} ${seconds(rttSumNs)}\n${name}_count${labels}} ${rttCount}\n`,
      );
    case "serviceAddresses": {
      const addresses = [...totals.addresses];
      return {
        rows: addresses.length,
        lines: (row) => {
          const [service, count] = addresses[row]!;
          return `${name}${openLabels(SERVICE_METRICS.serviceAddresses.labels, [self.name, service])}} ${count}\n`;
        },
      };
    }
  }
}
