// Groups that nobody has a name for: nodes that lose packets with the rest and not among themselves, because they share
// a switch, an uplink, a hypervisor. Grown from the worst nodes, one node at a time, by what the cut between the group
// and the rest loses.
import { FAULT_PRICE, cutEdges, groupPrice, nodeEdges, type Candidate } from "./candidate.ts";
import type { LossModel, Surplus } from "./model.ts";
import type { Steps } from "../../base/slices.ts";
import type { Topology } from "./topology.ts";
import type { LossWindow } from "./window.ts";

/** Growth begins at each of the worst nodes. */
const SEEDS = 4;
/** Of more nodes than these only the most promising are looked at exactly, once the group has a few members. */
const MANY = 64;
const A_FEW = 8;
const MOST_PROMISING = 8;
/** Standard deviations above what is expected that a node must lose to join. */
const JOINS = 2.5;

export function* groupCandidates(model: LossModel, scope: number): Steps<Candidate[]> {
  const { topology } = model.window;
  if (topology.nodes < 4) return [];
  const found = new Map<string, Candidate>();
  for (const surplus of model.surpluses(scope)) {
    for (const members of yield* grownGroups(model.window, scope, surplus))
      found.set(members.join(), groupCandidate(model, members, scope));
  }
  return [...found.values()];
}

export function groupCandidate(model: LossModel, members: readonly number[], scope: number): Candidate {
  const { topology, scopes } = model.window;
  return {
    place: { kind: "group", members },
    edges: cutEdges(topology, members),
    scope,
    price: FAULT_PRICE + groupPrice(topology.nodes, members.length) + scopes[scope]!.cost,
  };
}

function* grownGroups({ topology, isBurst }: LossWindow, scope: number, surplus: Surplus): Steps<number[][]> {
  const sums = nodeSums(topology, surplus);
  yield;
  const eligible: number[] = [];
  for (let v = 0, asked = 0; v < sums.excess.length; v++) {
    if (sums.excess[v]! <= JOINS * Math.sqrt(sums.expected[v]! + 1)) continue;
    if (++asked % 8 === 0) yield;
    if (!isBurst(scope, v)) eligible.push(v);
  }
  eligible.sort((a, b) => sums.excess[b]! - sums.excess[a]!);
  if (eligible.length < 2) return [];
  const groups: number[][] = [];
  for (const seed of eligible.slice(0, SEEDS)) {
    // It would most often grow into the same again.
    if (eligible.length > MANY && groups.some((members) => members.includes(seed))) continue;
    groups.push(yield* grow({ topology, surplus, sums, eligible, seed }));
    yield;
  }
  return groups.filter((members) => members.length > 1);
}

/** The surplus of each node's edges together. */
export function nodeSums({ nodes, edges, low, high }: Topology, { excess, expected }: Surplus) {
  const sums = { excess: new Float64Array(nodes), expected: new Float64Array(nodes) };
  for (let e = 0; e < edges; e++) {
    const a = low[e]!;
    const b = high[e]!;
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
  /** Of the cut between the group and the rest. */
  let [cutExcess, cutExpected, size] = [0, 0, 0];
  /** What the cut is worth when this node changes sides. Called a million times in a large mesh: it allocates nothing. */
  const worthWith = (node: number): number => {
    const sign = inside[node] === 1 ? -1 : 1;
    const over = cutExcess + sign * (sums.excess[node]! - 2 * excess[node]!);
    if (over <= 0) return 0;
    const usual = cutExpected + sign * (sums.expected[node]! - 2 * expected[node]!);
    const next = size + sign;
    return poissonGain(over + usual, usual) - (next > 1 ? groupPrice(nodes, next) : Math.log(nodes));
  };
  const take = (node: number): void => {
    const sign = inside[node] === 1 ? -1 : 1;
    cutExcess += sign * (sums.excess[node]! - 2 * excess[node]!);
    cutExpected += sign * (sums.expected[node]! - 2 * expected[node]!);
    size += sign;
    inside[node] = sign === 1 ? 1 : 0;
    for (const e of nodeEdges(topology, node)) {
      const other = low[e] === node ? high[e]! : low[e]!;
      excess[other]! += sign * surplus.excess[e]!;
      expected[other]! += sign * surplus.expected[e]!;
    }
  };
  const canChange = (node: number): boolean => {
    const next = size + (inside[node] === 1 ? -1 : 1);
    return next >= 1 && next <= nodes / 2;
  };
  /** Those that would gain most if a small change of the cut were worth what its slope says. */
  const promising = new Top(MOST_PROMISING);
  const mostPromising = (): Iterable<number> => {
    const ratio = (cutExcess + cutExpected) / cutExpected;
    const perExcess = Math.log(ratio);
    const perExpected = perExcess + 1 - ratio;
    promising.clear();
    for (const node of eligible) {
      const sign = inside[node] === 1 ? -1 : 1;
      const over = sums.excess[node]! - 2 * excess[node]!;
      const usual = sums.expected[node]! - 2 * expected[node]!;
      if (canChange(node)) promising.add(node, sign * (perExcess * over + perExpected * usual));
    }
    return promising.members;
  };
  let best = worthWith(seed);
  take(seed);
  for (let step = 0; step < 2 * nodes; step++) {
    let at = -1;
    const isSloped = eligible.length > MANY && size >= A_FEW && cutExcess > 0 && cutExpected > 0;
    for (const node of isSloped ? mostPromising() : eligible) {
      if (!canChange(node)) continue;
      const value = worthWith(node);
      if (value > best + 1e-9) [best, at] = [value, node];
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

/** The few with the highest values of those that were added. */
class Top {
  readonly #most: number;
  readonly #members: number[] = [];
  readonly #values: number[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Highest first. */
  get members(): readonly number[] {
    return this.#members;
  }

  clear(): void {
    this.#members.length = 0;
    this.#values.length = 0;
  }

  add(member: number, value: number): void {
    const isFull = this.#values.length === this.#most;
    if (isFull && value <= this.#values.at(-1)!) return;
    if (isFull) {
      this.#members.pop();
      this.#values.pop();
    }
    let at = this.#values.length;
    while (at > 0 && this.#values[at - 1]! < value) at--;
    this.#members.splice(at, 0, member);
    this.#values.splice(at, 0, value);
  }
}
