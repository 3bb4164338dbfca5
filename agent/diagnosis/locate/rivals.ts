// How sure it is that this culprit and no other is to blame: its score against that of the best other place that could
// stand in for it, the rest of the model left as it is.
import type { Steps } from "../../base/slices.ts";
import { samePlace, type Candidate } from "./candidate.ts";
import { groupCandidate, nodeSums } from "./groups.ts";
import { scoreOf, type Score } from "./likelihood.ts";
import type { Component, LossModel } from "./model.ts";
import { nodeCandidate, pairScores, wideScores, zonePairCandidate } from "./screen.ts";

/** Nodes that are tried as one more or one less member of a group. */
const TOGGLED = 40;

export interface Standing {
  readonly own: Score;
  /** The best other place, if any pays. */
  readonly rival: Score | undefined;
  /** In nats; what pays nothing counts as 0. */
  readonly margin: number;
  /** The same against those places alone that would not lose on all of its edges as well. */
  readonly apart: number;
}

export function* standingOf(model: LossModel, component: Component): Steps<Standing> {
  const putBack = model.takeOut(component);
  try {
    const own = scoreOf(model, component.candidate);
    const rivals = (yield* rivalsOf(model, component)).filter(
      ({ candidate }) => !isSame(candidate, component.candidate),
    );
    const rival = rivals.reduce<Score | undefined>((best, r) => (best && best.score >= r.score ? best : r), undefined);
    const others = withoutWider(rivals, component.candidate, model);
    return { own, rival, margin: marginOf(own, rivals), apart: marginOf(own, others) };
  } finally {
    putBack();
  }
}

/** Two names of the same edges (a group that is a zone) are no rivals: the cheaper one is its name. */
const isSame = (a: Candidate, b: Candidate): boolean =>
  samePlace(a.place, b.place) ||
  (a.scope === b.scope && a.edges.length === b.edges.length && a.edges.every((edge, i) => edge === b.edges[i]));

/**
 * Without those of which it is true as well that these two zones lose packets of each other. Where a third zone is small,
 * a zone that loses with all others loses on hardly more pairs, and it takes a hundred packets to tell the two apart.
 */
function withoutWider(rivals: readonly Score[], own: Candidate, { window: { topology } }: LossModel): readonly Score[] {
  if (own.place.kind !== "zone-pair") return rivals;
  const isOwn = new Uint8Array(topology.edges);
  for (const edge of own.edges) isOwn[edge] = 1;
  const shared = (edges: Uint32Array): number => edges.reduce((sum, edge) => sum + isOwn[edge]!, 0);
  return rivals.filter(({ candidate: { scope, edges } }) => scope !== own.scope || shared(edges) < own.edges.length);
}

/** By plain likelihood: that a rival's edges lose unevenly is in it already. What pays nothing counts as 0. */
function marginOf(own: Score, rivals: readonly Score[]): number {
  const best = rivals.reduce((most, r) => Math.max(most, r.gain - r.candidate.price), 0);
  return (own.gain - own.candidate.price - best) / own.dispersion;
}

function* rivalsOf(model: LossModel, { candidate }: Component): Steps<Score[]> {
  const { place, scope } = candidate;
  if (place.kind === "pair") return rivalsOfPair(model, place.edge, scope);
  const rivals = (yield* pairScores(model)).slice(0, 3);
  for (const each of new Set([0, scope])) {
    yield;
    rivals.push(...(yield* wideScores(model, each)));
  }
  yield;
  if (place.kind !== "group" && place.kind !== "node") return rivals;
  const members = place.kind === "group" ? place.members : [place.node];
  return [...rivals, ...(yield* otherMembers(model, members, scope))];
}

/** Few, since there may be many pairs: the nodes at its ends and the zones that it lies between. */
function rivalsOfPair(model: LossModel, edge: number, scope: number): Score[] {
  const { topology } = model.window;
  const zones = zonePairCandidate(model, edge, scope);
  const nodes = topology.nodes > 2 ? [topology.low[edge]!, topology.high[edge]!] : [];
  return [...nodes.map((node) => nodeCandidate(model, node, scope)), ...(zones ? [zones] : [])].map((c) =>
    scoreOf(model, c),
  );
}

/** The group with one member more, and with one less; what is left of two is a node. */
function* otherMembers(model: LossModel, members: readonly number[], scope: number): Steps<Score[]> {
  const { topology } = model.window;
  const { excess } = nodeSums(topology, model.surpluses(scope)[0]!);
  const own = new Set(members);
  const outside = [...excess.keys()]
    .filter((v) => !own.has(v) && excess[v]! > 0 && !model.window.isBurst(scope, v))
    .sort((a, b) => excess[b]! - excess[a]!)
    .slice(0, TOGGLED);
  const sets = [
    ...members.map((m) => members.filter((other) => other !== m)),
    ...outside.map((v) => [...members, v].sort((a, b) => a - b)),
  ].filter((set) => set.length > 0 && set.length <= topology.nodes / 2);
  const scores: Score[] = [];
  for (const set of sets) {
    yield;
    const candidate = set.length === 1 ? nodeCandidate(model, set[0]!, scope) : groupCandidate(model, set, scope);
    scores.push(scoreOf(model, candidate));
  }
  return scores;
}
