// What a figure of the benchmark is: tables, and the bars that its numbers are held against.

export type Cell = string | number | undefined;

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** What one must know to read it. */
  readonly note?: string;
}

/** A promise of the design, and what came of it. */
export interface Bar {
  readonly what: string;
  readonly figure: string;
  readonly bar: string;
  readonly met: boolean;
}

export interface Figure {
  readonly tables: readonly Table[];
  readonly bars: readonly Bar[];
}

export const format = (cell: Cell): string =>
  typeof cell === "number"
    ? Number.isInteger(cell)
      ? String(cell)
      : String(Number(cell.toPrecision(4)))
    : (cell ?? "-");

export function tableText({ title, columns, rows, note }: Table): string {
  const text = rows.map((row) => row.map(format));
  const widths = columns.map((column, i) => Math.max(column.length, ...text.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ")}`.trimEnd();
  return [`\n${title}`, line(columns), ...text.map(line), ...(note === undefined ? [] : [`  (${note})`])].join("\n");
}

export const barsTable = (bars: readonly Bar[]): Table => ({
  title: "All bars",
  columns: ["what", "figure", "bar", ""],
  rows: bars.map(({ what, figure, bar, met }) => [what, figure, bar, met ? "met" : "MISSED"]),
});

/** The value below which this share of the values lies; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

interface Measured {
  readonly what: string;
  readonly value: number;
  readonly unit?: string;
}

const withUnit = (value: number, unit: string | undefined) =>
  unit === undefined ? format(value) : `${format(value)} ${unit}`;

/** NaN meets no bar. */
export const atMost = (limit: number, { what, value, unit }: Measured): Bar => ({
  what,
  figure: withUnit(value, unit),
  bar: `≤ ${withUnit(limit, unit)}`,
  met: value <= limit,
});
export const atLeast = (limit: number, { what, value, unit }: Measured): Bar => ({
  what,
  figure: withUnit(value, unit),
  bar: `≥ ${withUnit(limit, unit)}`,
  met: value >= limit,
});
export const below = (limit: number, { what, value, unit }: Measured): Bar => ({
  what,
  figure: withUnit(value, unit),
  bar: `< ${withUnit(limit, unit)}`,
  met: value < limit,
});
export const exactly = (wanted: number, { what, value, unit }: Measured): Bar => ({
  what,
  figure: withUnit(value, unit),
  bar: `= ${withUnit(wanted, unit)}`,
  met: value === wanted,
});
