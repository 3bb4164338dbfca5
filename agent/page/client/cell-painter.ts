// Paints one cell: colour, and a shape that says the same without colour.
import { cellText, type Cell } from "../../diagnosis/notes/cells.ts";
import type { Box } from "./layout.ts";
import { delayColor, type DelayScale, delayShare, inkOn, lossStep, type Palette } from "./scale.ts";

/** From this width on the value itself is written into the cell. */
const TEXT_WIDTH = 46;
const TEXT_HEIGHT = 16;
/** From this width on the one path that is down is named with it. */
const NAME_WIDTH = 100;

export class CellPainter {
  readonly #context: CanvasRenderingContext2D;
  readonly #palette: Palette;
  readonly #scale: DelayScale | undefined;
  #hatch: CanvasPattern | undefined;

  constructor(context: CanvasRenderingContext2D, palette: Palette, scale: DelayScale | undefined) {
    this.#context = context;
    this.#palette = palette;
    this.#scale = scale;
  }

  paint(cell: Cell, box: Box): void {
    switch (cell.kind) {
      case "self":
        return this.#self(box);
      case "none":
        return this.#noData(box);
      case "refused":
        return this.#refused(box);
      case "no-delay":
        return this.#fill(box, this.#palette.refused, cell);
      case "loss":
        return cell.refused && cell.ratio === 0 ? this.#refused(box) : this.#loss(cell, box);
      case "delay": {
        const color = this.#scale ? delayColor(delayShare(cell.ns, this.#scale), this.#palette) : this.#palette.refused;
        this.#fill(box, color, cell);
        if (cell.lossy) this.#corner(box, color);
      }
    }
  }

  /** Over a painted cell: others are marked. */
  stepBack({ x, y, width, height }: Box): void {
    this.#context.globalAlpha = 0.8;
    this.#context.fillStyle = this.#palette.ground;
    this.#context.fillRect(x, y, width, height);
    this.#context.globalAlpha = 1;
  }

  #fill(box: Box, color: string, cell: Cell): void {
    this.#rect(box, color);
    if (hasRoom(box)) this.#text(box, cellText(cell), inkOn(color, this.#palette));
  }

  #loss(cell: Extract<Cell, { kind: "loss" }>, box: Box): void {
    // The last step says that nothing gets through: not so where another path does.
    const isDown = cell.ratio === 1 && !cell.partial;
    const step = isDown ? lossStep(1) : Math.min(lossStep(cell.ratio), lossStep(1) - 1);
    const color = this.#palette.loss[step]!;
    const ink = inkOn(color, this.#palette);
    this.#rect(box, color);
    if (isDown) this.#cross(box, ink);
    else if (hasRoom(box))
      this.#text(
        box,
        cell.ratio === 1 && box.width >= NAME_WIDTH ? `${cell.on} ${cellText(cell)}` : cellText(cell),
        ink,
        cell.ratio > 0,
      );
    else this.#bars(box, step, ink);
  }

  #rect({ x, y, width, height }: Box, color: string): void {
    this.#context.fillStyle = color;
    this.#context.fillRect(x, y, width, height);
  }

  #text({ x, y, width, height }: Box, text: string, ink: string, strong = false): void {
    const context = this.#context;
    context.fillStyle = ink;
    context.font = `${strong ? "600 " : ""}${width >= 60 ? 13 : 11}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x + width / 2, y + height / 2 + 0.5, width - 4);
  }

  /** The steps of loss, as dot, one, two, three bars and a plus. */
  #bars({ x, y, width, height }: Box, step: number, ink: string): void {
    if (step === 0) return;
    const context = this.#context;
    const size = Math.min(width, height);
    context.fillStyle = ink;
    const thick = Math.max(1, Math.round(size / 9));
    const long = Math.round(size * 0.5);
    const [cx, cy] = [x + width / 2, y + height / 2];
    if (step === 1) return context.fillRect(Math.round(cx - thick), Math.round(cy - thick), thick * 2, thick * 2);
    const count = step - 1;
    for (let i = 0; i < Math.min(count, 3); i++) {
      const offset = (i - (Math.min(count, 3) - 1) / 2) * thick * 2.4;
      context.fillRect(Math.round(cx - long / 2), Math.round(cy + offset - thick / 2), long, thick);
    }
    if (count === 4) context.fillRect(Math.round(cx - thick / 2), Math.round(cy - long / 2), thick, long);
  }

  #cross({ x, y, width, height }: Box, ink: string): void {
    const context = this.#context;
    const arm = Math.min(width, height) * 0.28;
    const [cx, cy] = [x + width / 2, y + height / 2];
    context.strokeStyle = ink;
    context.lineWidth = Math.max(1.25, Math.min(width, height) / 11);
    context.beginPath();
    context.moveTo(cx - arm, cy - arm);
    context.lineTo(cx + arm, cy + arm);
    context.moveTo(cx + arm, cy - arm);
    context.lineTo(cx - arm, cy + arm);
    context.stroke();
  }

  /** A notch in the corner: packets were lost here, although this view shows delay. */
  #corner({ x, y, width, height }: Box, color: string): void {
    const context = this.#context;
    const size = Math.max(4, Math.min(width, height) * 0.32);
    context.fillStyle = inkOn(color, this.#palette);
    context.beginPath();
    context.moveTo(x + width - size, y);
    context.lineTo(x + width, y);
    context.lineTo(x + width, y + size);
    context.fill();
  }

  #refused(box: Box): void {
    const { x, y, width, height } = box;
    const context = this.#context;
    this.#rect(box, this.#palette.refused);
    const ink = inkOn(this.#palette.refused, this.#palette);
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.strokeRect(x + 1.5, y + 1.5, width - 3, height - 3);
    if (hasRoom(box)) this.#text(box, "refused", ink);
    else {
      context.beginPath();
      context.arc(x + width / 2, y + height / 2, Math.min(width, height) * 0.2, 0, Math.PI * 2);
      context.stroke();
    }
  }

  #self({ x, y, width, height }: Box): void {
    const context = this.#context;
    this.#rect({ x, y, width, height }, this.#palette.self);
    context.fillStyle = this.#palette.noDataLine;
    const size = Math.max(2, Math.round(Math.min(width, height) / 8));
    context.fillRect(Math.round(x + (width - size) / 2), Math.round(y + (height - size) / 2), size, size);
  }

  #noData({ x, y, width, height }: Box): void {
    this.#hatch ??= hatchPattern(this.#context, this.#palette);
    this.#context.fillStyle = this.#hatch;
    this.#context.fillRect(x, y, width, height);
  }
}

const hasRoom = ({ width, height }: Box): boolean => width >= TEXT_WIDTH && height >= TEXT_HEIGHT;

const HATCH = 6;

/** Grey with slanted lines, drawn at the screen's own resolution. */
function hatchPattern(context: CanvasRenderingContext2D, { noData, noDataLine }: Palette): CanvasPattern {
  const tile = document.createElement("canvas");
  const ratio = devicePixelRatio;
  tile.width = tile.height = Math.round(HATCH * ratio);
  const t = tile.getContext("2d")!;
  t.fillStyle = noData;
  t.fillRect(0, 0, tile.width, tile.height);
  t.strokeStyle = noDataLine;
  t.lineWidth = 1.2 * ratio;
  t.beginPath();
  for (const shift of [-1, 0, 1]) {
    t.moveTo(shift * tile.width - 2, tile.height + 2);
    t.lineTo((shift + 1) * tile.width + 2, -2);
  }
  t.stroke();
  const pattern = context.createPattern(tile, "repeat")!;
  pattern.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}
