// What may be at fault: a set of edges that one culprit would make lose, in one scope, and how unlikely it is beforehand.
import type { Topology } from "./topology.ts";

export type Place =
  | { readonly kind: "node"; readonly node: number }
  | { readonly kind: "pair"; readonly edge: number }
  | { readonly kind: "zone"; readonly zone: number }
  | { readonly kind: "zone-pair"; readonly zones: readonly [number, number] }
  /** Members in ascending order, at most half the mesh; loss between them and the rest. */
  | { readonly kind: "group"; readonly members: readonly number[] }
  | { readonly kind: "mesh" };

export interface Candidate {
  readonly place: Place;
  readonly edges: Uint32Array;
  /** Index into the window's scopes. */
  readonly scope: number;
  /** Nats of evidence that it must bring: minus the logarithm of its probability beforehand. */
  readonly price: number;
}

/** What any fault costs beforehand. Chosen so that a calm month opens nothing (docs/detection.md). */
export const FAULT_PRICE = 14;

export const nodeEdges = ({ start, incident }: Topology, node: number): Uint32Array =>
  incident.subarray(start[node], start[node + 1]);

/** Of all edges, the share from which on to look at each is cheaper than to sort those that were found. */
const MANY = 1 / 16;

/** Edges with exactly one end among the members, in ascending order. */
export function cutEdges(topology: Topology, members: readonly number[]): Uint32Array {
  const { low, high, edges } = topology;
  const each = new Set(members);
  const isMember = new Uint8Array(topology.nodes);
  let own = 0;
  for (const member of each) {
    isMember[member] = 1;
    own += topology.start[member + 1]! - topology.start[member]!;
  }
  const isFew = own < MANY * edges;
  const cut = new Uint32Array(isFew ? own : edges);
  let count = 0;
  if (isFew) {
    for (const member of each)
      for (const e of nodeEdges(topology, member)) if (isMember[low[e]!] !== isMember[high[e]!]) cut[count++] = e;
    return cut.subarray(0, count).sort();
  }
  for (let e = 0; e < edges; e++) if (isMember[low[e]!] !== isMember[high[e]!]) cut[count++] = e;
  return cut.subarray(0, count);
}

export function samePlace(a: Place, b: Place): boolean {
  switch (a.kind) {
    case "node":
      return b.kind === "node" && a.node === b.node;
    case "pair":
      return b.kind === "pair" && a.edge === b.edge;
    case "zone":
      return b.kind === "zone" && a.zone === b.zone;
    case "zone-pair":
      return b.kind === "zone-pair" && a.zones[0] === b.zones[0] && a.zones[1] === b.zones[1];
    case "group":
      return (
        b.kind === "group" && a.members.length === b.members.length && a.members.every((m, i) => m === b.members[i])
      );
    case "mesh":
      return b.kind === "mesh";
  }
}

/** ln of how many sets of `size` there are among `nodes`, and one for the size itself. */
export function groupPrice(nodes: number, size: number): number {
  return Math.log(Math.max(2, nodes / 2)) + lnFactorial(nodes) - lnFactorial(size) - lnFactorial(nodes - size);
}

/** ln n! by n, as far as it was asked for. */
const LN_FACTORIALS = [0];

function lnFactorial(n: number): number {
  for (let i = LN_FACTORIALS.length; i <= n; i++) LN_FACTORIALS.push(LN_FACTORIALS[i - 1]! + Math.log(i));
  return LN_FACTORIALS[n]!;
}
