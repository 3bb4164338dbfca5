// Looks over all candidates by sums, and scores exactly those that look worst.
import type { Steps } from "../../base/slices.ts";
import { FAULT_PRICE, nodeEdges, type Candidate, type Place } from "./candidate.ts";
import { groupCandidates, nodeSums, poissonGain } from "./groups.ts";
import { scoreOf, type Score } from "./likelihood.ts";
import type { LossModel, Surplus } from "./model.ts";
import { zonePair } from "./topology.ts";

/** Candidates of a kind and scope that are scored exactly. */
const LOOKED_AT = 5;

/** Nodes, zones, pairs of zones, groups and the mesh that would pay in this scope, best first. */
export function* wideScores(model: LossModel, scope: number): Steps<Score[]> {
  const scores: Score[] = [];
  // What all of these ask for.
  model.expectedOf(scope);
  yield;
  model.surpluses(scope);
  yield;
  for (const kind of [nodes, zones, mesh, groups]) {
    for (const candidate of yield* kind(model, scope)) {
      const score = scoreOf(model, candidate);
      if (score.score > 0) scores.push(score);
      if (candidate.edges.length > FEW) yield;
    }
    yield;
  }
  return scores.sort((a, b) => b.score - a.score);
}

/** Edges of a candidate that is scored in no time. */
const FEW = 1_024;

/** Of every edge the scope in which it pays best, if any; best first. */
export function* pairScores(model: LossModel): Steps<Score[]> {
  const { topology, byScope, scopes } = model.window;
  const best = new Map<number, Score>();
  for (const scope of scopes.keys()) {
    yield;
    const { cost } = scopes[scope]!;
    const { lost } = byScope[scope]!;
    const expected = model.expectedOf(scope);
    const price = pairPrice(topology.edges) + cost;
    for (let i = 0; i < model.hot.length; i++) {
      const edge = model.hot[i]!;
      if (lost[edge] === 0 || poissonGain(lost[edge]!, expected[edge]!) <= price) continue;
      const score = scoreOf(model, pairCandidate(model, edge, scope));
      if (score.score > (best.get(edge)?.score ?? 0)) best.set(edge, score);
    }
  }
  return [...best.values()].sort((a, b) => b.score - a.score);
}

const pairPrice = (edges: number): number => FAULT_PRICE + Math.log(Math.max(1, edges));

export function pairCandidate(model: LossModel, edge: number, scope: number): Candidate {
  const { topology, scopes } = model.window;
  return {
    place: { kind: "pair", edge },
    edges: Uint32Array.of(edge),
    scope,
    price: pairPrice(topology.edges) + scopes[scope]!.cost,
  };
}

/** Groups are looked for where a switch or a cable would show: on all paths, or on all of one network. */
function isBroad({ window }: LossModel, scope: number): boolean {
  const { protocol, family } = window.scopes[scope]!.scope;
  return protocol === undefined && family === undefined;
}

export function nodeCandidate(model: LossModel, node: number, scope: number): Candidate {
  const { topology, scopes } = model.window;
  return {
    place: { kind: "node", node },
    edges: nodeEdges(topology, node),
    scope,
    price: FAULT_PRICE + Math.log(topology.nodes) + scopes[scope]!.cost,
  };
}

function* groups(model: LossModel, scope: number): Steps<Candidate[]> {
  return isBroad(model, scope) ? yield* groupCandidates(model, scope) : [];
}

function* nodes(model: LossModel, scope: number): Steps<Candidate[]> {
  const { topology } = model.window;
  // With two nodes both have the same only edge.
  if (topology.nodes < 3) return [];
  const gains = new Float64Array(topology.nodes);
  for (const surplus of model.surpluses(scope)) {
    const { excess, expected } = nodeSums(topology, surplus);
    for (let v = 0; v < gains.length; v++)
      gains[v] = Math.max(gains[v]!, poissonGain(excess[v]! + expected[v]!, expected[v]!));
    yield;
  }
  return [...gains.keys()]
    .filter((v) => gains[v]! > FAULT_PRICE / 2 && topology.start[v + 1]! - topology.start[v]! > 1)
    .sort((a, b) => gains[b]! - gains[a]!)
    .slice(0, LOOKED_AT)
    .map((v) => nodeCandidate(model, v, scope));
}

function* zones(model: LossModel, scope: number): Steps<Candidate[]> {
  const { topology, scopes } = model.window;
  const count = topology.zones.length;
  const price = FAULT_PRICE + scopes[scope]!.cost;
  const found: Candidate[] = [];
  const add = (place: Place, edges: Uint32Array, choices: number): void => {
    if (edges.length > 1 && isLoud(model, scope, edges))
      found.push({ place, edges, scope, price: price + Math.log(choices) });
  };
  for (const [key, edges] of topology.zoneEdges) {
    yield;
    const zones = [Math.floor(key / count), key % count] as const;
    // All that is measured is the mesh.
    if (edges.length < topology.edges) add({ kind: "zone-pair", zones }, edges, (count * (count + 1)) / 2);
  }
  // Two zones that hold all nodes are a pair of zones; so is what they lose with each other.
  const isPair = count === 2 && topology.zoneOf.every((zone) => zone >= 0);
  // And a zone of all nodes but one loses with the rest what that one loses.
  const outside = (zone: number): number => topology.zoneOf.reduce((n, of) => n + (of === zone ? 0 : 1), 0);
  if (!isPair)
    for (const [zone, edges] of topology.zoneCuts.entries()) {
      yield;
      if (outside(zone) > 1) add({ kind: "zone", zone }, edges, count);
    }
  return found;
}

/** The pair of zones that an edge lies between, where both have a name. */
export function zonePairCandidate(model: LossModel, edge: number, scope: number): Candidate | undefined {
  const { topology, scopes } = model.window;
  const count = topology.zones.length;
  const [a, b] = [topology.zoneOf[topology.low[edge]!]!, topology.zoneOf[topology.high[edge]!]!];
  if (a < 0 || b < 0) return undefined;
  const zones = a < b ? ([a, b] as const) : ([b, a] as const);
  const edges = topology.zoneEdges.get(zonePair(a, b, count))!;
  // That is the pair of nodes itself.
  if (edges.length < 2) return undefined;
  const price = FAULT_PRICE + scopes[scope]!.cost + Math.log((count * (count + 1)) / 2);
  return { place: { kind: "zone-pair", zones }, edges, scope, price };
}

function* mesh(model: LossModel, scope: number): Steps<Candidate[]> {
  const { topology, scopes } = model.window;
  if (topology.edges < 3) return [];
  const edges = topology.all;
  const candidate: Candidate = { place: { kind: "mesh" }, edges, scope, price: FAULT_PRICE + scopes[scope]!.cost };
  yield;
  return isLoud(model, scope, edges) ? [candidate] : [];
}

const isLoud = (model: LossModel, scope: number, edges: Uint32Array): boolean =>
  model.surpluses(scope).some((surplus) => gainOn(edges, surplus) > FAULT_PRICE / 2);

/** A function by itself, that stays: what is made anew for each call is compiled anew after each collection. */
function gainOn(edges: Uint32Array, { excess, expected }: Surplus): number {
  let [over, m] = [0, 0];
  for (let i = 0; i < edges.length; i++) {
    over += excess[edges[i]!]!;
    m += expected[edges[i]!]!;
  }
  return poissonGain(over + m, m);
}
