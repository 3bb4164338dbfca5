// One matrix of a snapshot as lines of text: a line a source, a column a destination. Pure.
import stringWidth from "string-width";
import { forText } from "../base/escape.ts";
import { formatDelay, formatLoss } from "../base/format.ts";
import type { MeshGrid, Reading } from "../diagnosis/notes/mesh-grid.ts";
import { lossRatio } from "../model/window.ts";

export const SHOW = ["both", "all", "loss", "mean", "max", "jitter"] as const;
export type Show = (typeof SHOW)[number];

export type Health = "self" | "fine" | "lossy" | "failing" | "refused" | "no data";
export interface Cell {
  readonly text: string;
  readonly health: Health;
}

export function cellOf(reading: Reading | undefined, show: Show): Cell {
  const loss = reading && lossRatio(reading);
  if (reading === undefined || loss === undefined) return { text: "?", health: "no data" };
  const health = loss === 1 ? "failing" : loss > 0 ? "lossy" : reading.refusals === reading.probes ? "refused" : "fine";
  const delay = (ns: number) => (Number.isNaN(ns) ? "-" : formatDelay(ns));
  switch (show) {
    case "loss":
      return { text: formatLoss(loss), health };
    case "mean":
      return { text: delay(reading.rttMeanNs), health };
    case "max":
      return { text: delay(reading.rttMaxNs), health };
    case "jitter":
      return { text: delay(reading.jitterNs), health };
    case "all":
      if (health === "failing") return { text: "FAIL", health };
      if (health === "refused") return { text: "refused", health };
      return { text: `${formatLoss(loss)} ${delay(reading.rttMeanNs)} / ${delay(reading.rttMaxNs)}`, health };
    case "both": {
      if (health === "failing") return { text: "FAIL", health };
      if (health === "refused") return { text: "refused", health };
      const mean = delay(reading.rttMeanNs);
      return { text: loss > 0 ? `${formatLoss(loss)} ${mean}` : mean, health };
    }
  }
}

export interface MatrixOptions {
  /** Sources and destinations that are shown, by name; all where it is left out. */
  readonly from?: ReadonlySet<string>;
  readonly to?: ReadonlySet<string>;
  /** Index of the path. */
  readonly path: number;
  readonly show: Show;
  /** Columns of the terminal; Infinity where a line may be as long as it needs. */
  readonly width: number;
  /** How a cell is coloured; plain text when absent. */
  readonly paint?: (cell: Cell, padded: string) => string;
}

/** Columns on a terminal. Names are of ASCII but for those that somebody makes up. */
const widthOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : stringWidth(text));

const CORNER = "from \\ to";
const GAP = "  ";

/**
 * The table, without a final newline. Columns carry names where these fit, else the numbers of the rows; where not even
 * those fit, the table has the nodes with the most loss, and says so.
 */
export function renderMatrix(grid: MeshGrid, options: MatrixOptions): string {
  const all = grid.nodes.map((_, i) => i);
  for (const numbered of [false, true]) {
    const table = new Table(grid, { sources: all, destinations: all }, numbered, options);
    if (table.width <= options.width) return table.text();
  }
  const isFiltered = all.some((i) => !axis(grid, [i], options.from).includes(i));
  const columns = axis(grid, all, options.to);
  const ranked = rankByLoss(grid, options.path).filter((i) => columns.includes(i));
  const worstOf = (shown: number) => {
    const destinations = ranked.slice(0, shown).sort((a, b) => a - b);
    // Sources that were asked for by name stay: rows take no width.
    return new Table(grid, { sources: isFiltered ? all : destinations, destinations }, true, options);
  };
  // A column takes the gap and a digit at least: more than these cannot fit.
  const most = Math.min(ranked.length - 1, Math.floor(options.width / (GAP.length + 1)));
  for (let shown = most; shown > 1; shown--) {
    const table = worstOf(shown);
    if (table.width > options.width) continue;
    return `${table.text()}\nThe ${shown} nodes of ${ranked.length} that lose most; a wider terminal, or '-o wide', shows more.`;
  }
  return worstOf(2).text();
}

/** The nodes of one axis, as indexes. */
export const axis = (grid: MeshGrid, nodes: readonly number[], chosen: ReadonlySet<string> | undefined): number[] =>
  nodes.filter((i) => chosen?.has(grid.nodes[i]!.name) ?? true);

/** Most loss first, coming and going. */
function rankByLoss(grid: MeshGrid, path: number): number[] {
  const loss = (from: number, to: number) => {
    const reading = grid.reading(path, from, to);
    return (reading && lossRatio(reading)) ?? 0;
  };
  const sums = grid.nodes.map((_, i) => grid.nodes.reduce((sum, _, j) => sum + loss(i, j) + loss(j, i), 0));
  return grid.nodes.map((_, i) => i).sort((a, b) => sums[b]! - sums[a]! || a - b);
}

class Table {
  readonly #rows: readonly { readonly label: string; readonly cells: readonly Cell[] | undefined }[];
  readonly #heads: readonly string[];
  readonly #widths: readonly number[];
  readonly #labelWidth: number;
  readonly #key: string;
  readonly #paint: (cell: Cell, padded: string) => string;

  constructor(
    grid: MeshGrid,
    nodes: { readonly sources: readonly number[]; readonly destinations: readonly number[] },
    numbered: boolean,
    { path, show, from: sources, to: destinations, paint = (_, text) => text }: MatrixOptions,
  ) {
    this.#paint = paint;
    const columns = axis(grid, nodes.destinations, destinations);
    const rows = axis(grid, nodes.sources, sources);
    this.#heads = columns.map((i) => (numbered ? String(i + 1) : forText(grid.nodes[i]!.name)));
    this.#rows = rows.map((from) => {
      const { name, zone } = grid.nodes[from]!;
      const label = forText(`${numbered ? `${from + 1} ` : ""}${name}${zone === "" ? "" : ` (${zone})`}`);
      if (grid.missing.has(name)) return { label, cells: undefined };
      const cells = columns.map((to): Cell =>
        from === to ? { text: "·", health: "self" } : cellOf(grid.reading(path, from, to), show),
      );
      return { label, cells };
    });
    // A row tells the name behind a number; what has none is told below.
    const unnamed = numbered ? columns.filter((i) => !rows.includes(i)) : [];
    this.#key = unnamed.map((i) => forText(`${i + 1} ${grid.nodes[i]!.name}`)).join(", ");
    this.#widths = this.#heads.map((head, j) =>
      Math.max(widthOf(head), ...this.#rows.map(({ cells }) => cells?.[j]!.text.length ?? 0)),
    );
    this.#labelWidth = Math.max(CORNER.length, ...this.#rows.map(({ label }) => widthOf(label)));
  }

  get width(): number {
    return this.#widths.reduce((sum, width) => sum + GAP.length + width, this.#labelWidth);
  }

  text(): string {
    const line = (label: string, rest: string) =>
      `${label}${" ".repeat(this.#labelWidth - widthOf(label))}${GAP}${rest}`;
    return [
      line(CORNER, this.#heads.map((head, j) => `${" ".repeat(this.#widths[j]! - widthOf(head))}${head}`).join(GAP)),
      ...this.#rows.map(({ label, cells }) =>
        line(
          label,
          cells === undefined
            ? "no row: see below"
            : cells.map((cell, j) => this.#paint(cell, cell.text.padStart(this.#widths[j]!))).join(GAP),
        ),
      ),
      ...(this.#key === "" ? [] : [`Columns: ${this.#key}.`]),
    ].join("\n");
  }
}
