// The mesh as its exporters tell it: counters of every slot, whoever exports them.
import type { Sample } from "../support/exposition-parser.ts";

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

/** "node-1 → node-2 pod icmp" → its counters. */
export type Slots = ReadonlyMap<string, SlotCounters>;

const DEFAULT_SLOTS = ["pod icmp", "pod tcp", "pod udp", "node icmp"];

/** Names of all slots of a full mesh of these nodes, sorted. */
export function slotsAmong(nodes: readonly string[], kinds: readonly string[] = DEFAULT_SLOTS): readonly string[] {
  return nodes.flatMap((source) => nodes.filter((node) => node !== source).flatMap((destination) => kinds.map((kind) => `${source} → ${destination} ${kind}`))).sort();
}

export function slotsOf(samples: readonly Sample[]): Slots {
  const answers = valuesBySlot(samples, "internode_rtt_seconds_count");
  const failures = valuesBySlot(samples, "internode_probe_failures_total");
  const slots = samples
    .filter(({ name }) => name === "internode_probes_total")
    .map(({ labels, value }): [string, SlotCounters] => {
      const name = nameOf(labels);
      const { source_node: source, destination_node: destination, network, protocol } = labels;
      return [name, { source: source!, destination: destination!, network: network!, protocol: protocol!, probes: value, failures: failures.get(name)!, answers: answers.get(name)! }];
    });
  return new Map(slots);
}

/** What was counted between two looks, for the slots that both saw and whose agent did not begin anew. */
export function since(before: Slots, now: Slots): Slots {
  const grown = [...now].flatMap(([name, counters]): [string, SlotCounters][] => {
    const old = before.get(name);
    if (old === undefined || old.probes > counters.probes) return [];
    return [[name, { ...counters, probes: counters.probes - old.probes, failures: counters.failures - old.failures, answers: counters.answers - old.answers }]];
  });
  return new Map(grown);
}

export function namesWhere(slots: Slots, holds: (counters: SlotCounters) => boolean): readonly string[] {
  return [...slots].filter(([, counters]) => holds(counters)).map(([name]) => name).sort();
}

function valuesBySlot(samples: readonly Sample[], metric: string): ReadonlyMap<string, number> {
  return new Map(samples.filter(({ name }) => name === metric).map(({ labels, value }) => [nameOf(labels), value]));
}

function nameOf({ source_node: source, destination_node: destination, network, protocol }: Sample["labels"]): string {
  return `${source} → ${destination} ${network} ${protocol}`;
}
