// Tables and the few statistics a benchmark prints.

export type Cell = string | number | undefined;

export function printTable(title: string, columns: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const text = rows.map((row) => row.map((cell) => (typeof cell === "number" ? String(Number(cell.toPrecision(4))) : (cell ?? "-"))));
  const widths = columns.map((column, i) => Math.max(column.length, ...text.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ")}`.trimEnd();
  console.log(`\n${title}\n${line(columns)}\n${text.map(line).join("\n")}`);
}

/** The value below which this share of the values lies; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** A missed bar is printed as missed, with its figure. */
export const verdict = (figure: number, bar: number): string => (figure <= bar ? "met" : "MISSED");
