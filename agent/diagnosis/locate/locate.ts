// Finds the culprits of a window: take the candidate that explains most, fit the rates of all anew, drop what no
// longer pays, again. Strong faults are taken out before weak ones are looked for, and a wide culprit that two narrow
// ones explain better goes when they come.
import type { Steps } from "../../base/slices.ts";
import { samePlace, type Candidate } from "./candidate.ts";
import { groupCandidate } from "./groups.ts";
import { scoreOf, type Score } from "./likelihood.ts";
import { LossModel, type Component } from "./model.ts";
import { standingOf, type Standing } from "./rivals.ts";
import { nodeCandidate, pairScores, wideScores } from "./screen.ts";
import type { Topology } from "./topology.ts";
import type { LossWindow } from "./window.ts";

/** More culprits at once than this are one culprit that we do not understand. */
const MOST_ROUNDS = 40;
/** Sets of culprits that are tried as one group. */
const MOST_MERGES = 30;
/** Pairs that are tried as the node that they share. */
const SEVERAL = 3;

export interface Explanation {
  readonly model: LossModel;
  /** Each culprit against the best other place that could stand in for it. */
  readonly standings: ReadonlyMap<Component, Standing>;
}

export interface ExplainOptions {
  /** Culprits that are certain already: they explain what they explain, and do not make way for others. */
  readonly known?: readonly Candidate[];
  /** Places where some of several equal paths are bad, as far as they are known. */
  readonly splits?: readonly SplitPlace[];
}

export interface SplitPlace {
  readonly candidate: Candidate;
  readonly standing: Standing;
}

export function* explain(
  window: LossWindow,
  { known = [], splits: places = [] }: ExplainOptions = {},
): Steps<Explanation> {
  const model = yield* LossModel.of(window);
  yield;
  const splits = new Map(
    places.map(({ candidate, standing }): [Component, Standing] => [{ candidate, rate: 0, isSplit: true }, standing]),
  );
  model.components = [...splits.keys()];
  model.components = [...model.components, ...known.map((candidate) => ({ candidate, rate: 0.01, isSplit: false }))];
  if (model.components.length > 0) {
    yield* model.refit();
    yield* dropUseless(model);
  }
  yield;
  const certain = new Set(known);
  yield* addCulprits(model);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    yield* joinScopes(model);
    const fitted = model.components.filter((component) => !component.isSplit);
    const open = fitted.filter(({ candidate }) => !certain.has(candidate));
    if (
      (yield* mergeNodes(model, open)) ||
      (yield* mergePairs(model, open)) ||
      (yield* toggleMembers(model, fitted)) ||
      (yield* swapOne(model, yield* standingsOf(model, open)))
    )
      yield* dropUseless(model);
    else break;
  }
  const fitted = model.components.filter((component) => !component.isSplit);
  return { model, standings: new Map([...splits, ...(yield* standingsOf(model, fitted))]) };
}

function* standingsOf(model: LossModel, components: readonly Component[]): Steps<Map<Component, Standing>> {
  const standings = new Map<Component, Standing>();
  for (const component of components) {
    standings.set(component, yield* standingOf(model, component));
    yield;
  }
  return standings;
}

function* addCulprits(model: LossModel): Steps<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = yield* bestCandidates(model);
    if (next.length === 0) return;
    model.components = [
      ...model.components,
      ...next.map(({ candidate, rate }) => ({ candidate, rate, isSplit: false })),
    ];
    yield* model.refit();
    yield;
    yield* dropUseless(model);
  }
}

/** The wide candidate that pays best; or all pairs that pay better than it, since they do not compete with each other. */
function* bestCandidates(model: LossModel): Steps<Score[]> {
  const isNew = ({ candidate }: Score): boolean =>
    !model.components.some(
      (c) => c.candidate.scope === candidate.scope && samePlace(c.candidate.place, candidate.place),
    );
  let wide: Score | undefined;
  for (const scope of model.window.scopes.keys()) {
    const best = (yield* wideScores(model, scope)).find(isNew);
    if (best && best.score > (wide?.score ?? 0)) wide = best;
    yield;
  }
  const pairs = (yield* pairScores(model)).filter((pair) => isNew(pair) && pair.score > (wide?.score ?? 0));
  if (pairs.length > 0) return pairs;
  return wide ? [wide] : [];
}

/** Without those that do not pay any more now that others explain the same; the least useful first. */
function* dropUseless(model: LossModel): Steps<void> {
  for (;;) {
    let worst: { readonly component: Component; readonly score: number } | undefined;
    for (const component of model.components) {
      if (component.isSplit) continue;
      const { score } = model.without(component, () => scoreOf(model, component.candidate));
      if (score <= 0 && (!worst || score < worst.score)) worst = { component, score };
      yield;
    }
    if (!worst) return;
    const { component } = worst;
    model.components = model.components.filter((other) => other !== component);
    yield* model.refit();
    yield;
  }
}

