// The mesh as its exporters tell it: counters of every slot, whoever exports them.
import type { Sample } from "./exposition-parser.ts";

export interface SlotCounters {
  readonly source: string;
  readonly destination: string;
  readonly network: string;
  readonly protocol: string;
  readonly probes: number;
  readonly failures: number;
  /** Answers with a round-trip time. */
  readonly answers: number;
}

/** "node-1 → node-2 pod icmp" → its counters; a slot of IPv6 ends in " ipv6". */
export type Slots = ReadonlyMap<string, SlotCounters>;

const DEFAULT_SLOTS = ["pod icmp", "pod tcp", "pod udp", "node icmp"];

/** Names of all slots of a full mesh of these nodes, sorted. */
export function slotsAmong(nodes: readonly string[], kinds: readonly string[] = DEFAULT_SLOTS): readonly string[] {
  return nodes
    .flatMap((source) =>
      nodes
        .filter((node) => node !== source)
        .flatMap((destination) => kinds.map((kind) => `${source} → ${destination} ${kind}`)),
    )
    .sort();
}

/** Throws when a slot is told twice, or lacks one of its counters: all of them begin at 0 together. */
export function slotsOf(samples: readonly Sample[]): Slots {
  const answers = valuesBySlot(samples, "internode_rtt_seconds_count");
  const failures = valuesBySlot(samples, "internode_probe_failures_total");
  const slots = [...valuesBySlot(samples, "internode_probes_total")].map(
    ([name, { labels, value }]): [string, SlotCounters] => {
      const { source_node: source, destination_node: destination, network, protocol } = labels;
      const counted = (values: typeof answers): number => {
        const sample = values.get(name);
        if (sample === undefined) throw new Error(`${name} lacks a counter`);
        return sample.value;
      };
      return [
        name,
        {
          source: source!,
          destination: destination!,
          network: network!,
          protocol: protocol!,
          probes: value,
          failures: counted(failures),
          answers: counted(answers),
        },
      ];
    },
  );
  return new Map(slots);
}

/** What was counted between two looks, for the slots that both saw and whose agent did not begin anew. */
export function since(before: Slots, now: Slots): Slots {
  const grown = [...now].flatMap(([name, counters]): [string, SlotCounters][] => {
    const old = before.get(name);
    if (old === undefined || old.probes > counters.probes) return [];
    return [
      [
        name,
        {
          ...counters,
          probes: counters.probes - old.probes,
          failures: counters.failures - old.failures,
          answers: counters.answers - old.answers,
        },
      ],
    ];
  });
  return new Map(grown);
}

export function namesWhere(slots: Slots, holds: (counters: SlotCounters) => boolean): readonly string[] {
  return [...slots]
    .filter(([, counters]) => holds(counters))
    .map(([name]) => name)
    .sort();
}

export const wasHealthy = ({ probes, failures, answers }: SlotCounters): boolean =>
  probes > 0 && failures === 0 && answers > 0;
export const wasDead = ({ probes, failures, answers }: SlotCounters): boolean =>
  probes > 0 && failures === probes && answers === 0;

function valuesBySlot(samples: readonly Sample[], metric: string): ReadonlyMap<string, Sample> {
  const bySlot = new Map<string, Sample>();
  for (const sample of samples.filter(({ name }) => name === metric)) {
    const { source_node: source, destination_node: destination, network, protocol, ip_family: family } = sample.labels;
    const name = `${source} → ${destination} ${network} ${protocol}${family === "ipv6" ? " ipv6" : ""}`;
    if (bySlot.has(name)) throw new Error(`${metric} of ${name} is told twice`);
    bySlot.set(name, sample);
  }
  return bySlot;
}
