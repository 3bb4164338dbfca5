// The one order in which nodes are shown: by zone, then by name, with numbers counted (node-2 before node-10).
import type { Node } from "./peer.ts";

/** "base": names that differ in case only are told apart by the code points below, so that the order is total. */
const counted = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

export const compareNames = (a: string, b: string): number => counted.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/** Nodes without a zone come last: a zone that is not known is nothing to lead with. */
export function compareNodes(a: Node, b: Node): number {
  if (a.zone !== b.zone) {
    if (a.zone === "") return 1;
    if (b.zone === "") return -1;
    return compareNames(a.zone, b.zone);
  }
  return compareNames(a.name, b.name);
}

export function inDisplayOrder<N extends Node>(nodes: Iterable<N>): N[] {
  return [...nodes].sort(compareNodes);
}
