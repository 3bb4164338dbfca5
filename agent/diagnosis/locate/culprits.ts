// From evidence and its history to culprits: what the last minute says, then what the last five say beyond it. Each
// with how sure it is, and whether it is a fault at all or one burst.
import type { Steps } from "../../base/slices.ts";
import type { Evidence } from "../evidence/evidence.ts";
import type { History } from "../evidence/history.ts";
import { samePlace, type Candidate } from "./candidate.ts";
import { directionOf, type DirectionOdds } from "./direction.ts";
import type { Score } from "./likelihood.ts";
import { splitPlaces } from "./flows.ts";
import { explain } from "./locate.ts";
import {
  LEAST_MOMENTS,
  burstiness,
  coarse,
  isFewBursts,
  isGuessed,
  lostBySlot,
  momentsOf,
  onsetOf,
  rhythmOf,
  steadyScore,
  type Rhythm,
} from "./rhythm.ts";
import { pathScopes } from "./scopes.ts";
import { splitOf } from "./split.ts";
import type { Topology } from "./topology.ts";
import { lossWindow, type LossWindow } from "./window.ts";

/** The long one first: what it cannot explain may have begun just now. */
export const WINDOWS_SECONDS = [300, 60] as const;
/** Nats between a culprit and the best other: 100 : 1. */
export const SURE = 4.6;
/** Where the best other would lose on all of its edges too, so that to name the culprit is right either way: 3 : 1. */
const LIKELY = 1.1;

export interface Culprit {
  readonly window: LossWindow;
  readonly candidate: Candidate;
  readonly score: Score;
  readonly rival: Score | undefined;
  readonly margin: number;
  readonly apart: number;
  /** Score left when losses count by independent events; below 0 it is a burst and no fault. */
  readonly steady: number;
  readonly rhythm: Rhythm;
  /** Seconds among which its losses are spread. */
  readonly moments: number;
  /** One or two of them: see `isFewBursts`. */
  readonly isBurst: boolean;
  /** Since it began; 1 where seconds are not told. */
  readonly burstiness: number;
  /** Rate in the model that explains all culprits together. */
  readonly rate: number;
  /** Some of several equal paths. */
  readonly isSplit: boolean;
  readonly direction: DirectionOdds;
}

export interface Look {
  readonly evidence: Evidence;
  readonly history: History;
  readonly topology: Topology;
}

/** `leftOut`: slots whose failures are no loss, by path and pair. */
export function* findCulprits({ evidence, history, topology }: Look, leftOut: readonly Uint8Array[]): Steps<Culprit[]> {
  const scopes = pathScopes(evidence.paths);
  const found: Culprit[] = [];
  const splits = yield* splitPlaces({ evidence, history, topology }, scopes, leftOut);
  for (const seconds of WINDOWS_SECONDS) {
    const window = yield* lossWindow({ evidence, history, topology, scopes, seconds, leftOut });
    const known = found.filter((c) => !c.isSplit && isFault(c) && c.margin >= SURE).map(({ candidate }) => candidate);
    const { model, standings } = yield* explain(window, { known, splits });
    for (const [component, { own, rival, margin, apart }] of standings) {
      yield;
      const { candidate } = component;
      const rhythm = rhythmOf(model, component, { evidence, history });
      yield;
      const prompt = rhythmOf(model, component, { evidence, history, isPrompt: true });
      yield;
      const isGuess = isGuessed(model, component, { evidence, history });
      yield;
      yield;
      const direction = directionOf(model, component, { evidence, history });
      yield;
      const isSplitPair = candidate.place.kind === "pair" && splitOf(candidate.edges, { evidence, topology }).isSplit;
      const culprit: Culprit = {
        window,
        candidate,
        score: own,
        rival,
        margin,
        apart,
        steady: component.isSplit ? own.score : steadyScore(own, rhythm),
        rhythm,
        moments: isGuess
          ? Math.max(momentsOf(coarse(prompt)), lostBySlot(model, component, { evidence, history }))
          : momentsOf(prompt),
        isBurst: !isGuess && (isFewBursts(prompt) || isDeafNode(window, candidate)),
        burstiness: isGuess ? 1 : burstiness(rhythm, onsetOf(rhythm)),
        rate: component.rate,
        isSplit: component.isSplit || isSplitPair,
        direction,
      };
      const before = found.findIndex((c) => samePlace(c.candidate.place, culprit.candidate.place));
      if (before < 0) found.push(culprit);
      else if (isClearer(culprit, found[before]!)) found[before] = culprit;
    }
  }
  return found;
}

/** Also where some of its pairs lose by themselves all the time: of most pairs nothing is lost but in the burst. */
const isDeafNode = ({ isBurst }: LossWindow, { place, scope }: Candidate): boolean =>
  place.kind === "node" && isBurst(scope, place.node);

/** A burst explains what it explains, and is nothing that anybody should look at. */
export const isFault = ({ steady, moments, isBurst }: Pick<Culprit, "steady" | "moments" | "isBurst">): boolean =>
  steady > 0 && moments >= LEAST_MOMENTS && !isBurst;

/** Whether it is to be named, and no other place. */
export const isSure = ({ margin, apart }: Pick<Culprit, "margin" | "apart">): boolean =>
  margin >= SURE || (margin >= LIKELY && apart >= SURE);

/** What began just now is thin in the long window, and what is weak in the short one. */
const isClearer = (a: Culprit, b: Culprit): boolean => (isFault(a) === isFault(b) ? a.margin > b.margin : isFault(a));
