// How long a tick is. What an agent costs at rest is mostly waking, whether anything happened or not, and the kernel's
// stamps say when packets left and came: so a tick is as long as it may be without changing what is counted.

/** No page, row or metric is older than this for want of a look, and half of the default intervals. */
export const LONGEST_TICK_MS = {
  kernel: 500,
  /** Its stamps are this process's own: what is sent or read together waits for each other. */
  userspace: 200,
} as const;
export const SHORTEST_TICK_MS = 20;
/** Somebody waits for the first row of what is new. */
export const HURRIED_TICK_MS = 50;
/** More at once is a burst that rings and queues on the way may not hold. */
const MOST_AT_ONCE = 200;
/** The peers' reflector answers on its tick: within this share of how long they wait. */
const ANSWERED_WITHIN_SHARE = 1 / 4;

/** What a protocol does with the ticks. */
export interface Load {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Peers' probes of it are answered on the tick; they wait as long as this agent does for theirs. */
  readonly answersOnTick: boolean;
  readonly slots: number;
  /** Probes whose answers its sockets hold until the next tick. */
  readonly mostAtOnce: number;
}

/**
 * Ticks lie on a grid. Where each interval is a whole number of ticks, a slot is probed at the same place of it each
 * time, an interval after its last probe: longer ago than the timeout, so that one has been judged, as each tick judges
 * before it sends. Where there is no such grid a probe may be sent a tick late: half of what the timeout leaves of the
 * interval, and the other half for a tick that is late itself.
 */
export function tickMs(loads: readonly Load[], longestMs: number): number {
  const limitMs = Math.min(longestMs, answersWithinMs(loads, longestMs), ...loads.map(longestOf));
  const anywhereMs = Math.min(limitMs, ...loads.map(({ intervalMs, timeoutMs }) => (intervalMs - timeoutMs) / 2));
  return Math.max(SHORTEST_TICK_MS, anywhereMs, onGridMs(loads, limitMs));
}

/** How long an agent may sleep that has nothing to send. */
export function answersWithinMs(loads: readonly Load[], longestMs: number): number {
  const waits = loads.filter(({ answersOnTick }) => answersOnTick).map(({ timeoutMs }) => timeoutMs);
  return Math.min(longestMs, ...waits.map((ms) => ms * ANSWERED_WITHIN_SHARE));
}

/** Slots are spread over two ticks at least, and what a tick sends fits where it goes. */
function longestOf({ intervalMs, slots, mostAtOnce }: Load): number {
  return Math.min(intervalMs / 2, (intervalMs * Math.min(MOST_AT_ONCE, mostAtOnce)) / slots);
}

/** 0 when no whole number of milliseconds fits. */
function onGridMs(loads: readonly Load[], limitMs: number): number {
  let ms = Math.floor(limitMs);
  while (ms > 0 && loads.some(({ intervalMs }) => intervalMs % ms !== 0)) ms--;
  return ms;
}
