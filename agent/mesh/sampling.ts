// Which of N nodes a node probes. Up to the limit all; above it the next few on a ring of hashed names, so that every
// node is probed by exactly as many as it probes, and added pairs for zones that the ring would leave unwatched.
// Pure and the same on every agent; a node that comes or goes moves few pairs.
import { hash32, mix32 } from "../base/hash.ts";
import type { Node } from "../model/peer.ts";

/** Every ordered pair of zones (and every zone within itself) is watched by this many pairs, where it has so many. */
export const PAIRS_PER_ZONE_PAIR = 8;

export interface SampleOptions {
  /** All nodes of the mesh, this one included; the same list on every agent, in any order. */
  readonly nodes: readonly Node[];
  readonly fullMeshLimit: number;
  readonly sampleSize: number;
}

export interface Sample {
  readonly isFullMesh: boolean;
  /** Names of the nodes that this node probes. Empty for a node that is not in the mesh. */
  destinations(source: string): ReadonlySet<string>;
  /** By how many nodes the most probed node is probed. */
  largestInDegree(): number;
  /** Pairs wanted for each ordered pair of zones: less than PAIRS_PER_ZONE_PAIR only with very many zones. */
  readonly pairsPerZonePair: number;
}

const NONE: ReadonlySet<string> = new Set();

export function sampleMesh({ nodes, fullMeshLimit, sampleSize }: SampleOptions): Sample {
  if (nodes.length <= fullMeshLimit || nodes.length - 1 <= sampleSize) return fullMesh(nodes);
  const ring = nodes.map((node) => ({ ...node, hash: hash32(node.name) })).sort(byHash);
  const chosen = new Map(ring.map((source, i) => [source.name, nextOnRing(ring, i, sampleSize)]));
  const pairsPerZonePair = affordablePairs(ring, sampleSize);
  for (const [source, destination] of unwatched(ring, chosen, pairsPerZonePair)) chosen.get(source)!.add(destination);
  let inDegree: number | undefined;
  return {
    isFullMesh: false,
    destinations: (source) => chosen.get(source) ?? NONE,
    largestInDegree: () => (inDegree ??= largest(chosen.values())),
    pairsPerZonePair,
  };
}

function fullMesh(nodes: readonly Node[]): Sample {
  const names = new Set(nodes.map((node) => node.name));
  return {
    isFullMesh: true,
    destinations: (source) => (names.has(source) ? names.difference(new Set([source])) : NONE),
    largestInDegree: () => Math.max(0, names.size - 1),
    pairsPerZonePair: PAIRS_PER_ZONE_PAIR,
  };
}

interface Placed extends Node {
  readonly hash: number;
}

const byHash = (a: Placed, b: Placed): number => a.hash - b.hash || (a.name < b.name ? -1 : 1);

function nextOnRing(ring: readonly Placed[], i: number, count: number): Set<string> {
  return new Set(Array.from({ length: count }, (_, k) => ring[(i + 1 + k) % ring.length]!.name));
}

/** Added pairs stay fewer than the ring's, so that a mesh of very many zones remains a sample. */
function affordablePairs(ring: readonly Placed[], sampleSize: number): number {
  const zones = new Set(ring.map((node) => node.zone)).size;
  return Math.max(1, Math.min(PAIRS_PER_ZONE_PAIR, Math.floor((ring.length * sampleSize) / (zones * zones))));
}

/** The pairs that every ordered pair of zones lacks, chosen by the pair's own hash: other nodes do not change it. */
function* unwatched(
  ring: readonly Placed[],
  chosen: ReadonlyMap<string, ReadonlySet<string>>,
  wanted: number,
): Generator<readonly [source: string, destination: string]> {
  const zones = Map.groupBy(
    ring.filter((node) => node.zone !== ""),
    (node) => node.zone,
  );
  for (const [from, sources] of zones) {
    for (const [to, destinations] of zones) {
      const possible = sources.length * (destinations.length - (from === to ? 1 : 0));
      const isChosen = (s: Placed, d: Placed): boolean => s === d || chosen.get(s.name)!.has(d.name);
      const missing =
        Math.min(wanted, possible) -
        countUpTo(wanted, sources, (s) => destinations.filter((d) => s !== d && isChosen(s, d)).length);
      if (missing > 0) yield* lowestPairs({ sources, destinations, count: missing, isChosen });
    }
  }
}

function countUpTo(enough: number, sources: readonly Placed[], count: (source: Placed) => number): number {
  let sum = 0;
  for (const source of sources) {
    sum += count(source);
    if (sum >= enough) break;
  }
  return sum;
}

function lowestPairs({
  sources,
  destinations,
  count,
  isChosen,
}: {
  readonly sources: readonly Placed[];
  readonly destinations: readonly Placed[];
  readonly count: number;
  readonly isChosen: (s: Placed, d: Placed) => boolean;
}): (readonly [string, string])[] {
  const lowest: { readonly rank: number; readonly pair: readonly [string, string] }[] = [];
  for (const s of sources) {
    for (const d of destinations) {
      const rank = mix32(s.hash ^ mix32(d.hash));
      if ((lowest.length === count && rank >= lowest.at(-1)!.rank) || isChosen(s, d)) continue;
      if (lowest.length === count) lowest.pop();
      const at = lowest.findIndex((other) => other.rank > rank);
      lowest.splice(at < 0 ? lowest.length : at, 0, { rank, pair: [s.name, d.name] });
    }
  }
  return lowest.map(({ pair }) => pair);
}

function largest(sets: Iterable<ReadonlySet<string>>): number {
  const inDegree = new Map<string, number>();
  for (const set of sets) for (const name of set) inDegree.set(name, (inDegree.get(name) ?? 0) + 1);
  return Math.max(0, ...inDegree.values());
}
