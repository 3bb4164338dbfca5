// Whether an open loss has stopped, some time before it counts as over: what it has lost by then is told, and says
// nothing of what begins now. Were it kept, a node that is repaired would be blamed again for what the next fault takes
// from it, or the two would look like one wider place.
import { pathName } from "../evidence/evidence.ts";
import { HISTORY_SECONDS, ringMask } from "../evidence/ring.ts";
import type { Steps } from "../../base/slices.ts";
import type { Look } from "../locate/culprits.ts";
import { addBits } from "../locate/rhythm.ts";
import type { Finding } from "../../model/finding.ts";
import { edgesOf } from "../observe/places.ts";
import { matches, pairsOn } from "../observe/view.ts";
import { poissonTail } from "./silence.ts";

/** Chance of so few losses were it still there at half its rate. */
const UNLIKELY = 1e-5;
/** Lost seconds are told so late: of TCP it takes its timeout. */
const TOLD_LATE_SECONDS = 5;
const LEAST_QUIET_SECONDS = 8;
/** What comes and goes must be quiet for longer than it was before. */
const PAUSES = 2;
/** What was quiet for longer has come a second time. */
export const LONGEST_PAUSE_SECONDS = 60;
/** Of the losses that a second should have at its rate, so few that it is quiet. */
const QUIET = 0.25;

/** What a loss that comes and goes is known by. */
export interface Pausing {
  readonly finding: Finding;
  /** The longest that it has been quiet and come back. */
  readonly pauseSeconds: number;
}

/**
 * Forgets what these losses have lost, as far as they have stopped; returns those that had something to forget. `isOver`:
 * that there is too little of it to be still there is known already.
 */
export function* forgetStopped<T extends Pausing>(
  look: Look,
  losses: readonly T[],
  { isOver = false }: { readonly isOver?: boolean } = {},
): Steps<T[]> {
  const stopped: T[] = [];
  for (const one of losses) {
    const pairs = pairsOn(edgesOf(one.finding.subject, look.evidence, look.topology), look.topology);
    const lastSecond = yield* lastLost(look, { pairs, isOver, ...one });
    if (lastSecond === undefined) continue;
    for (const path of look.evidence.paths)
      if (matches(path, one.finding.scope)) look.history.forget(path, pairs, lastSecond + TOLD_LATE_SECONDS);
    stopped.push(one);
  }
  return stopped;
}

/** The last second in which it lost as it does; undefined while it may go on. */
function* lastLost(
  { evidence, history }: Look,
  { pairs, isOver, finding, pauseSeconds }: Pausing & { readonly pairs: readonly number[]; readonly isOver: boolean },
): Steps<number | undefined> {
  const lost = new Float64Array(HISTORY_SECONDS);
  const oldest = history.now - HISTORY_SECONDS + 1;
  const mask = ringMask(history.now, HISTORY_SECONDS);
  const covered = history.coveredSeconds(LEAST_QUIET_SECONDS);
  let perSecond = 0;
  for (const path of evidence.paths) {
    const kept = matches(path, finding.scope) ? history.paths.get(pathName(path)) : undefined;
    if (!kept) continue;
    for (const pair of pairs) {
      // A row that does not come tells nothing of its end.
      if (covered[evidence.pairs.source[pair]!] === 0) continue;
      perSecond += kept.perMinute[pair]! / 60;
      addBits(kept.lost, pair, { mask, oldest, blame: 1, rhythm: lost });
    }
    yield;
  }
  const rate = finding.figures.loss ?? 0.01;
  const isLoud = (n: number): boolean => n > QUIET * rate * perSecond;
  const last = lost.findLastIndex(isLoud);
  if (last < 0) return undefined;
  // It counts as over: should it come back, that is told by what it loses then.
  if (isOver) return oldest + last;
  const quiet = HISTORY_SECONDS - 1 - last;
  const begun = Math.max(0, Math.floor(Date.parse(finding.since) / 1_000) - oldest);
  const pause = Math.max(pauseSeconds, longestPause(lost.subarray(begun, last + 1), isLoud));
  if (quiet < Math.max(LEAST_QUIET_SECONDS, PAUSES * pause)) return undefined;
  const rest = lost.subarray(last + 1).reduce((sum, n) => sum + n, 0);
  return poissonTail(rest, 0.5 * rate * perSecond * quiet) < UNLIKELY ? oldest + last : undefined;
}

/** Between seconds that are loud. */
function longestPause(lost: Float64Array, isLoud: (n: number) => boolean): number {
  let [longest, before] = [0, -1];
  for (const [second, n] of lost.entries()) {
    if (!isLoud(n)) continue;
    const pause = second - before - 1;
    if (before >= 0 && pause <= LONGEST_PAUSE_SECONDS) longest = Math.max(longest, pause);
    before = second;
  }
  return longest;
}
