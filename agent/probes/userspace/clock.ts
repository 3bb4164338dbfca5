// The clocks of a process without FFI. Node tells the wall clock in whole milliseconds; carried by the monotonic
// clock in between it has the resolution that delays need, and still follows every step.
import type { Clock } from "../../base/clock.ts";

const NS_PER_MS = 1e6;

export interface ClockReadings {
  /** Whole milliseconds of the wall clock, cut off. */
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
}

export function userspaceClock(
  { wallMs, monotonicMs }: ClockReadings = { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
): Clock {
  const baseSeconds = Math.floor(wallMs() / 1000);
  let offsetMs = offsetAtTheTurn(wallMs, monotonicMs);
  return {
    baseSeconds,
    monotonicNs: () => Math.round(monotonicMs() * NS_PER_MS),
    realtimeNs() {
      const monotonic = monotonicMs();
      const wall = wallMs();
      // The true time lies within this millisecond: what is carried moves no further than that asks for.
      const carried = Math.min(Math.max(monotonic + offsetMs, wall), wall + 1);
      offsetMs = carried - monotonic;
      return Math.round((carried - baseSeconds * 1000) * NS_PER_MS);
    },
  };
}

/** Waits for the wall clock to turn, at most a millisecond: only then are its unseen digits known. */
function offsetAtTheTurn(wallMs: () => number, monotonicMs: () => number): number {
  const before = wallMs();
  let now = before;
  while (now === before) now = wallMs();
  return now - monotonicMs();
}
