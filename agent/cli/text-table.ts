// Tables of words for a terminal: columns as wide as their widest cell, two spaces apart, no lines.
import Table from "cli-table3";

const EDGES = ["top", "bottom", "left", "mid", "right"] as const;
const JOINTS = ["top-mid", "top-left", "top-right", "bottom-mid", "bottom-left", "bottom-right"] as const;
const NO_LINES = Object.fromEntries(
  [...EDGES, ...JOINTS, "left-mid", "mid-mid", "right-mid"].map((edge) => [edge, ""]),
);

export function table(rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    chars: { ...NO_LINES, middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
