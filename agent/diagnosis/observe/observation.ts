// What one judgement says before anything is remembered: a finding without a past. The tracker opens and closes
// findings from these.
import type { Cause, CauseKind, Direction, Figures, FindingCode, Scope, Subject } from "../../model/finding.ts";
import { CAUSES } from "../catalogue/causes.ts";

export interface Observation {
  readonly code: FindingCode;
  readonly subject: Subject;
  readonly scope: Scope;
  readonly direction?: Direction | undefined;
  readonly figures: Figures;
  readonly confidence: number;
  /** When it began, seconds of the judge's clock. */
  readonly sinceSeconds: number;
  readonly causes: readonly Cause[];
  /** For how long it must be seen before it is believed. */
  readonly opensAfterSeconds: number;
  /** The last second in which it has lost something, where it is loss. */
  readonly lostUntilSeconds?: number | undefined;
  /** Loss is over when it could be seen and is not; anything else when it is not observed any more. */
  readonly isLoss: boolean;
}

export const AT_ONCE = 0;
/** By any two looks in a row. */
export const SEEN_AGAIN = 1;
/** Seen by two judgements in a row. */
export const SEEN_TWICE = 8;
/** The same, where judges look sooner because losses have just begun. */
export const SEEN_TWICE_SOON = 5;
export const SEEN_THRICE = 18;
export const ONE_MINUTE = 60;
/** Longer than a rollout takes to get round. */
export const TEN_MINUTES = 600;

/** The same, but believed no sooner than after it was seen for so long. */
export const atLeastAfter = (observation: Observation, seconds: number): Observation => ({
  ...observation,
  opensAfterSeconds: Math.max(seconds, observation.opensAfterSeconds),
});

/** A cause that is being weighed: how much speaks for it, in arbitrary but common units, and what. */
export interface Weighed {
  readonly kind: CauseKind;
  readonly weight: number;
  readonly for: readonly string[];
  readonly against: readonly string[];
}

/** Most likely first; what nothing speaks for is left out, unless nothing else is left. */
export function rankCauses(weighed: readonly Weighed[]): Cause[] {
  const sorted = [...weighed].sort((a, b) => b.weight - a.weight);
  const plausible = sorted.filter(({ weight }) => weight > 0);
  return (plausible.length > 0 ? plausible : sorted.slice(0, 1)).map(({ kind, for: speaksFor, against }) => ({
    kind,
    text: CAUSES[kind].text,
    for: speaksFor,
    against,
  }));
}

/** One statement: whether it was seen, what it says, and how much it counts. */
export type Sign = readonly [seen: boolean | undefined, text: string, weight: number];

/** Weighs a cause: signs that were seen speak for it, those with a negative weight against it; unknown ones say nothing. */
export function weigh(kind: CauseKind, base: number, signs: readonly Sign[]): Weighed {
  const seen = signs.filter(([isSeen]) => isSeen === true);
  return {
    kind,
    weight: seen.reduce((sum, [, , weight]) => sum + weight, base),
    for: seen.filter(([, , weight]) => weight > 0).map(([, text]) => text),
    against: seen.filter(([, , weight]) => weight < 0).map(([, text]) => text),
  };
}
