// When a culprit's losses happened: steadily, in bursts, since when. One burst is no fault, however many probes it
// took: the gain of a burst is that of the few independent events that it is.
import { pathName, type Evidence } from "../evidence/evidence.ts";
import type { History } from "../evidence/history.ts";
import { RING_WORDS, countBits, ringMask, secondsAfter } from "../evidence/ring.ts";
import type { Component, LossModel } from "./model.ts";
import type { Score } from "./likelihood.ts";

/** Losses that are blamed on one culprit, by second, oldest first. */
export type Rhythm = Float64Array;

/** What began just now is judged by the seconds since, but by no fewer than these. */
const SHORTEST = 20;

interface RhythmOptions {
  readonly evidence: Evidence;
  readonly history: History;
  /** Only what is booked in the second in which it is lost, where there is any: TCP and UDP notice some seconds later. */
  readonly isPrompt?: boolean;
}

export function rhythmOf(
  model: LossModel,
  component: Component,
  { evidence, history, isPrompt = false }: RhythmOptions,
): Rhythm {
  const { window } = model;
  const { topology, scopes, byScope, seconds } = window;
  const { edges, scope } = component.candidate;
  const rhythm = new Float64Array(seconds);
  const cells = byScope[scope]!;
  const expected = model.expectedOf(scope);
  const all = scopes[scope]!.paths;
  const prompt = isPrompt ? all.filter((p) => evidence.paths[p]!.protocol === "icmp") : [];
  const rings = (prompt.length > 0 ? prompt : all).map((p) => history.paths.get(pathName(evidence.paths[p]!))?.lost);
  const oldest = history.now - seconds + 1;
  const mask = ringMask(history.now, seconds);
  for (const e of edges) {
    if (cells.lost[e] === 0) continue;
    const blame = component.isSplit ? 1 : Math.min(1, (component.rate * cells.probes[e]!) / expected[e]!);
    for (const pair of [topology.there[e]!, topology.back[e]!]) {
      if (pair < 0) continue;
      for (const ring of rings) {
        if (ring) addBits(ring, pair, { mask, oldest, blame, rhythm });
      }
    }
  }
  return rhythm;
}

/** Few seconds have lost anything, so only set bits are looked at. */
export function addBits(
  ring: Uint32Array,
  pair: number,
  of: { readonly mask: Uint32Array; readonly oldest: number; readonly blame: number; readonly rhythm: Rhythm },
): void {
  const { mask, oldest, blame, rhythm } = of;
  for (let w = 0; w < RING_WORDS; w++) {
    let word = (ring[pair * RING_WORDS + w]! & mask[w]!) >>> 0;
    while (word !== 0) {
      const bit = 31 - Math.clz32(word);
      word = (word & ~(1 << bit)) >>> 0;
      rhythm[secondsAfter(oldest, w * 32 + bit)]! += blame;
    }
  }
}

/**
 * What its gain is worth when its losses come in bursts: over the whole window, or since it began. The ratio of
 * variance to mean by second says how many losses go to one event.
 */
export function steadyScore({ gain, dispersion, candidate }: Score, rhythm: Rhythm): number {
  const all = sumFrom(rhythm, 0);
  if (all === 0) return -candidate.price;
  const begun = Math.max(0, Math.min(firstLoss(rhythm), rhythm.length - SHORTEST));
  let best = Number.NEGATIVE_INFINITY;
  for (const from of new Set([0, begun, Math.max(0, rhythm.length - SHORTEST)])) {
    const lost = sumFrom(rhythm, from);
    if (lost === 0) continue;
    const share = lost / all;
    const denser = (share * rhythm.length) / (rhythm.length - from);
    const since = gain * share + lost * Math.log(denser);
    best = Math.max(best, since / Math.max(dispersion, burstiness(rhythm, from)));
  }
  return best - candidate.price;
}

/** Variance over mean by second: 1 when losses are independent of each other. */
export function burstiness(rhythm: Rhythm, from = 0): number {
  const seconds = rhythm.length - from;
  const mean = sumFrom(rhythm, from) / seconds;
  if (mean === 0 || seconds < 2) return 1;
  let squares = 0;
  for (let s = from; s < rhythm.length; s++) squares += (rhythm[s]! - mean) ** 2;
  return Math.max(1, squares / (mean * (seconds - 1)));
}

/** The second of the window at which two rates, before and after, explain its losses best. */
export function onsetOf(rhythm: Rhythm): number {
  const total = rhythm.reduce((sum, n) => sum + n, 0);
  const gainOf = (lost: number, seconds: number): number =>
    lost > 0 && seconds > 0 ? lost * Math.log(lost / seconds) : 0;
  const flat = gainOf(total, rhythm.length);
  // A change must be worth it: nothing before is the usual case and costs nothing.
  let [best, at, before] = [flat + 3, 0, 0];
  for (let s = 0; s < rhythm.length; s++) {
    const gain = gainOf(before, s) + gainOf(total - before, rhythm.length - s);
    if (gain > best && rhythm[s]! > 0) [best, at] = [gain, s];
    before += rhythm[s]!;
  }
  return at;
}

