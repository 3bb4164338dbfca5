// Which way the packets of a culprit die, from UDP alone: a lost round trip says nothing of it. Claimed at odds of
// 20 : 1 or not at all.
import type { Direction } from "../../model/finding.ts";
import { pathName, type Evidence } from "../evidence/evidence.ts";
import type { History } from "../evidence/history.ts";
import { countBoth, ringMask } from "../evidence/ring.ts";
import type { Component, LossModel } from "./model.ts";
import type { Place } from "./candidate.ts";

/** A direction is claimed at such odds and better. */
export const ODDS = 20;
/** Share of a one-way culprit's losses that something else causes the other way. */
const STRAY = 0.02;
/** How alike both ways are where both are bad: pseudo-counts of a Beta prior. */
const ALIKE = 4;

export interface DirectionOdds {
  readonly direction: Direction | undefined;
  readonly out: number;
  readonly in: number;
}

export function directionOf(
  model: LossModel,
  component: Component,
  { evidence, history }: { readonly evidence: Evidence; readonly history: History },
): DirectionOdds {
  const { window } = model;
  const { topology, scopes, byScope, seconds } = window;
  const { edges, scope, place } = component.candidate;
  const leaves = leaving(place, window);
  const mask = ringMask(history.now, seconds);
  const expected = model.expectedOf(scope);
  const cells = byScope[scope]!;
  let [out, into] = [0, 0];
  for (const p of scopes[scope]!.paths) {
    const path = evidence.paths[p]!;
    const kept = history.paths.get(pathName(path));
    if (!kept?.forward || !kept.reverse) continue;
    for (const edge of edges) {
      if (cells.lost[edge] === 0) continue;
      const blame = Math.min(1, (component.rate * cells.probes[edge]!) / expected[edge]!);
      const isOut = leaves(topology.low[edge]!, topology.high[edge]!);
      if (isOut === undefined) continue;
      // From the low end to the high one: there on the one slot, back on the other.
      const [there, back] = [topology.there[edge]!, topology.back[edge]!];
      const bits = (ring: Uint32Array, pair: number): number => (pair < 0 ? 0 : countBoth(ring, kept.lost, pair, mask));
      const up = bits(kept.forward, there) + bits(kept.reverse, back);
      const down = bits(kept.reverse, there) + bits(kept.forward, back);
      out += blame * (isOut ? up : down);
      into += blame * (isOut ? down : up);
    }
  }
  return { direction: likeliest(out, into), out, in: into };
}

/** Whether low → high leaves the place (of two: goes from the first to the second); undefined where neither. */
function leaving(place: Place, { topology }: LossModel["window"]): (low: number, high: number) => boolean | undefined {
  switch (place.kind) {
    case "node":
      return (low) => low === place.node;
    case "pair":
      return () => true;
    case "zone":
      return (low) => topology.zoneOf[low] === place.zone;
    case "zone-pair":
      return (low, high) =>
        topology.zoneOf[low] === topology.zoneOf[high] ? undefined : topology.zoneOf[low] === place.zones[0];
    case "group": {
      const members = new Set(place.members);
      return (low) => members.has(low);
    }
    case "mesh":
      return () => undefined;
  }
}

export function likeliest(out: number, into: number): Direction | undefined {
  const sum = out + into;
  if (sum === 0) return undefined;
  const only = (own: number, other: number): number => own * Math.log(1 - STRAY) + other * Math.log(STRAY);
  const logs: readonly [Direction, number][] = [
    ["out", only(out, into)],
    ["in", only(into, out)],
    ["both", logBeta(ALIKE + out, ALIKE + into) - logBeta(ALIKE, ALIKE)],
  ];
  const [best, ...others] = [...logs].sort(([, a], [, b]) => b - a);
  const against = others.reduce((total, [, log]) => total + Math.exp(log - best![1]), 0);
  return 1 / against >= ODDS ? best![0] : undefined;
}

const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/** Stirling's series, after shifting the argument above 8: 10 digits. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 8; z++) shift -= Math.log(z);
  return shift + (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * z) - 1 / (360 * z ** 3);
}