/** One place that loses on two scopes, more on the one and less on the other, is one culprit of both. */
function* joinScopes(model: LossModel): Steps<void> {
  const { scopes } = model.window;
  for (;;) {
    const { components } = model;
    const second = components.find((c, i) => components.slice(0, i).some((other) => isTwin(other, c)));
    if (!second) return;
    const twins = components.filter((c) => isTwin(c, second));
    const paths = new Set(twins.flatMap(({ candidate }) => scopes[candidate.scope]!.paths));
    const covers = (scope: number): boolean => paths.isSubsetOf(new Set(scopes[scope]!.paths));
    const scope = [...scopes.keys()]
      .filter(covers)
      .reduce((best, s) => (scopes[s]!.paths.length < scopes[best]!.paths.length ? s : best), 0);
    const joined = { ...second, candidate: { ...second.candidate, scope }, rate: twins[0]!.rate };
    model.components = [...components.filter((c) => !twins.includes(c)), joined];
    yield* model.refit();
  }
}

const isTwin = (a: Component, b: Component): boolean =>
  !a.isSplit && !b.isSplit && samePlace(a.candidate.place, b.candidate.place);

/** Nodes and groups that were taken one by one may be one group. */
function* mergeNodes(model: LossModel, open: readonly Component[]): Steps<boolean> {
  const parts = open.filter(({ candidate: { place, scope } }) =>
    place.kind === "node" ? !model.window.isBurst(scope, place.node) : place.kind === "group",
  );
  if (parts.length < 2) return false;
  const sets = [parts, ...parts.flatMap((a, i) => parts.slice(i + 1).map((b) => [a, b]))];
  for (const set of sets.slice(0, MOST_MERGES)) {
    const members = [...new Set(set.flatMap(({ candidate }) => membersOf(candidate)))].sort((a, b) => a - b);
    if (members.length < 2 || members.length > model.window.topology.nodes / 2) continue;
    // All paths may be meant even where each part was found on some only.
    for (const scope of new Set([0, ...set.map(({ candidate }) => candidate.scope)])) {
      const group = { candidate: groupCandidate(model, members, scope), rate: set[0]!.rate, isSplit: false };
      yield;
      if (yield* model.tryComponents([...model.components.filter((c) => !set.includes(c)), group])) return true;
    }
  }
  return false;
}

/** Pairs that share a node may be that node. */
function* mergePairs(model: LossModel, open: readonly Component[]): Steps<boolean> {
  const { topology } = model.window;
  const byNode = new Map<number, Component[]>();
  for (const component of open) {
    const { place } = component.candidate;
    if (place.kind !== "pair") continue;
    for (const node of [topology.low[place.edge]!, topology.high[place.edge]!])
      byNode.set(node, [...(byNode.get(node) ?? []), component]);
  }
  for (const [node, pairs] of byNode) {
    if (pairs.length < SEVERAL || topology.nodes < 3) continue;
    for (const scope of new Set([0, ...pairs.map(({ candidate }) => candidate.scope)])) {
      const instead = { candidate: nodeCandidate(model, node, scope), rate: pairs[0]!.rate, isSplit: false };
      yield;
      if (yield* model.tryComponents([...model.components.filter((c) => !pairs.includes(c)), instead])) return true;
    }
  }
  return false;
}

const isPairOf = ({ candidate: { place }, isSplit }: Component, node: number, { low, high }: Topology): boolean =>
  !isSplit && place.kind === "pair" && (low[place.edge] === node || high[place.edge] === node);

/** A node that loses by itself hides whether it is a member of a group that does. */
function* toggleMembers(model: LossModel, fitted: readonly Component[]): Steps<boolean> {
  const { topology } = model.window;
  for (const group of fitted) {
    const { place, scope } = group.candidate;
    if (place.kind !== "group") continue;
    for (const { candidate } of fitted) {
      if (candidate.place.kind !== "node") continue;
      const { node } = candidate.place;
      const members = place.members.includes(node)
        ? place.members.filter((m) => m !== node)
        : [...place.members, node].sort((a, b) => a - b);
      if (members.length < 2 || members.length > topology.nodes / 2) continue;
      if (members.length > place.members.length && model.window.isBurst(candidate.scope, node)) continue;
      const instead = { ...group, candidate: groupCandidate(model, members, scope) };
      yield;
      // Its pairs with members were what did not fit.
      const others = model.components.filter((c) => c !== group && !isPairOf(c, node, topology));
      if (yield* model.tryComponents([...others, instead])) return true;
    }
  }
  return false;
}

function membersOf({ place }: Candidate): readonly number[] {
  return place.kind === "group" ? place.members : place.kind === "node" ? [place.node] : [];
}

/** A place that looked right before the others were known, and does not now, makes way for its best rival. */
function* swapOne(model: LossModel, standings: ReadonlyMap<Component, Standing>): Steps<boolean> {
  for (const [component, { own, rival }] of standings) {
    if (!rival || rival.score <= own.score + 1e-6) continue;
    const others = model.components.filter((c) => c !== component);
    yield;
    if (yield* model.tryComponents([...others, { candidate: rival.candidate, rate: rival.rate, isSplit: false }]))
      return true;
  }
  return false;
}
