// Loss of every measured pair over all its paths, and what the paths say together. Pure.
import type { Network } from "../../model/peer.ts";
import { lossRatio } from "../../model/window.ts";
import type { MeshGrid } from "./mesh-grid.ts";

export interface PairLoss {
  readonly from: number;
  readonly to: number;
  /** That of the worst path, which `on` names. */
  readonly ratio: number;
  readonly on: string;
  readonly lost: number;
  readonly of: number;
  /** Probes answered or refused, over all paths. */
  readonly answers: number;
}

/** Both directions and all paths of a link taken together: the best guess at its loss that a minute gives. */
export interface PooledLoss {
  readonly lost: number;
  readonly of: number;
  /** Names of the paths that lost something, and how many were measured. */
  readonly on: readonly string[];
  readonly measured: number;
}

export class PairLosses {
  /** Every pair that completed a probe in the last minute. */
  readonly judged: readonly PairLoss[];
  readonly #to: ReadonlyMap<number, readonly PairLoss[]>;
  readonly #from: ReadonlyMap<number, readonly PairLoss[]>;
  readonly #grid: MeshGrid;

  constructor(grid: MeshGrid) {
    this.#grid = grid;
    this.judged = judge(grid);
    this.#to = Map.groupBy(this.judged, (pair) => pair.to);
    this.#from = Map.groupBy(this.judged, (pair) => pair.from);
  }

  /** The column of a node: pairs to it. */
  to(node: number): readonly PairLoss[] {
    return this.#to.get(node) ?? [];
  }

  /** The row of a node: pairs from it. */
  from(node: number): readonly PairLoss[] {
    return this.#from.get(node) ?? [];
  }

  /** True when the pairs are measured on this network and lose nothing there. */
  isNetworkFine(pairs: readonly PairLoss[], network: Network): boolean {
    let probes = 0;
    for (const { from, to } of pairs) {
      for (const [i, path] of this.#grid.paths.entries()) {
        if (path.network !== network) continue;
        const reading = this.#grid.reading(i, from, to);
        if (!reading) continue;
        probes += reading.probes;
        if (reading.failures > 0) return false;
      }
    }
    return probes > 0;
  }

  /** Only paths that lose are counted: one that is clean says something about the others. */
  pool(pairs: readonly PairLoss[]): PooledLoss {
    let [lost, of, measured] = [0, 0, 0];
    const on: string[] = [];
    for (const [path, name] of this.#grid.pathNames.entries()) {
      const readings = pairs
        .flatMap(({ from, to }) => this.#grid.reading(path, from, to) ?? [])
        .filter((r) => r.probes > 0);
      if (readings.length === 0) continue;
      measured += 1;
      const lostHere = readings.reduce((sum, r) => sum + r.failures + r.retransmits, 0);
      if (lostHere === 0) continue;
      on.push(name);
      lost += lostHere;
      of += readings.reduce((sum, r) => sum + r.probes + r.retransmits, 0);
    }
    return { lost, of, on, measured };
  }

  /** Which way UDP saw packets die, by both ends' counts; undefined when it saw none die or cannot tell. */
  udpDirection(from: number, to: number): "there" | "back" | "both" | undefined {
    let there = 0;
    let back = 0;
    for (const [i, { protocol }] of this.#grid.paths.entries()) {
      if (protocol !== "udp") continue;
      const own = this.#grid.reading(i, from, to);
      const other = this.#grid.reading(i, to, from);
      there += (own?.lostForward ?? 0) + (other?.lostReverse ?? 0);
      back += (own?.lostReverse ?? 0) + (other?.lostForward ?? 0);
    }
    if (there > 0) return back > 0 ? "both" : "there";
    return back > 0 ? "back" : undefined;
  }
}

function judge(grid: MeshGrid): PairLoss[] {
  const names = grid.pathNames;
  const judged: PairLoss[] = [];
  for (let from = 0; from < grid.nodes.length; from++) {
    for (let to = 0; to < grid.nodes.length; to++) {
      let worst = -1;
      let at: Pick<PairLoss, "on" | "lost" | "of"> = { on: "", lost: 0, of: 0 };
      let answers = 0;
      for (let path = 0; path < names.length; path++) {
        const reading = grid.reading(path, from, to);
        if (!reading || reading.probes === 0) continue;
        answers += reading.probes - reading.failures;
        const ratio = lossRatio(reading) ?? 0;
        if (ratio <= worst) continue;
        worst = ratio;
        at = {
          on: names[path]!,
          lost: reading.failures + reading.retransmits,
          of: reading.probes + reading.retransmits,
        };
      }
      if (worst >= 0) judged.push({ from, to, ratio: worst, ...at, answers });
    }
  }
  return judged;
}
