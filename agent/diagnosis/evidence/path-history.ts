// What is remembered of one path: of every pair a ring of seconds, one bit each, and what was learnt of it besides.
import type { Steps } from "../../base/slices.ts";
import { RING_WORDS, countBits } from "./ring.ts";

/** Pairs or edges that are looked at in one step of a judgement. */
export const STEP = 2_048;

/** What one path remembers, `RING_WORDS` a pair. The bit of second `s` is `s % RING_SECONDS`. */
export interface PathHistory {
  /** 0 where nothing is set in any of the rings. That is nearly all pairs, nearly always: nobody need look at their words. */
  readonly hasLost: Uint8Array;
  readonly lost: Uint32Array;
  /** UDP: those known to have died on the way there, and on the way back; of what is forgotten, too: see `countBoth`. */
  readonly forward: Uint32Array | undefined;
  readonly reverse: Uint32Array | undefined;
  /** 1 where the row does not tell which seconds lost something: bits are right to within a judgement only. */
  readonly guessed: Uint8Array;
  /** Seconds in which it is probed, of each minute. */
  readonly perMinute: Uint8Array;
  /** When it was probed first, as far as is known. */
  readonly first: Float64Array;
  /** What was lost until then is forgotten. */
  readonly forgotten: Float64Array;
  /** And how much of the minute before that was. */
  readonly forgottenLost: Uint8Array;
  /** 1 where a probe was rejected, and nothing was answered since: kernels limit their errors, and most then look lost. */
  readonly rejected: Uint8Array;
  /** The fastest round trip of a usual minute, nanoseconds, and of how many judgements that was learnt. */
  readonly usualRttNs: Float32Array;
  readonly learnt: Uint8Array;
}

/** Of pairs that nothing is known of. */
export const nothingKept = (count: number, isUdp: boolean): PathHistory => ({
  hasLost: new Uint8Array(count),
  lost: new Uint32Array(count * RING_WORDS),
  forward: isUdp ? new Uint32Array(count * RING_WORDS) : undefined,
  reverse: isUdp ? new Uint32Array(count * RING_WORDS) : undefined,
  guessed: new Uint8Array(count),
  perMinute: new Uint8Array(count),
  first: new Float64Array(count).fill(Number.POSITIVE_INFINITY),
  forgotten: new Float64Array(count),
  forgottenLost: new Uint8Array(count),
  rejected: new Uint8Array(count),
  usualRttNs: new Float32Array(count),
  learnt: new Uint8Array(count),
});

/** How many seconds of the mask have lost something. */
export const lostSeconds = ({ hasLost, lost }: PathHistory, pair: number, mask: Uint32Array): number =>
  hasLost[pair] === 0 ? 0 : countBits(lost, pair, mask);

/** What is not kept is over. */
export function* forgetSeconds({ hasLost, lost, forward, reverse }: PathHistory, keep: Uint32Array): Steps<void> {
  for (let pair = 0; pair < hasLost.length; pair++) {
    if (pair % STEP === STEP - 1) yield;
    if (hasLost[pair] === 0) continue;
    let left = 0;
    for (let w = 0, i = pair * RING_WORDS; w < RING_WORDS; w++, i++) {
      left |= lost[i]! &= keep[w]!;
      if (forward) left |= forward[i]! &= keep[w]!;
      if (reverse) left |= reverse[i]! &= keep[w]!;
    }
    if (left === 0) hasLost[pair] = 0;
  }
}

/** The same for other pairs: each is that one of before, or none of them. */
export function* movedPath(kept: PathHistory, from: Int32Array): Steps<PathHistory> {
  const target = nothingKept(from.length, kept.forward !== undefined);
  yield;
  for (let i = 0; i < from.length; i++) {
    if (i % STEP === STEP - 1) yield;
    const source = from[i]!;
    if (source < 0) continue;
    target.hasLost[i] = kept.hasLost[source]!;
    target.guessed[i] = kept.guessed[source]!;
    target.perMinute[i] = kept.perMinute[source]!;
    target.first[i] = kept.first[source]!;
    target.forgotten[i] = kept.forgotten[source]!;
    target.forgottenLost[i] = kept.forgottenLost[source]!;
    target.rejected[i] = kept.rejected[source]!;
    target.usualRttNs[i] = kept.usualRttNs[source]!;
    target.learnt[i] = kept.learnt[source]!;
  }
  yield* moveRing(kept.lost, target.lost, from);
  if (kept.forward) yield* moveRing(kept.forward, target.forward!, from);
  if (kept.reverse) yield* moveRing(kept.reverse, target.reverse!, from);
  return target;
}

export function* moveRing(ring: Uint32Array, target: Uint32Array, from: ArrayLike<number>): Steps<void> {
  for (let i = 0; i < from.length; i++) {
    if (i % STEP === STEP - 1) yield;
    const source = from[i]! * RING_WORDS;
    if (source < 0) continue;
    // Most words are empty.
    for (let w = 0; w < RING_WORDS; w++) if (ring[source + w] !== 0) target[i * RING_WORDS + w] = ring[source + w]!;
  }
}
