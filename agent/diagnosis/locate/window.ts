// Losses of the last so many seconds, laid on the edges of the mesh: for every path, and summed for every scope that
// a fault may have.
import type { Steps } from "../../base/slices.ts";
import { pathName, type Evidence } from "../evidence/evidence.ts";
import type { History } from "../evidence/history.ts";
import { STEP, lostSeconds, type PathHistory } from "../evidence/path-history.ts";
import { ringMask } from "../evidence/ring.ts";
import { burstsOfNodes } from "./bursts.ts";
import type { PathScope } from "./scopes.ts";
import type { Topology } from "./topology.ts";

/** Probes and lost probes of one path or scope, by edge. A probe is a second in which something was probed. */
export interface Cells {
  readonly probes: Float32Array;
  readonly lost: Float32Array;
}

export interface LossWindow {
  readonly seconds: number;
  readonly topology: Topology;
  readonly scopes: readonly PathScope[];
  readonly byPath: readonly Cells[];
  readonly byScope: readonly Cells[];
  /** Whether what a node lost is one burst or two: it is no member of a group then. */
  readonly isBurst: (scope: number, node: number) => boolean;
}

export interface WindowOptions {
  readonly evidence: Evidence;
  readonly history: History;
  readonly topology: Topology;
  readonly scopes: readonly PathScope[];
  readonly seconds: number;
  /** Slots whose failures are no loss (rejected, of a dead agent), by path and pair: 1 leaves it out. */
  readonly leftOut: readonly Uint8Array[];
}

export function* lossWindow(options: WindowOptions): Steps<LossWindow> {
  const { evidence, topology, scopes, seconds } = options;
  const byPath: Cells[] = [];
  for (const path of evidence.paths.keys()) {
    byPath.push(yield* cellsOf(options, path));
    yield;
  }
  const byScope: Cells[] = [];
  for (const { paths } of scopes) {
    byScope.push(
      sumOf(
        paths.map((p) => byPath[p]!),
        topology,
      ),
    );
    yield;
  }
  const isBurst = burstsOfNodes({ ...options, lost: byScope.map(({ lost }) => lost) });
  return { seconds, topology, scopes, byPath, byScope, isBurst };
}

function* cellsOf({ evidence, history, topology, seconds, leftOut }: WindowOptions, path: number): Steps<Cells> {
  const cells = emptyCells(topology);
  const kept = history.paths.get(pathName(evidence.paths[path]!));
  if (!kept) return cells;
  const of: CountedIn = {
    kept,
    mask: ringMask(history.now, seconds),
    source: evidence.pairs.source,
    covered: history.coveredSeconds(seconds),
    skip: leftOut[path]!,
    now: history.now,
  };
  for (let edge = 0; edge < topology.edges; edge++) {
    if (edge % STEP === STEP - 1) yield;
    addPair(cells, edge, topology.there[edge]!, of);
    addPair(cells, edge, topology.back[edge]!, of);
  }
  return cells;
}

interface CountedIn {
  readonly kept: PathHistory;
  readonly mask: Uint32Array;
  readonly source: Uint16Array;
  readonly covered: Uint16Array;
  readonly skip: Uint8Array;
  readonly now: number;
}

function addPair(
  { probes, lost }: Cells,
  edge: number,
  pair: number,
  { kept, mask, source, covered, skip, now }: CountedIn,
): void {
  if (pair < 0 || skip[pair] === 1) return;
  const known = Math.min(covered[source[pair]!]!, now - kept.first[pair]!);
  if (known <= 0) return;
  const n = lostSeconds(kept, pair, mask);
  probes[edge]! += Math.max(n, (kept.perMinute[pair]! * known) / 60);
  lost[edge]! += n;
}

export const emptyCells = ({ arrays }: Topology): Cells => ({ probes: arrays.take(), lost: arrays.take() });

export function sumOf(parts: readonly Cells[], topology: Topology): Cells {
  if (parts.length === 1) return parts[0]!;
  const sum = emptyCells(topology);
  for (const { probes, lost } of parts) {
    for (let e = 0; e < probes.length; e++) {
      sum.probes[e]! += probes[e]!;
      sum.lost[e]! += lost[e]!;
    }
  }
  return sum;
}
