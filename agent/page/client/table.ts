// The matrix as a table of words, for who cannot use the drawing. Made only while it is open.
import { cellText } from "../../diagnosis/notes/cells.ts";
import { element } from "./dom.ts";
import type { Matrix } from "./matrix.ts";
import type { MeshGrid } from "../../diagnosis/notes/mesh-grid.ts";

export function matrixTable(grid: MeshGrid, matrix: Matrix, caption: string): HTMLTableElement {
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, "From \\ To"),
    ...grid.nodes.map(({ name }) => element("th", { scope: "col" }, name)),
  );
  const rows = grid.nodes.map(({ name }, from) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      ...grid.nodes.map((_, to) => element("td", {}, from === to ? "self" : cellText(matrix.cell(from, to)))),
    ),
  );
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, head),
    element("tbody", {}, ...rows),
  );
}
