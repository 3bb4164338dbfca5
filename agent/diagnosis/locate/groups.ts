// Groups that nobody has a name for: nodes that lose packets with the rest and not among themselves, because they share
// a switch, an uplink, a hypervisor. Grown from the worst nodes, one node at a time, by what the cut between the group
// and the rest loses.
import { FAULT_PRICE, cutEdges, groupPrice, membersMask, nodeEdges, type Candidate } from "./candidate.ts";
import type { LossModel, Surplus } from "./model.ts";
import type { Steps } from "../../base/slices.ts";
import type { Topology } from "./topology.ts";

/** Growth begins at each of the worst nodes. */
const SEEDS = 4;
/** Standard deviations above what is expected that a node must lose to join. */
const JOINS = 2.5;

export function* groupCandidates(model: LossModel, scope: number): Steps<Candidate[]> {
  const { topology } = model.window;
  if (topology.nodes < 4) return [];
  const found = new Map<string, Candidate>();
  for (const surplus of model.surpluses(scope)) {
    for (const members of yield* grownGroups(topology, surplus))
      found.set(members.join(), groupCandidate(model, members, scope));
  }
  return [...found.values()];
}

export function groupCandidate(model: LossModel, members: readonly number[], scope: number): Candidate {
  const { topology, scopes } = model.window;
  return {
    place: { kind: "group", members },
    edges: cutEdges(topology, membersMask(topology.nodes, members)),
    scope,
    price: FAULT_PRICE + groupPrice(topology.nodes, members.length) + scopes[scope]!.cost,
  };
}

function* grownGroups(topology: Topology, surplus: Surplus): Steps<number[][]> {
  const sums = nodeSums(topology, surplus);
  yield;
  const eligible = [...sums.excess.keys()]
    .filter((v) => sums.excess[v]! > JOINS * Math.sqrt(sums.expected[v]! + 1))
    .sort((a, b) => sums.excess[b]! - sums.excess[a]!);
  if (eligible.length < 2) return [];
  const groups: number[][] = [];
  for (const seed of eligible.slice(0, SEEDS)) {
    groups.push(yield* grow({ topology, surplus, sums, eligible, seed }));
    yield;
  }
  return groups.filter((members) => members.length > 1);
}

/** The surplus of each node's edges together. */
export function nodeSums({ nodes, edges, low, high }: Topology, { excess, expected }: Surplus) {
  const sums = { excess: new Float64Array(nodes), expected: new Float64Array(nodes) };
  for (let e = 0; e < edges; e++) {
    const [a, b] = [low[e]!, high[e]!];
    sums.excess[a]! += excess[e]!;
    sums.excess[b]! += excess[e]!;
    sums.expected[a]! += expected[e]!;
    sums.expected[b]! += expected[e]!;
  }
  return sums;
}

interface Growth {
  readonly topology: Topology;
  readonly surplus: Surplus;
  readonly sums: ReturnType<typeof nodeSums>;
  readonly eligible: readonly number[];
  readonly seed: number;
}

function* grow({ topology, surplus, sums, eligible, seed }: Growth): Steps<number[]> {
  const { low, high, nodes } = topology;
  const inside = new Uint8Array(nodes);
  // Of each node, what lies between it and the group so far.
  const excess = new Float64Array(nodes);
  const expected = new Float64Array(nodes);
  const toggle = (node: number): void => {
    const sign = inside[node] === 1 ? -1 : 1;
    inside[node] = inside[node] === 1 ? 0 : 1;
    for (const e of nodeEdges(topology, node)) {
      const other = low[e] === node ? high[e]! : low[e]!;
      excess[other]! += sign * surplus.excess[e]!;
      expected[other]! += sign * surplus.expected[e]!;
    }
  };
  let cut = { excess: 0, expected: 0 };
  /** The cut when this node changes sides. */
  const cutWith = (node: number): typeof cut => {
    const sign = inside[node] === 1 ? -1 : 1;
    return {
      excess: cut.excess + sign * (sums.excess[node]! - 2 * excess[node]!),
      expected: cut.expected + sign * (sums.expected[node]! - 2 * expected[node]!),
    };
  };
  const worth = ({ excess, expected }: typeof cut, size: number): number =>
    excess <= 0 ? 0 : poissonGain(excess + expected, expected) - (size > 1 ? groupPrice(nodes, size) : Math.log(nodes));
  let size = 0;
  let best = 0;
  const take = (node: number): void => {
    cut = cutWith(node);
    size += inside[node] === 1 ? -1 : 1;
    toggle(node);
    best = worth(cut, size);
  };
  take(seed);
  for (let step = 0; step < 2 * nodes; step++) {
    let [change, at] = [best, -1];
    for (const node of eligible) {
      const next = size + (inside[node] === 1 ? -1 : 1);
      if (next < 1 || next > nodes / 2) continue;
      const value = worth(cutWith(node), next);
      if (value > change + 1e-9) [change, at] = [value, node];
    }
    if (at < 0) break;
    take(at);
    if (step % 8 === 7) yield;
  }
  return [...inside.keys()].filter((v) => inside[v] === 1);
}

/** Gain of the most likely rate over what was expected, when all is summed up. */
export const poissonGain = (lost: number, expected: number): number =>
  lost <= expected || expected <= 0 ? 0 : lost * Math.log(lost / expected) - (lost - expected);
