// Turns of what comes once an interval: the same moment of every interval on the wall clock, over restarts too, so that
// the agents of a mesh do not act in step.
import type { Clock } from "./clock.ts";

const NS_PER_MS = 1e6;

/** The first turn from now on, as monotonic time. `share` of the interval, in [0, 1): see `phase`. */
export function firstTurnNs(clock: Clock, { intervalMs, share }: { intervalMs: number; share: number }): number {
  const wallMs = clock.baseSeconds * 1000 + clock.realtimeNs() / NS_PER_MS;
  const waitMs = (((share * intervalMs - wallMs) % intervalMs) + intervalMs) % intervalMs;
  return clock.monotonicNs() + waitMs * NS_PER_MS;
}

/** The first turn after now of what was due at `dueNs`. Turns missed by a stopped process are not made up for. */
export function turnAfterNs(nowNs: number, { dueNs, intervalMs }: { dueNs: number; intervalMs: number }): number {
  const intervalNs = intervalMs * NS_PER_MS;
  return dueNs + intervalNs * Math.ceil((nowNs - dueNs + 1) / intervalNs);
}
