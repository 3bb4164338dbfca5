// Finds the culprits of a window: take the candidate that explains most, fit the rates of all anew, drop what no
// longer pays, again. Strong faults are taken out before weak ones are looked for, and a wide culprit that two narrow
// ones explain better goes when they come.
import { samePlace, type Candidate } from "./candidate.ts";
import { groupCandidate } from "./groups.ts";
import { scoreOf, type Score } from "./likelihood.ts";
import { LossModel, type Component } from "./model.ts";
import { standingOf, type Standing } from "./rivals.ts";
import { pairScores, wideScores } from "./screen.ts";
import type { LossWindow } from "./window.ts";

/** More culprits at once than this are one culprit that we do not understand. */
const MOST_ROUNDS = 40;
/** Sets of culprits that are tried as one group. */
const MOST_MERGES = 30;

export interface Explanation {
  readonly model: LossModel;
  /** New culprits only, each against the best other place that could stand in for it. */
  readonly standings: ReadonlyMap<Component, Standing>;
}

export interface ExplainOptions {
  readonly known?: readonly Candidate[];
  /** Whether some of a candidate's flows lose everything and others nothing. */
  readonly isSplit?: (candidate: Candidate) => boolean;
}

/** `known`: culprits that are certain already; they explain what they explain, and are not questioned. */
export function explain(window: LossWindow, { known = [], isSplit = () => false }: ExplainOptions = {}): Explanation {
  const model = new LossModel(window);
  const splits = addSplits(model, isSplit);
  if (known.length > 0) {
    model.components = [...model.components, ...known.map((candidate) => ({ candidate, rate: 0.01, isSplit: false }))];
    model.refit();
    dropUseless(model);
  }
  const certain = new Set(known);
  addCulprits(model);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const open = model.components.filter(({ candidate, isSplit }) => !isSplit && !certain.has(candidate));
    if (mergeNodes(model, open)) {
      dropUseless(model);
      continue;
    }
    const standings = new Map(open.map((component) => [component, standingOf(model, component)]));
    if (!swapOne(model, standings)) return { model, standings: new Map([...splits, ...standings]) };
    dropUseless(model);
  }
  return { model, standings: splits };
}

/**
 * Before anything else, the widest places whose flows lose all or nothing: taken apart into pairs that are cut and
 * pairs that are not, they would never be seen. TCP and UDP, which use many ports, lose evenly there.
 */
function addSplits(model: LossModel, isSplit: (candidate: Candidate) => boolean): Map<Component, Standing> {
  const standings = new Map<Component, Standing>();
  const isTaken = new Uint8Array(model.window.topology.edges);
  for (const [scope, { isProcess }] of model.window.scopes.entries()) {
    if (!isProcess) continue;
    const scores = [...wideScores(model, [scope]), ...pairScores(model, [scope])].filter(({ candidate }) =>
      isSplit(candidate),
    );
    for (const [i, own] of scores.entries()) {
      const { candidate, rate } = own;
      if (candidate.edges.some((e) => isTaken[e] === 1)) continue;
      for (const e of candidate.edges) isTaken[e] = 1;
      const rival = scores[i + 1];
      standings.set(
        { candidate, rate, isSplit: true },
        { own, rival, margin: own.score - Math.max(0, rival?.score ?? 0) },
      );
    }
  }
  model.components = [...standings.keys()];
  if (standings.size > 0) model.refit();
  return standings;
}

function addCulprits(model: LossModel): void {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = bestCandidates(model);
    if (next.length === 0) return;
    model.components = [
      ...model.components,
      ...next.map(({ candidate, rate }) => ({ candidate, rate, isSplit: false })),
    ];
    model.refit();
    dropUseless(model);
  }
}

/** The wide candidate that pays best; or all pairs that pay better than it, since they do not compete with each other. */
function bestCandidates(model: LossModel): Score[] {
  const isNew = ({ candidate }: Score): boolean =>
    !model.components.some(
      (c) => c.candidate.scope === candidate.scope && samePlace(c.candidate.place, candidate.place),
    );
  const wide = wideScores(model).find(isNew);
  const pairs = pairScores(model).filter((pair) => isNew(pair) && pair.score > (wide?.score ?? 0));
  if (pairs.length > 0) return pairs;
  return wide ? [wide] : [];
}

/** Without those that do not pay any more now that others explain the same; the least useful first. */
function dropUseless(model: LossModel): void {
  for (;;) {
    let worst: { readonly component: Component; readonly score: number } | undefined;
    for (const component of model.components) {
      if (component.isSplit) continue;
      const { score } = model.without(component, () => scoreOf(model, component.candidate));
      if (score <= 0 && (!worst || score < worst.score)) worst = { component, score };
    }
    if (!worst) return;
    const { component } = worst;
    model.components = model.components.filter((other) => other !== component);
    model.refit();
  }
}

/** Nodes and groups that were taken one by one may be one group. */
function mergeNodes(model: LossModel, open: readonly Component[]): boolean {
  const parts = open.filter(({ candidate }) => membersOf(candidate).length > 0);
  if (parts.length < 2) return false;
  const sets = [parts, ...parts.flatMap((a, i) => parts.slice(i + 1).map((b) => [a, b]))];
  for (const set of sets.slice(0, MOST_MERGES)) {
    const members = [...new Set(set.flatMap(({ candidate }) => membersOf(candidate)))].sort((a, b) => a - b);
    if (members.length < 2 || members.length > model.window.topology.nodes / 2) continue;
    // All paths may be meant even where each part was found on some only.
    for (const scope of new Set([0, ...set.map(({ candidate }) => candidate.scope)])) {
      const group = { candidate: groupCandidate(model, members, scope), rate: set[0]!.rate, isSplit: false };
      if (model.tryComponents([...model.components.filter((c) => !set.includes(c)), group])) return true;
    }
  }
  return false;
}

function membersOf({ place }: Candidate): readonly number[] {
  return place.kind === "group" ? place.members : place.kind === "node" ? [place.node] : [];
}

/** A place that looked right before the others were known, and does not now, makes way for its best rival. */
function swapOne(model: LossModel, standings: ReadonlyMap<Component, Standing>): boolean {
  for (const [component, { own, rival }] of standings) {
    if (!rival || rival.score <= own.score + 1e-6) continue;
    const others = model.components.filter((c) => c !== component);
    if (model.tryComponents([...others, { candidate: rival.candidate, rate: rival.rate, isSplit: false }])) return true;
  }
  return false;
}