/** Whether most of its losing slots are of rows that do not tell their seconds. */
export function isGuessed(
  { window }: LossModel,
  { candidate }: Component,
  { evidence, history }: Pick<RhythmOptions, "evidence" | "history">,
): boolean {
  const { topology, scopes, byPath } = window;
  let [guessed, told] = [0, 0];
  for (const p of scopes[candidate.scope]!.paths) {
    const kept = history.paths.get(pathName(evidence.paths[p]!));
    if (!kept) continue;
    for (const e of candidate.edges) {
      if (byPath[p]!.lost[e] === 0) continue;
      for (const pair of [topology.there[e]!, topology.back[e]!]) {
        if (pair < 0) continue;
        if (kept.guessed[pair] === 1) guessed++;
        else told++;
      }
    }
  }
  return guessed * 4 > told;
}

/**
 * Of rows that do not tell their seconds: how many probes the usual losing slot of ICMP has lost. It is probed once a
 * second, so that these are as many moments.
 */
export function lostBySlot(
  { window }: LossModel,
  { candidate }: Component,
  { evidence, history }: Pick<RhythmOptions, "evidence" | "history">,
): number {
  const { topology, scopes, seconds } = window;
  const mask = ringMask(history.now, seconds);
  const counts: number[] = [];
  for (const p of scopes[candidate.scope]!.paths) {
    const path = evidence.paths[p]!;
    const kept = path.protocol === "icmp" ? history.paths.get(pathName(path)) : undefined;
    if (!kept) continue;
    for (const e of candidate.edges) {
      for (const pair of [topology.there[e]!, topology.back[e]!]) {
        const lost = pair < 0 ? 0 : countBits(kept.lost, pair, mask);
        if (lost > 0) counts.push(lost);
      }
    }
  }
  return counts.sort((x, y) => x - y)[counts.length >> 1] ?? 0;
}

/** Seconds from one judgement to the next: what a row tells no seconds of is known to this. */
const JUDGED_EVERY = 10;

/** By judgement instead of by second, each of which counts as two moments: a burst falls into two of them at most. */
export function coarse(rhythm: Rhythm): Rhythm {
  const blocks = new Float64Array(2 * Math.ceil(rhythm.length / JUDGED_EVERY));
  for (const [s, lost] of rhythm.entries()) {
    const block = 2 * Math.floor((rhythm.length - 1 - s) / JUDGED_EVERY);
    blocks[block]! += lost / 2;
    blocks[block + 1]! += lost / 2;
  }
  return blocks;
}

/** Among how many seconds the losses are spread, as if evenly: one burst is few moments, however much it takes. */
export function momentsOf(rhythm: Rhythm): number {
  const squares = rhythm.reduce((sum, lost) => sum + lost * lost, 0);
  return squares === 0 ? 0 : sumFrom(rhythm, 0) ** 2 / squares;
}

/** A burst, and what notices it a little later. */
const BURST_SECONDS = 5;
const BURSTS = 2;
/** Share of its losses that a fault has at other times. */
const AT_OTHER_TIMES = 0.15;

/**
 * Whether it is no more than two bursts, however far apart: two nodes that were deaf for a moment share a pair that has
 * lost in both. What is lost in many of the last seconds goes on.
 */
export function isFewBursts(rhythm: Rhythm): boolean {
  const total = sumFrom(rhythm, 0);
  const recent = rhythm.subarray(-SHORTEST);
  const goesOn = momentsOf(recent) >= LEAST_MOMENTS && sumFrom(recent, 0) >= AT_OTHER_TIMES * total;
  if (goesOn && !hasPaused(recent)) return false;
  const rest = rhythm.slice();
  for (let burst = 0; burst < BURSTS; burst++) {
    const at = heaviest(rest);
    rest.fill(0, at, at + BURST_SECONDS);
  }
  return sumFrom(rest, 0) < AT_OTHER_TIMES * total;
}

/** Losses that a pause would have had if it were none: 1 : 22,000 by chance. */
const MISSED = 10;

/**
 * Whether it stopped for some seconds in between, as between two bursts: a node that restarts, and is deaf again soon. A
 * packet or two that were lost before it began are no burst.
 */
export function hasPaused(rhythm: Rhythm): boolean {
  const total = sumFrom(rhythm, 0);
  let before = 0;
  const first = rhythm.findIndex((lost) => (before += lost) >= AT_OTHER_TIMES * total);
  const perSecond = sumFrom(rhythm, first) / (rhythm.length - first);
  let [quiet, longest] = [0, 0];
  for (let s = first; s < rhythm.length; s++) {
    // What it loses until now may be a pause that has just begun.
    if (rhythm[s]! > 0) [longest, quiet] = [Math.max(longest, quiet), 0];
    else quiet++;
  }
  return longest * perSecond >= MISSED;
}

/** Where the `BURST_SECONDS` begin that lose most. */
function heaviest(rhythm: Rhythm): number {
  let [best, at, sum] = [-1, 0, 0];
  for (let s = 0; s < rhythm.length; s++) {
    sum += rhythm[s]! - (rhythm[s - BURST_SECONDS] ?? 0);
    if (sum > best + 1e-9) [best, at] = [sum, s - BURST_SECONDS + 1];
  }
  return Math.max(0, at);
}

/** Losses of fewer seconds are one burst: of a second or three, and TCP and UDP notice it a little later. */
export const LEAST_MOMENTS = 5;

export function firstLoss(rhythm: Rhythm): number {
  const at = rhythm.findIndex((lost) => lost > 0);
  return at < 0 ? rhythm.length : at;
}

function sumFrom(rhythm: Rhythm, from: number): number {
  let sum = 0;
  for (let s = from; s < rhythm.length; s++) sum += rhythm[s]!;
  return sum;
}
