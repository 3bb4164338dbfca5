// What a judge reads of one slot's last minute, however the row came. Pure.
import type { PairWindow, SecondSummary } from "./snapshot.ts";
import { WINDOW_SECONDS } from "./window.ts";

export interface SlotCounts {
  readonly probes: number;
  readonly failures: number;
  readonly blocked?: number | undefined;
  readonly unreachable?: number | undefined;
  readonly refusals?: number | undefined;
  readonly retransmits?: number | undefined;
  readonly lostForward?: number | undefined;
  readonly lostReverse?: number | undefined;
  readonly rttMeanNs?: number | undefined;
  readonly rttMinNs?: number | undefined;
  /** The fastest of the last 20 s; told only where it is more than twice that of the minute. */
  readonly rttLatelyNs?: number | undefined;
  /** Seconds that lost something, a bit each: bit 0 of the first word is the oldest, bit 27 of the second the youngest. */
  readonly lostSeconds?: readonly [number, number] | undefined;
  readonly ports?: { readonly probes: ArrayLike<number>; readonly failures: ArrayLike<number> } | undefined;
  readonly hops?: number | undefined;
  readonly hopsBefore?: number | undefined;
  readonly hopsThere?: number | undefined;
  readonly hopsThereBefore?: number | undefined;
  /** The later of both changes: seconds since the epoch by the agent's own clock. */
  readonly hopsChangedAt?: number | undefined;
  readonly seenAs?: string | undefined;
}

export function countsOf(pair: PairWindow): SlotCounts {
  const { window, seconds, lostSeconds, rttLatelyNs, ports, hops, hopsThere, seenAs } = pair;
  const { blocked, unreachable } = window.reasons;
  return {
    ...window,
    blocked,
    unreachable,
    lostSeconds: lostSeconds === undefined ? seconds && lostIn(seconds) : lostWords((i) => lostSeconds[i] !== "0"),
    rttLatelyNs,
    ports,
    hops: hops?.now,
    hopsBefore: hops?.before,
    hopsThere: hopsThere?.now,
    hopsThereBefore: hopsThere?.before,
    hopsChangedAt: lastChange(pair),
    seenAs,
  };
}

function lastChange({ hops, hopsThere }: PairWindow): number | undefined {
  const moments = [hops?.changedAt, hopsThere?.changedAt].filter((at) => at !== undefined);
  return moments.length === 0 ? undefined : Math.floor(Math.max(...moments.map((at) => Date.parse(at))) / 1_000);
}

const lostIn = (seconds: readonly (SecondSummary | null)[]): readonly [number, number] =>
  lostWords((i) => (seconds[i]?.failures ?? 0) > 0);

function lostWords(isLost: (second: number) => boolean): readonly [number, number] {
  const words: [number, number] = [0, 0];
  for (let i = 0; i < WINDOW_SECONDS; i++) if (isLost(i)) words[i >>> 5]! |= 1 << (i & 31);
  return [words[0] >>> 0, words[1] >>> 0];
}
