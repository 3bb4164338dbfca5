// What the chart must know of the protocols to say what a mesh costs, and where something answers.
import { CATALOGUE, LABEL_VALUES, PAIR_LABELS, type Metric } from "../../agent/metrics/catalogue.ts";
import type { ProbeCost } from "../../agent/probes/descriptor.ts";
import { byProtocol, descriptorOf, type Protocol } from "../../agent/probes/protocols.ts";

export interface ProtocolFacts {
  /** Whether agents answer it at the probe port; of what is not, the kernel answers everywhere. */
  readonly needsProbePort: boolean;
  /** Whether path MTU is measured beside it. */
  readonly hasPathMtu: boolean;
  /** In the default detail, of one slot. */
  readonly series: number;
  readonly cost: ProbeCost;
}

export const protocolFacts = (): Readonly<Record<Protocol, ProtocolFacts>> =>
  byProtocol((protocol) => {
    const { answering, cost } = descriptorOf(protocol);
    return {
      needsProbePort: answering.kind !== "kernel",
      hasPathMtu: answering.kind === "reflector",
      series: seriesOfSlot(protocol),
      cost,
    };
  });

/** Series that every slot has: those that something must happen for are few. */
export function seriesOfSlot(protocol: Protocol): number {
  return Object.values<Metric>(CATALOGUE)
    .filter((metric) => PAIR_LABELS.every((label) => metric.labels.includes(label)))
    .filter(({ detail, protocols }) => detail !== "full" && protocols?.includes(protocol) !== false)
    .reduce((sum, metric) => sum + seriesOf(metric), 0);
}

function seriesOf({ type, labels, created, createdLater = [] }: Metric): number {
  // The largest delay of the last minute is there as long as a pair is answered.
  if (created === "when first seen" && type !== "gauge") return 0;
  if (type === "summary") return 2;
  const own = labels.filter((label) => !(PAIR_LABELS as readonly string[]).includes(label));
  return own.reduce(
    (product, label) => product * LABEL_VALUES[label]!.filter((value) => !createdLater.includes(value)).length,
    1,
  );
}
