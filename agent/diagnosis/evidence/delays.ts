// What delay is usual between two nodes, and whether it is much longer just now.
import type { PathHistory } from "./path-history.ts";

/** Judgements after which the usual delay is known: five minutes of them. */
const LEARNT = 30;
/** Of a judgement, in what is usual: it follows in a quarter of an hour, and what is slow in some hours. */
const FOLLOWS = 1 / 90;
const FOLLOWS_SLOW = 1 / 1500;
const SLOWER_NS = 1e6;

/** Against what is usual from here on it needs no whole minute: nothing that passes by itself slows every packet so for long. */
const MUCH = 10;

/** Ten times as slow as usual and a millisecond more, even the fastest round trip of the last 20 s. */
export function isMuchSlower(kept: PathHistory, pair: number, latelyNs: number): boolean {
  const usual = kept.usualRttNs[pair]!;
  return kept.learnt[pair]! >= LEARNT && latelyNs > MUCH * usual && latelyNs > usual + SLOWER_NS;
}

/** Twice as slow as usual and a millisecond more, even the fastest round trip of the minute. */
export function isSlow(kept: PathHistory, pair: number, rttNs: number): boolean {
  const usual = kept.usualRttNs[pair]!;
  return kept.learnt[pair]! >= LEARNT && rttNs > 2 * usual && rttNs > usual + SLOWER_NS;
}

export function learnDelay(kept: PathHistory, pair: number, rttNs: number): void {
  if (Number.isNaN(rttNs)) return;
  const learnt = kept.learnt[pair]!;
  const usual = kept.usualRttNs[pair]!;
  const share = learnt < LEARNT ? 1 / (learnt + 1) : isSlow(kept, pair, rttNs) ? FOLLOWS_SLOW : FOLLOWS;
  kept.usualRttNs[pair] = usual + (rttNs - usual) * share;
  if (learnt < LEARNT) kept.learnt[pair] = learnt + 1;
}
