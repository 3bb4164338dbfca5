// The matrix on the screen: one canvas for the cells, labels around it that stay in sight, and a cursor that mouse,
// finger and keyboard move. Ten thousand cells are one drawing, not ten thousand elements.
import { cellOf, type Cell, cellWords, MEASURES, type View } from "../../diagnosis/notes/cells.ts";
import { CellPainter } from "./cell-painter.ts";
import { listed } from "../../base/format.ts";
import { append, element, setAttribute } from "./dom.ts";
import type { MeshGrid } from "../../diagnosis/notes/mesh-grid.ts";
import type { Node } from "../../model/peer.ts";
import { layOut, type Layout } from "./layout.ts";
import { delayScale, type DelayScale, PALETTES, type Theme } from "./scale.ts";

/** Whether the cell from one node to another is marked. */
export type Marks = (from: Node, to: Node) => boolean;

export interface MatrixEvents {
  open(source: string, destination: string): void;
}

interface Position {
  readonly from: number;
  readonly to: number;
}

export class Matrix {
  readonly #root: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #cursor: HTMLElement;
  readonly #tip: HTMLElement;
  readonly #events: MatrixEvents;
  #grid: MeshGrid | undefined;
  #view: View = { measure: "loss", path: "any" };
  #theme: Theme = "light";
  #cells: Cell[] = [];
  #layout: Layout | undefined;
  #labels = "";
  #at: Position = { from: 0, to: 1 };
  #marks: Marks | undefined;
  scale: DelayScale | undefined;

  constructor(root: HTMLElement, tip: HTMLElement, events: MatrixEvents) {
    this.#root = root;
    this.#canvas = root.querySelector("canvas")!;
    this.#cursor = root.querySelector("#cursor")!;
    this.#tip = tip;
    this.#events = events;
  }

