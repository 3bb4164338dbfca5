// What the looks of the cells mean, drawn by the same painter as the matrix.
import type { Cell, Measure } from "../../diagnosis/notes/cells.ts";
import { MEASURES } from "../../diagnosis/notes/cells.ts";
import { CellPainter } from "./cell-painter.ts";
import { element } from "./dom.ts";
import { formatDelay } from "../../base/format.ts";
import { type DelayScale, LOSS_STEPS, PALETTES, type Theme } from "./scale.ts";

const SWATCH = 22;

export interface LegendOptions {
  readonly measure: Measure;
  readonly theme: Theme;
  readonly scale: DelayScale | undefined;
}

export function legend({ measure, theme, scale }: LegendOptions): HTMLElement[] {
  const palette = PALETTES[theme];
  const swatch = (cell: Cell, text: string): HTMLElement => {
    const canvas = swatchCanvas(SWATCH, (context) =>
      new CellPainter(context, palette, scale).paint(cell, { x: 0, y: 0, width: SWATCH, height: SWATCH }),
    );
    return element("span", { class: "entry" }, canvas, text);
  };
  const loss = (ratio: number): Cell => ({
    kind: "loss",
    ratio,
    lost: 0,
    of: 0,
    refused: false,
    on: "",
    partial: false,
  });
  const noData = swatch({ kind: "none", why: "" }, "no data");
  const self = swatch({ kind: "self" }, "itself");
  if (MEASURES[measure].field === undefined) {
    const ratios = [0, 0.005, 0.02, 0.05, 0.2, 0.7, 1];
    return [
      element("span", { class: "title" }, "Loss, last minute"),
      ...LOSS_STEPS.map(({ name }, i) => swatch(loss(ratios[i]!), name)),
      swatch({ kind: "refused" }, "refused, no loss"),
      noData,
      self,
    ];
  }
  const lossy: Cell = { kind: "delay", ns: scale?.lowNs ?? 1, lossy: true };
  return [
    element("span", { class: "title" }, `${MEASURES[measure].name}, last minute`),
    ...(scale ? [ramp(scale, theme)] : []),
    swatch(lossy, "with loss"),
    swatch(loss(1), "all lost"),
    swatch({ kind: "refused" }, "refused"),
    noData,
    self,
  ];
}

function ramp(scale: DelayScale, theme: Theme): HTMLElement {
  const painter = (context: CanvasRenderingContext2D) => {
    const paint = new CellPainter(context, PALETTES[theme], scale);
    for (let x = 0; x < 160; x++)
      paint.paint(
        { kind: "delay", ns: scale.lowNs * (scale.highNs / scale.lowNs) ** (x / 159), lossy: false },
        { x, y: 0, width: 1, height: SWATCH },
      );
  };
  return element(
    "span",
    { class: "entry" },
    formatDelay(scale.lowNs),
    swatchCanvas(160, painter),
    formatDelay(scale.highNs),
  );
}

function swatchCanvas(width: number, paint: (context: CanvasRenderingContext2D) => void): HTMLCanvasElement {
  const canvas = element("canvas", { "aria-hidden": "true" });
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(SWATCH * devicePixelRatio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${SWATCH}px`;
  const context = canvas.getContext("2d")!;
  context.scale(devicePixelRatio, devicePixelRatio);
  paint(context);
  return canvas;
}
