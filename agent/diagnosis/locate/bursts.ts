// Nodes that were deaf for a moment, whatever else is wrong: what they lost is of a second or three, once or twice. Two
// of them are no group, though a group that loses a little would explain what all of them lost at less than each alone.
import { pathName, type Evidence } from "../evidence/evidence.ts";
import type { History } from "../evidence/history.ts";
import { countBits, ringMask } from "../evidence/ring.ts";
import { nodeEdges } from "./candidate.ts";
import { addBits, burstiness, isFewBursts } from "./rhythm.ts";
import type { PathScope } from "./scopes.ts";
import type { Topology } from "./topology.ts";

/** Variance over mean by second: of few losses any two seconds hold most. */
const BURSTY = 3;

export interface BurstsOptions {
  readonly evidence: Evidence;
  readonly history: History;
  readonly topology: Topology;
  readonly scopes: readonly PathScope[];
  readonly seconds: number;
  /** What each edge lost, by scope. */
  readonly lost: readonly Float32Array[];
}

/** Share of a node's edges that a burst hits at least; what hits fewer is of these pairs. */
const HIT = 0.25;

/** Whether what a node lost in a scope is one burst or two. Reckoned when it is asked for first. */
export function burstsOfNodes(options: BurstsOptions): (scope: number, node: number) => boolean {
  const known = options.scopes.map(() => new Map<number, boolean>());
  return (scope, node) => {
    let isBurst = known[scope]!.get(node);
    if (isBurst === undefined) known[scope]!.set(node, (isBurst = isBurstOf(options, scope, node)));
    return isBurst;
  };
}

function isBurstOf(options: BurstsOptions, scope: number, node: number): boolean {
  const { evidence, history, topology, scopes, seconds, lost: lostIn } = options;
  const edges = nodeEdges(topology, node);
  const lostOf = lostIn[scope]!;
  let hit = 0;
  for (const e of edges) if (lostOf[e]! > 0) hit++;
  if (hit < HIT * edges.length) return false;
  const all = scopes[scope]!.paths;
  // TCP and UDP notice some seconds later.
  const prompt = all.filter((p) => evidence.paths[p]!.protocol === "icmp");
  const kept = (prompt.length > 0 ? prompt : all).flatMap((p) => {
    const of = history.paths.get(pathName(evidence.paths[p]!));
    return of ? [of] : [];
  });
  const mask = ringMask(history.now, seconds);
  const oldest = history.now - seconds + 1;
  const rhythm = new Float64Array(seconds);
  for (const e of edges) {
    if (lostOf[e] === 0) continue;
    for (const pair of [topology.there[e]!, topology.back[e]!]) {
      if (pair < 0) continue;
      for (const { lost, guessed } of kept) {
        if (guessed[pair] === 1) continue;
        const count = countBits(lost, pair, mask);
        // Each once, however much it loses: a pair that loses by itself all the time is not the node.
        if (count > 0) addBits(lost, pair, { mask, oldest, blame: 1 / count, rhythm });
      }
    }
  }
  return isFewBursts(rhythm) && burstiness(rhythm) >= BURSTY;
}
