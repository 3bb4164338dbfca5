// What sets one node's view apart from the others'. Pure.
import type { NodeView } from "../../model/node-view.ts";

export const PARTS = ["routes", "interfaces", "neighbours", "counters", "sockets"] as const;
/** What the commands are called. */
export type Part = (typeof PARTS)[number];

export const DIFFERENCE_KINDS = [
  "route-missing",
  "route-elsewhere",
  "route-blackholed",
  "rule-missing",
  "interface-missing",
  "interface-down",
  "mtu-differs",
  "tunnel-mtu",
  "forwarding-missing",
  "forwarding-elsewhere",
  "forwarding-stale",
  "neighbour-missing",
  "neighbour-elsewhere",
  "neighbour-unresolved",
  "neighbours-full",
  "conntrack-full",
  "interface-drops",
  "queue-drops",
  "softnet-drops",
  "softnet-squeezes",
  "socket-drops",
  "setting-differs",
  "port-missing",
] as const;
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number];

export interface Difference {
  readonly kind: DifferenceKind;
  readonly part: Part;
  /** The node that differs. */
  readonly node: string;
  /** The node that it then does not reach, or reaches by another way. */
  readonly towards?: string;
  /** It breaks something by itself; else it is only worth knowing. */
  readonly isFault: boolean;
  /** One sentence without its full stop. */
  readonly text: string;
}

/** Views of one kind of namespace, a node each, and whether there is one of every node of the mesh. */
export interface Compared {
  readonly views: readonly NodeView[];
  readonly isWhole: boolean;
  /** The same nodes some time before, for what counters have gained since. */
  readonly earlier?: readonly NodeView[];
  /** An address of a pod on each node, also of those without a view: a node that routes nothing to it is told all the same. */
  readonly pods?: ReadonlyMap<string, string>;
}

/** Below this share a habit is no rule that others could break. */
const HABIT = 0.75;
const FEWEST_FOR_A_HABIT = 3;

/** Whether `having` of `all` nodes are enough for the rest to be the exception. */
export const isHabit = (having: number, all: number): boolean =>
  all >= FEWEST_FOR_A_HABIT && having < all && having / all >= Math.min(HABIT, (all - 1) / all);

/** What most of them are, and how many; undefined for none. */
export function commonest<T>(values: Iterable<T>): { readonly value: T; readonly count: number } | undefined {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best: { readonly value: T; readonly count: number } | undefined;
  for (const [value, count] of counts) if (!best || count > best.count) best = { value, count };
  return best;
}

/** "every other node has one", "node-2 has one", "4 of 6 other nodes have one". */
export function othersHave(having: readonly string[], others: number, one = "one"): string {
  if (having.length === 1 && others === 1) return `${having[0]} has ${one}`;
  if (having.length === others) return `every other node has ${one}`;
  return `${having.length} of ${others} other nodes have ${one}`;
}

export const FAMILY = { ipv4: "IPv4", ipv6: "IPv6" } as const;
