// What one cell of the matrix says under the chosen view, as a value and in words. Pure.
import type { Node } from "../../model/peer.ts";
import type { MissingRow } from "../../model/snapshot.ts";
import { lossRatio } from "../../model/window.ts";
import { counted, formatDelay, formatLoss } from "../../base/format.ts";
import { type MeshGrid, pathKey, type Reading } from "./mesh-grid.ts";

export const MEASURES = {
  loss: { name: "Loss", field: undefined },
  rttMean: { name: "RTT mean", field: "rttMeanNs" },
  rttMax: { name: "RTT max", field: "rttMaxNs" },
  jitter: { name: "Jitter", field: "jitterNs" },
} as const satisfies Record<string, { readonly name: string; readonly field: keyof Reading | undefined }>;
export type Measure = keyof typeof MEASURES;

/** `any`: the worst of all paths. For loss only: delays of different protocols are no one number. */
export const ANY_PATH = "any";

export interface View {
  readonly measure: Measure;
  /** `any` or the key of a path. */
  readonly path: string;
}

export type Cell =
  | { readonly kind: "self" }
  /** Nothing was measured: never to be taken for health. */
  | { readonly kind: "none"; readonly why: string }
  /** In a view of delays: all was lost. In a view of loss: any ratio. `refused`: what was not lost was refused. */
  | {
      readonly kind: "loss";
      readonly ratio: number;
      readonly lost: number;
      readonly of: number;
      readonly refused: boolean;
      readonly on: string;
      /** The worst of several paths, of which others lose less. */ readonly partial: boolean;
    }
  | { readonly kind: "delay"; readonly ns: number; readonly lossy: boolean }
  /** The host answers, the port is closed: proof of a path, and no delay. */
  | { readonly kind: "refused" }
  /** Answered, but the delay is not certain (a retried SYN, a single answer for jitter). */
  | { readonly kind: "no-delay"; readonly lossy: boolean };

/** Index of the view's path, or undefined for `any` and for a path that this mesh does not have. */
export function pathIndex(grid: MeshGrid, view: View): number | undefined {
  const index = grid.paths.findIndex((path) => pathKey(path) === view.path);
  return index < 0 ? undefined : index;
}

export function cellOf(grid: MeshGrid, view: View, from: number, to: number): Cell {
  if (from === to) return { kind: "self" };
  const missing = grid.missing.get(grid.nodes[from]!.name);
  if (missing !== undefined) return { kind: "none", why: whyMissing(missing, grid.nodes[to]!) };
  const path = pathIndex(grid, view);
  if (path === undefined) return worstLoss(grid, from, to);
  const reading = grid.reading(path, from, to);
  if (!reading) return { kind: "none", why: grid.whyUnprobed(grid.paths[path]!.network, from, to) };
  if (reading.probes === 0) return { kind: "none", why: `no probe has completed in ${grid.time}` };
  const { field } = MEASURES[view.measure];
  if (field === undefined || reading.failures === reading.probes) return lossOf(reading, grid.pathNames[path]!);
  const ns = reading[field];
  const lossy = reading.failures + reading.retransmits > 0;
  if (!Number.isNaN(ns)) return { kind: "delay", ns, lossy };
  return reading.refusals > 0 ? { kind: "refused" } : { kind: "no-delay", lossy };
}

function lossOf(reading: Reading, on: string): Extract<Cell, { kind: "loss" }> {
  const { probes, failures, refusals, retransmits } = reading;
  return {
    kind: "loss",
    ratio: lossRatio(reading) ?? 0,
    lost: failures + retransmits,
    of: probes + retransmits,
    refused: refusals > 0 && refusals + failures === probes,
    on,
    partial: false,
  };
}

function worstLoss(grid: MeshGrid, from: number, to: number): Cell {
  let worst: Extract<Cell, { kind: "loss" }> | undefined;
  let refused = false;
  let least = 1;
  for (const [i, name] of grid.pathNames.entries()) {
    const reading = grid.reading(i, from, to);
    if (!reading || reading.probes === 0) continue;
    const loss = lossOf(reading, name);
    refused ||= loss.refused;
    least = Math.min(least, loss.ratio);
    if (!worst || loss.ratio > worst.ratio) worst = loss;
  }
  return worst
    ? { ...worst, refused, partial: least < worst.ratio }
    : { kind: "none", why: whyNothing(grid, from, to) };
}

function whyNothing(grid: MeshGrid, from: number, to: number): string {
  const isProbed = grid.paths.some((_, i) => grid.reading(i, from, to) !== undefined);
  return isProbed ? `no probe of this pair has completed in ${grid.time}` : grid.whyUnprobed("pod", from, to);
}

function whyMissing({ node, reason, hearsay }: MissingRow, destination: Node): string {
  const pairs = hearsay?.pairs.filter((pair) => pair.destination.name === destination.name) ?? [];
  const worst = Math.max(...pairs.map(({ window }) => lossRatio(window) ?? 0));
  const said = pairs.length === 0 ? "" : `. Not counted, since one agent alone says so: ${formatLoss(worst)} lost`;
  return `no row from ${node.name}: ${reason}${said}`;
}

/** What fits in a cell. Empty where the look of the cell says it all. */
export function cellText(cell: Cell): string {
  switch (cell.kind) {
    case "loss":
      return cell.refused && cell.ratio === 0 ? "refused" : formatLoss(cell.ratio);
    case "delay":
      return formatDelay(cell.ns);
    case "refused":
      return "refused";
    case "no-delay":
      return "answers";
    case "none":
      return "no data";
    case "self":
      return "";
  }
}

/** The sentence for tooltip and screen reader, without the names of the pair. */
export function cellWords(cell: Cell, { measure }: View): string {
  switch (cell.kind) {
    case "loss": {
      const refused = cell.refused ? "; refused: the host answers, the port is closed" : "";
      const lost =
        cell.ratio === 0
          ? `no loss, ${counted(cell.of, "probe")}`
          : `${formatLoss(cell.ratio)} lost (${cell.lost} of ${cell.of})`;
      return `${lost} on ${cell.on}${cell.partial ? ", the worst path" : ""}${refused}`;
    }
    case "delay":
      return `${MEASURES[measure].name} ${formatDelay(cell.ns)}${cell.lossy ? ", with loss" : ""}`;
    case "refused":
      return "refused: the host answers, the port is closed; no delay";
    case "no-delay":
      return `answered, ${measure === "jitter" ? "too few answers for jitter" : "no certain delay"}${cell.lossy ? ", with loss" : ""}`;
    case "none":
      return `no data: ${cell.why}`;
    case "self":
      return "the node itself";
  }
}
