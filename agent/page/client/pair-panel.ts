// One pair, opened: both directions side by side, every path's last minute as a line and in figures. Asks anew
// every two seconds while it is open.
import type { Finding } from "../../model/finding.ts";
import type { PairDetail, PairDirection } from "../../model/pair-detail.ts";
import type { PairWindow } from "../../model/snapshot.ts";
import { lossRatio, type WindowSummary } from "../../model/window.ts";
import { element, setText } from "./dom.ts";
import { formatDelay, formatLoss, listed } from "../../base/format.ts";
import { lineChart } from "./line-chart.ts";
import { type Path, pathKey, pathName } from "../../diagnosis/notes/mesh-grid.ts";
import { hopsText, pairNotes } from "../../diagnosis/notes/pair-notes.ts";
import { particulars } from "./verdict-view.ts";

const ASK_EVERY_MS = 2_000;

export interface OpenPair {
  readonly source: string;
  readonly destination: string;
}

export interface PairPanelOptions {
  readonly closed: () => void;
  /** What the judge says of this pair, or of what it is part of. */
  readonly findingsOf: (source: string, destination: string) => readonly Finding[];
}

export class PairPanel {
  readonly #dialog: HTMLDialogElement;
  readonly #title: HTMLElement;
  readonly #body: HTMLElement;
  readonly #options: PairPanelOptions;
  #pair: OpenPair | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(dialog: HTMLDialogElement, options: PairPanelOptions) {
    this.#dialog = dialog;
    this.#title = dialog.querySelector("h2")!;
    this.#body = dialog.querySelector("#pair-body")!;
    this.#options = options;
  }

  connect(): void {
    this.#dialog.querySelector("#pair-close")!.addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener("close", () => {
      clearTimeout(this.#timer);
      this.#pair = undefined;
      this.#options.closed();
    });
  }

  get pair(): OpenPair | undefined {
    return this.#pair;
  }

  open(pair: OpenPair): void {
    this.#pair = pair;
    setText(this.#title, `${pair.source} ⇄ ${pair.destination}`);
    this.#body.replaceChildren(element("p", { class: "quiet" }, "Asking both agents…"));
    if (!this.#dialog.open) this.#dialog.showModal();
    void this.#ask(pair);
  }

  async #ask(pair: OpenPair): Promise<void> {
    clearTimeout(this.#timer);
    const content = await answerFor(pair);
    if (this.#pair !== pair) return;
    const findings = this.#options.findingsOf(pair.source, pair.destination);
    this.#body.replaceChildren(
      ...findings.map((finding) => element("div", { class: "finding" }, finding.text, ...particulars(finding))),
      ...content,
    );
    this.#timer = setTimeout(() => void this.#ask(pair), ASK_EVERY_MS);
  }
}

async function answerFor({ source, destination }: OpenPair): Promise<HTMLElement[]> {
  try {
    const response = await fetch(`/api/v1/pair?${new URLSearchParams({ source, destination }).toString()}`);
    const said = (await response.json()) as PairDetail | { readonly error: string };
    return "error" in said ? [element("p", { class: "trouble" }, said.error)] : content(said);
  } catch {
    return [element("p", { class: "trouble" }, "The agent that serves this page does not answer; trying again.")];
  }
}

function content({ directions }: PairDetail): HTMLElement[] {
  const windows = directions.map((d) => ("row" in d ? d.row.pairs : []));
  const paths = [...new Map(windows.flat().map((w): [string, Path] => [pathKey(w), w])).values()];
  const missing = directions.flatMap((d) =>
    "missing" in d
      ? [
          element(
            "p",
            { class: "trouble" },
            `Nothing is known from ${d.source.name} to ${d.destination.name}: ${d.missing}.`,
          ),
        ]
      : [],
  );
  const relayed = directions.flatMap((d) =>
    "row" in d && d.relayed !== undefined
      ? [
          element(
            "p",
            { class: "quiet" },
            `What ${d.source.name} says came by way of ${listed(d.relayed.by)}: ${d.relayed.reason}.`,
          ),
        ]
      : [],
  );
  const key = element(
    "p",
    { class: "key" },
    ...directions.map((d, i) =>
      element("span", { class: i === 0 ? "there" : "back" }, `${d.source.name} → ${d.destination.name}`),
    ),
    element("span", { class: "quiet" }, "✕ a probe was lost"),
  );
  const charts = paths.map((path) => chartOf(path, paths, directions));
  return [
    ...missing,
    ...relayed,
    ...(paths.length > 0 ? [key] : []),
    element("div", { class: "charts" }, ...charts),
    directionTable(directions[0], directions[1]),
    directionTable(directions[1], directions[0]),
  ];
}

function chartOf(path: Path, paths: readonly Path[], directions: PairDetail["directions"]): HTMLElement {
  const name = pathName(path, paths);
  const lines = directions.map((d) => {
    const found = windowOn(d, path);
    return { name: `${d.source.name} → ${d.destination.name}`, seconds: found?.seconds ?? [], window: found?.window };
  });
  const words = lines.map((line) => `${line.name}: ${line.window ? inShort(line.window) : "no data"}`);
  return element(
    "figure",
    {},
    element("figcaption", {}, name),
    lineChart(lines, `${name}, last minute. ${words.join(". ")}`),
  );
}

const windowOn = (direction: PairDirection, path: Path): PairWindow | undefined =>
  "row" in direction ? direction.row.pairs.find((p) => pathKey(p) === pathKey(path)) : undefined;

function inShort(window: WindowSummary): string {
  const mean = window.rttMeanNs === undefined ? "no delay" : `mean ${formatDelay(window.rttMeanNs)}`;
  return `${mean}, ${formatLoss(lossRatio(window) ?? 0)} lost`;
}

/** `back`: the other direction, whose probes name the address at which this source is known. */
function directionTable(direction: PairDirection, back: PairDirection): HTMLElement {
  const heading = element("h3", {}, `${direction.source.name} → ${direction.destination.name}`);
  if (!("row" in direction))
    return element("section", {}, heading, element("p", { class: "quiet" }, "No row, no figures."));
  const { row } = direction;
  const columns = ["Path", "Lost", "RTT mean", "min – max", "Jitter", "Hops", "Notes"];
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...columns.map((c) => element("th", { scope: "col" }, c)))),
    element("tbody", {}, ...row.pairs.map((p) => tableRow(p, row.pairs, windowOn(back, p)?.address))),
  );
  const mtus = row.pathMtu.map((m) =>
    m.shortfallBytes > 0
      ? element(
          "p",
          { class: "trouble" },
          `Path MTU, ${m.network} network: packets over ${m.passesBytes} bytes vanish; the kernel believes in ${m.passesBytes + m.shortfallBytes}.`,
        )
      : element("p", { class: "quiet" }, `Path MTU, ${m.network} network: ${m.passesBytes} bytes pass.`),
  );
  const body =
    row.pairs.length > 0
      ? element("div", { class: "scroll" }, table)
      : element("p", { class: "quiet" }, `${direction.source.name} does not probe ${direction.destination.name}.`);
  const unprobed = (row.unprobed ?? []).map(({ network, text }) =>
    element(
      "p",
      { class: "trouble" },
      `Not probed${network === undefined ? "" : ` on the ${network} network`}: ${text}.`,
    ),
  );
  return element("section", {}, heading, body, ...unprobed, ...mtus);
}

function tableRow(pair: PairWindow, all: readonly PairWindow[], comesBackTo: string | undefined): HTMLElement {
  const { window } = pair;
  const ratio = lossRatio(window);
  const lost =
    ratio === undefined
      ? "no probe yet"
      : `${formatLoss(ratio)} (${window.failures + window.retransmits} of ${window.probes + window.retransmits})`;
  const delay = (ns: number | undefined) => (ns === undefined ? "–" : formatDelay(ns));
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, pathName(pair, all), element("small", {}, pair.address)),
    element("td", ratio !== undefined && ratio > 0 ? { class: "loses" } : {}, lost),
    element("td", {}, delay(window.rttMeanNs)),
    element("td", {}, window.rttMinNs === undefined ? "–" : `${delay(window.rttMinNs)} – ${delay(window.rttMaxNs)}`),
    element("td", {}, delay(window.jitterNs)),
    element("td", {}, hopsText(pair)),
    element("td", {}, pairNotes(pair, comesBackTo) || "–"),
  );
}
