// What trials have shown, a line a fault.
import { table } from "../diagnosis/bars/table.ts";
import type { Kind } from "./kinds.ts";
import { HEAVY_P95_S, WITHIN_S, type Trial } from "./trials.ts";

export interface Line {
  readonly what: string;
  readonly trials: number;
  readonly found: number;
  readonly p50: number;
  readonly p95: number;
  readonly wrong: readonly string[];
  readonly isMet: boolean;
}

export function lineOf({ what, isHeavy }: Pick<Kind, "what" | "isHeavy">, trials: readonly Trial[]): Line {
  // What was not found at all took longer than anything.
  const seconds = trials.map((t) => t.seconds ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const wrong = trials.flatMap((t) => t.wrong);
  const p95 = quantile(seconds, 0.95);
  return {
    what,
    trials: trials.length,
    found: trials.filter((t) => t.seconds !== undefined).length,
    p50: quantile(seconds, 0.5),
    p95,
    wrong,
    isMet: p95 <= (isHeavy ? HEAVY_P95_S : WITHIN_S),
  };
}

const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.POSITIVE_INFINITY;

const inSeconds = (seconds: number): string =>
  seconds === Number.POSITIVE_INFINITY ? "never" : `${seconds.toFixed(1)} s`;

export const tableOf = (lines: readonly Line[]): string =>
  table(
    ["fault", "trials", "found", "p50", "p95", "wrong findings", "met"],
    lines.map((line) => [
      line.what,
      `${line.trials}`,
      `${line.found}`,
      inSeconds(line.p50),
      inSeconds(line.p95),
      `${line.wrong.length}`,
      line.isMet ? "yes" : "NO",
    ]),
  );