  /** Begin to follow mouse, finger, keyboard and size. */
  connect(): void {
    this.#root.addEventListener("keydown", (event) => this.#key(event));
    this.#root.addEventListener("focus", () => this.#moveTo(this.#at, { tip: "focus" }));
    this.#root.addEventListener("blur", () => (this.#tip.hidden = true));
    this.#canvas.addEventListener("pointermove", (event) => this.#hover(event));
    this.#canvas.addEventListener("pointerleave", () => this.#leave());
    this.#canvas.addEventListener("click", (event) => {
      const at = this.#positionOf(event);
      if (at) this.#open(at);
    });
    new ResizeObserver(() => this.#redraw()).observe(this.#root.parentElement!);
  }

  show(grid: MeshGrid, view: View, theme: Theme): void {
    this.#grid = grid;
    this.#view = view;
    this.#theme = theme;
    const n = grid.nodes.length;
    this.#cells = Array.from({ length: n * n }, (_, i) => cellOf(grid, view, Math.floor(i / n), i % n));
    this.scale =
      MEASURES[view.measure].field === undefined
        ? undefined
        : delayScale(this.#cells.flatMap((c) => (c.kind === "delay" ? c.ns : [])));
    this.#redraw();
  }

  /** The other cells step back; undefined marks none. */
  mark(marks: Marks | undefined): void {
    this.#marks = marks;
    this.#redraw();
  }

  cell(from: number, to: number): Cell {
    return this.#cells[from * this.#grid!.nodes.length + to]!;
  }

  #redraw(): void {
    const grid = this.#grid;
    if (!grid) return;
    const n = grid.nodes.length;
    this.#placeLabels(grid);
    const layout = this.#layout!;
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(layout.width * ratio), Math.round(layout.height * ratio)];
    // Setting a size, even the same one, clears and reallocates the canvas.
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.#canvas.style.width = `${layout.width}px`;
      this.#canvas.style.height = `${layout.height}px`;
    }
    const context = this.#canvas.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, layout.width, layout.height);
    const painter = new CellPainter(context, PALETTES[this.#theme], this.scale);
    for (let from = 0; from < n; from++) {
      for (let to = 0; to < n; to++) {
        painter.paint(this.#cells[from * n + to]!, layout.box(from, to));
        if (this.#marks && (from === to || !this.#marks(grid.nodes[from]!, grid.nodes[to]!)))
          painter.stepBack(layout.box(from, to));
      }
    }
    this.#at = { from: Math.min(this.#at.from, n - 1), to: Math.min(this.#at.to, n - 1) };
    this.#placeCursor();
  }

  #placeLabels(grid: MeshGrid): void {
    const [columns, rows] = [
      this.#root.querySelector<HTMLElement>(".columns")!,
      this.#root.querySelector<HTMLElement>(".rows")!,
    ];
    const longest = Math.max(...grid.nodes.map(({ name }) => name.length));
    this.#layout = layOut({
      zones: grid.zones,
      nodes: grid.nodes.length,
      availablePx: this.#root.parentElement!.clientWidth,
      longestName: longest,
    });
    const layout = this.#layout;
    const key = JSON.stringify([
      grid.nodes,
      [...grid.missing.values()].map(({ node, reason }) => [node.name, reason]),
      [...grid.relayed.values()],
      layout.width,
      layout.height,
    ]);
    if (key === this.#labels) return;
    this.#labels = key;
    this.#root.dataset["labels"] = layout.upright ? "upright" : "flat";
    this.#root.style.setProperty("--head", `${layout.headPx}px`);
    this.#root.style.setProperty("--side", `${layout.sidePx}px`);
    this.#root.style.setProperty("--label", `${layout.labelPx}px`);
    this.#root.setAttribute("aria-rowcount", String(grid.nodes.length));
    this.#root.setAttribute("aria-colcount", String(grid.nodes.length));
    columns.style.width = `${layout.width}px`;
    rows.style.height = `${layout.height}px`;
    columns.replaceChildren(...this.#labelsOf(grid, layout, "left", "width"));
    rows.replaceChildren(...this.#labelsOf(grid, layout, "top", "height"));
  }

  #labelsOf(grid: MeshGrid, layout: Layout, start: "left" | "top", size: "width" | "height"): HTMLElement[] {
    const at = start === "left" ? layout.columns : layout.rows;
    const cell = start === "left" ? layout.cellWidth : layout.cellHeight;
    const place = (label: HTMLElement, fromPx: number, sizePx: number, text: string) => {
      label.style[start] = `${fromPx}px`;
      label.style[size] = `${sizePx}px`;
      append(label, text);
      return label;
    };
    const zones = grid.zones.map(({ name, from, to }) =>
      place(
        element("div", { class: "zone" }),
        at[from]!,
        at[to - 1]! + cell - at[from]!,
        name === "" ? "no zone" : name,
      ),
    );
    const nodes = grid.nodes.map(({ name }, i) => {
      const label = place(element("div", { class: "node" }), at[i]!, cell, name);
      const [missing, relayed] = [grid.missing.get(name), grid.relayed.get(name)];
      if (missing !== undefined && start === "top") label.classList.add("missing");
      if (relayed !== undefined && start === "top") label.classList.add("relayed");
      const what = missing?.reason ?? (relayed && `by way of ${listed(relayed.by)}, since ${relayed.reason}`);
      setAttribute(label, "title", what === undefined ? name : `${name}: ${what}`);
      return label;
    });
    return [...zones, ...nodes];
  }

  #positionOf(event: MouseEvent): Position | undefined {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return this.#layout?.find(event.clientX - left, event.clientY - top);
  }

  #hover(event: PointerEvent): void {
    const at = this.#positionOf(event);
    if (!at) return this.#leave();
    this.#moveTo(at, { tip: "pointer", x: event.clientX, y: event.clientY });
  }

  #leave(): void {
    this.#tip.hidden = true;
    this.#highlight(undefined);
  }

  #key(event: KeyboardEvent): void {
    if (!this.#grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#grid.nodes.length - 1;
    const { from, to } = this.#at;
    const moves: Readonly<Record<string, Position>> = {
      ArrowUp: { from: from - 1, to },
      ArrowDown: { from: from + 1, to },
      ArrowLeft: { from, to: to - 1 },
      ArrowRight: { from, to: to + 1 },
      Home: { from, to: 0 },
      End: { from, to: last },
      PageUp: { from: from - 10, to },
      PageDown: { from: from + 10, to },
    };
    const move = moves[event.key];
    if (move)
      this.#moveTo(
        { from: Math.min(last, Math.max(0, move.from)), to: Math.min(last, Math.max(0, move.to)) },
        { tip: "focus" },
      );
    else if (event.key === "Enter" || event.key === " ") this.#open(this.#at);
    else return;
    event.preventDefault();
  }

  #open({ from, to }: Position): void {
    if (from === to) return;
    this.#tip.hidden = true;
    this.#events.open(this.#grid!.nodes[from]!.name, this.#grid!.nodes[to]!.name);
  }

  #moveTo(
    at: Position,
    how: { readonly tip: "focus" } | { readonly tip: "pointer"; readonly x: number; readonly y: number },
  ): void {
    if (!this.#grid) return;
    this.#at = at;
    this.#placeCursor();
    this.#highlight(at);
    const box = this.#cursor.getBoundingClientRect();
    if (how.tip === "focus") this.#cursor.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#showTip(how.tip === "pointer" ? { x: how.x, y: how.y } : { x: box.right, y: box.bottom });
  }

  #placeCursor(): void {
    const { from, to } = this.#at;
    const grid = this.#grid!;
    const { x, y, width, height } = this.#layout!.box(from, to);
    Object.assign(this.#cursor.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    this.#cursor.setAttribute("aria-rowindex", String(from + 1));
    this.#cursor.setAttribute("aria-colindex", String(to + 1));
    setAttribute(
      this.#cursor,
      "aria-label",
      `${grid.nodes[from]!.name} to ${grid.nodes[to]!.name}: ${cellWords(this.cell(from, to), this.#view)}`,
    );
  }

  #highlight(at: Position | undefined): void {
    for (const label of this.#root.querySelectorAll(".node.at")) label.classList.remove("at");
    if (!at) return;
    this.#root.querySelectorAll(".columns .node")[at.to]?.classList.add("at");
    this.#root.querySelectorAll(".rows .node")[at.from]?.classList.add("at");
  }

  #showTip({ x, y }: { readonly x: number; readonly y: number }): void {
    const { from, to } = this.#at;
    const { nodes } = this.#grid!;
    const names = from === to ? nodes[from]!.name : `${nodes[from]!.name} → ${nodes[to]!.name}`;
    this.#tip.replaceChildren(element("strong", {}, names));
    append(this.#tip, cellWords(this.cell(from, to), this.#view));
    this.#tip.hidden = false;
    const { width, height } = this.#tip.getBoundingClientRect();
    this.#tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 8))}px`;
    this.#tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 12) : y + 18}px`;
  }
}
