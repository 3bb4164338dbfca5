// Losses of the last so many seconds, laid on the edges of the mesh: for every path, and summed for every scope that
// a fault may have.
import type { Steps } from "../../base/slices.ts";
import { pathName, type Evidence } from "../evidence/evidence.ts";
import { countBits, ringMask, type History } from "../evidence/history.ts";
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
    byPath.push(cellsOf(options, path));
    yield;
  }
  const byScope = scopes.map(({ paths }) => sumOf(paths.map((p) => byPath[p]!)));
  yield;
  return { seconds, topology, scopes, byPath, byScope };
}

function cellsOf({ evidence, history, topology, seconds, leftOut }: WindowOptions, path: number): Cells {
  const cells = emptyCells(topology.edges);
  const kept = history.paths.get(pathName(evidence.paths[path]!));
  if (!kept) return cells;
  const { source } = evidence.pairs;
  const mask = ringMask(history.now, seconds);
  const covered = Uint16Array.from(evidence.nodes, (_, node) => history.coveredSeconds(node, seconds));
  const skip = leftOut[path]!;
  const add = (edge: number, pair: number): void => {
    if (pair < 0 || skip[pair] === 1) return;
    const known = Math.min(covered[source[pair]!]!, history.now - kept.first[pair]!);
    if (known <= 0) return;
    const lost = countBits(kept.lost, pair, mask);
    cells.probes[edge]! += Math.max(lost, (kept.perMinute[pair]! * known) / 60);
    cells.lost[edge]! += lost;
  };
  for (let edge = 0; edge < topology.edges; edge++) {
    add(edge, topology.there[edge]!);
    add(edge, topology.back[edge]!);
  }
  return cells;
}

const emptyCells = (edges: number): Cells => ({ probes: new Float32Array(edges), lost: new Float32Array(edges) });

function sumOf(parts: readonly Cells[]): Cells {
  if (parts.length === 1) return parts[0]!;
  const sum = emptyCells(parts[0]?.probes.length ?? 0);
  for (const { probes, lost } of parts) {
    for (let e = 0; e < probes.length; e++) {
      sum.probes[e]! += probes[e]!;
      sum.lost[e]! += lost[e]!;
    }
  }
  return sum;
}
