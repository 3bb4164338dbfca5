// Results of trials against their bars, as one table in Markdown.
import { ODDS } from "../../../agent/diagnosis/locate/direction.ts";
import { BARS, type Bar } from "./rows.ts";
import type { Done } from "./trials.worker.ts";

export interface Table {
  readonly text: string;
  readonly isMet: boolean;
}

type TrialDone = Done & { readonly trial: unknown };

/** Claims of a direction that must be right, all faults together. */
const DIRECTION = 0.97;

export function barTable(done: readonly Done[]): Table | undefined {
  const runs = done.flatMap((d) => ("trial" in d ? [d] : []));
  if (runs.length === 0) return undefined;
  const rows = [...Map.groupBy(runs, ({ task }) => `${task.bar}/${task.nodes}`).values()]
    .map((all) => figuresOf(BARS[all[0]!.task.bar]!, all))
    .sort((a, b) => a.order - b.order);
  const claims = runs.reduce((sum, { trial }) => sum + trial.directionClaims, 0);
  const right = runs.reduce((sum, { trial }) => sum + trial.rightClaims, 0);
  const isDirectionMet = claims === 0 || right >= DIRECTION * claims;
  const text = table(
    [
      "fault",
      "nodes",
      "within",
      "trials",
      "recall",
      "precision",
      "found p50 / p95",
      "directions",
      "CPU ms",
      "bar",
      "met",
    ],
    rows.map((r) => r.cells),
  );
  const wrong = rows.flatMap(({ examples }) => examples);
  const share = claims === 0 ? "" : ` (${(right / claims).toFixed(3)})`;
  const direction = `direction, claimed at odds of ${ODDS} : 1 and more: ${right} of ${claims} claims right${share}, bar ${DIRECTION}: ${isDirectionMet ? "yes" : "NO"}`;
  return { text: [text, "", direction, "", ...wrong].join("\n"), isMet: isDirectionMet && rows.every((r) => r.isMet) };
}

/** Wrong findings that are listed of each row. */
const EXAMPLES = 4;

function figuresOf(bar: Bar, all: readonly (TrialDone & Extract<Done, { readonly trial: unknown }>)[]) {
  const { nodes } = all[0]!.task;
  const found = all.flatMap(({ trial }) => (trial.foundAfter === undefined ? [] : [trial.foundAfter]));
  const right = all.reduce((sum, { trial }) => sum + trial.right, 0);
  const wrong = all.reduce((sum, { trial }) => sum + trial.wrong.length, 0);
  const recall = found.length / all.length;
  const precision = right + wrong === 0 ? 1 : right / (right + wrong);
  const claims = all.reduce((sum, { trial }) => sum + trial.directionClaims, 0);
  const rightClaims = all.reduce((sum, { trial }) => sum + trial.rightClaims, 0);
  const judgements = all.reduce((sum, { trial }) => sum + trial.judgements, 0);
  const cpuMs = all.reduce((sum, { trial }) => sum + trial.cpuMs, 0) / Math.max(1, judgements);
  const isReported = bar.reported?.includes(nodes) ?? false;
  const isMet = isReported || (recall >= bar.recall && precision >= bar.precision);
  const sorted = found.sort((a, b) => a - b);
  const at = (share: number): string =>
    sorted.length === 0 ? "–" : `${sorted[Math.floor(share * (sorted.length - 1))]} s`;
  return {
    order: BARS.indexOf(bar) * 10_000 + nodes,
    isMet,
    cells: [
      bar.name,
      `${nodes}`,
      `${bar.withinSeconds} s`,
      `${all.length}`,
      recall.toFixed(2),
      precision.toFixed(2),
      `${at(0.5)} / ${at(0.95)}`,
      claims === 0 ? "–" : `${rightClaims} of ${claims}`,
      cpuMs.toFixed(1),
      isReported ? "reported" : `${bar.recall || "–"} / ${bar.precision}`,
      isReported ? "–" : isMet ? "yes" : "NO",
    ],
    examples: all
      .flatMap(({ task, trial }) => [
        ...trial.wrong.map((text) => `${bar.name}, ${nodes} nodes, seed ${task.seed}: ${text}`),
        ...(trial.isFound || bar.recall === 0
          ? []
          : [`${bar.name}, ${nodes} nodes, seed ${task.seed}: not found, of ${trial.lost} lost packets`]),
      ])
      .slice(0, EXAMPLES),
  };
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(head), `|${widths.map((w) => "-".repeat(w + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}
