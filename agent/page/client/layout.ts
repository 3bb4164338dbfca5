// Where cells are: sizes from the room there is, a gap between zones. Pure.
import type { ZoneSpan } from "../../diagnosis/notes/mesh-grid.ts";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Room {
  readonly zones: readonly ZoneSpan[];
  readonly nodes: number;
  readonly availablePx: number;
  readonly longestName: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Left of each column, top of each row. */
  readonly columns: readonly number[];
  readonly rows: readonly number[];
  /** Column labels stand upright where a cell is too narrow for its name. */
  readonly upright: boolean;
  readonly headPx: number;
  readonly sidePx: number;
  readonly labelPx: number;
  box(from: number, to: number): Box;
  /** The cell under a point, if any. */
  find(x: number, y: number): { readonly from: number; readonly to: number } | undefined;
}

const ZONE_GAP = 8;
const CELL_GAP = 1;
/** Smaller cells cannot be hit, nor their labels read: the matrix scrolls instead. */
const MIN_CELL = 11;
const MAX_WIDTH = 120;
const MAX_HEIGHT = 48;
const ZONE_STRIP = 22;
/** A character of the label font is at most about this share of its size wide. */
const CHARACTER = 0.6;
const LABEL_MAX_CHARACTERS = 24;

export function layOut({ zones, nodes, availablePx, longestName }: Room): Layout {
  const gaps = Math.max(0, zones.length - 1) * ZONE_GAP;
  const characters = Math.min(longestName, LABEL_MAX_CHARACTERS);
  const roughSide = characters * 12 * CHARACTER + ZONE_STRIP + 14;
  const fit = Math.floor((availablePx - roughSide - gaps - 2) / nodes);
  const cellWidth = Math.max(MIN_CELL, Math.min(MAX_WIDTH, fit));
  const cellHeight = Math.min(cellWidth, MAX_HEIGHT);
  const labelPx = Math.max(9.5, Math.min(13, cellHeight - 1));
  const namePx = Math.ceil(characters * labelPx * CHARACTER) + 10;
  const upright = cellWidth < namePx;
  const offsets = (size: number): number[] =>
    zones.flatMap(({ from, to }, zone) =>
      Array.from({ length: to - from }, (_, i) => (from + i) * size + zone * ZONE_GAP),
    );
  const [columns, rows] = [offsets(cellWidth), offsets(cellHeight)];
  return {
    width: nodes * cellWidth + gaps,
    height: nodes * cellHeight + gaps,
    cellWidth,
    cellHeight,
    columns,
    rows,
    upright,
    headPx: ZONE_STRIP + (upright ? namePx : 24),
    sidePx: ZONE_STRIP + namePx,
    labelPx,
    box: (from, to) => ({
      x: columns[to]!,
      y: rows[from]!,
      width: cellWidth - CELL_GAP,
      height: cellHeight - CELL_GAP,
    }),
    find: (x, y) => {
      const to = columns.findIndex((left) => x >= left && x < left + cellWidth);
      const from = rows.findIndex((top) => y >= top && y < top + cellHeight);
      return to < 0 || from < 0 ? undefined : { from, to };
    },
  };
}
