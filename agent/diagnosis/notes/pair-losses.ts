// Loss of every measured pair, that of its worst path. Pure.
import { lossRatio } from "../../model/window.ts";
import type { MeshGrid } from "./mesh-grid.ts";

/** Of every pair that completed a probe in the last minute. */
export function pairLosses(grid: MeshGrid): number[] {
  const losses: number[] = [];
  for (let from = 0; from < grid.nodes.length; from++) {
    for (let to = 0; to < grid.nodes.length; to++) {
      let worst = -1;
      for (let path = 0; path < grid.paths.length; path++) {
        const reading = grid.reading(path, from, to);
        if (reading && reading.probes > 0) worst = Math.max(worst, lossRatio(reading) ?? 0);
      }
      if (worst >= 0) losses.push(worst);
    }
  }
  return losses;
}
