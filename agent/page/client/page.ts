// The page: takes snapshots from the feed, lets a person choose what to see, and keeps the choice in the address.
import { pairsOf } from "../../diagnosis/notes/concern.ts";
import type { Finding } from "../../model/finding.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import { ANY_PATH, type Measure, MEASURES, pathIndex, type View } from "../../diagnosis/notes/cells.ts";
import { element, setText } from "./dom.ts";
import { startFeed } from "./feed.ts";
import { formatAge } from "../../base/format.ts";
import { type MeshState, summarize } from "../../diagnosis/notes/summary.ts";
import { legend } from "./legend.ts";
import { Matrix } from "./matrix.ts";
import { MeshGrid, pathKey } from "../../diagnosis/notes/mesh-grid.ts";
import { type OpenPair, PairPanel } from "./pair-panel.ts";
import type { Theme } from "./scale.ts";
import { hourOf } from "../../base/span.ts";
import { matrixTable } from "./table.ts";
import { startVerdictFeed } from "./verdict-feed.ts";
import { VerdictView } from "./verdict-view.ts";
import { TimeSlider } from "./time-slider.ts";

const get = (id: string): HTMLElement => document.getElementById(id)!;
const dark = matchMedia("(prefers-color-scheme: dark)");

let grid: MeshGrid | undefined;
/** The latest of the feed; the past may be on the screen meanwhile. */
let latest: Snapshot | undefined;
let view: View = { measure: "loss", path: ANY_PATH };
let state: MeshState = "waiting";
let stale = false;

const verdict = new VerdictView(get("summary"), (marks) => matrix.mark(marks));
const panel = new PairPanel(get("pair") as HTMLDialogElement, {
  closed: keepAddress,
  findingsOf: (source, destination) => findingsOf(source, destination),
});
const matrix = new Matrix(get("matrix"), get("tip"), {
  open: (source, destination) => openPair({ source, destination }),
});

const time = new TimeSlider(get("time"), {
  snapshot(past) {
    const shown = past ?? latest;
    if (shown) show(shown);
  },
  chosen() {
    keepAddress();
    showState();
  },
});

const theme = (): Theme => (dark.matches ? "dark" : "light");

function findingsOf(source: string, destination: string): readonly Finding[] {
  const node = (name: string) => grid?.nodes.find((known) => known.name === name) ?? { name, zone: "" };
  return (verdict.findings?.findings ?? []).filter(({ subject }) => pairsOf(subject)(node(source), node(destination)));
}

function openPair(pair: OpenPair): void {
  panel.open(pair);
  keepAddress();
}

/** What is shown is in the address, so that a reload or a colleague sees the same. */
function keepAddress(): void {
  const parts = new URLSearchParams({ show: view.measure, on: view.path });
  if (time.span) parts.set("at", time.span.since);
  if (panel.pair) parts.set("pair", `${panel.pair.source},${panel.pair.destination}`);
  history.replaceState(null, "", `#${parts.toString()}`);
}

function fromAddress(parts: URLSearchParams): OpenPair | undefined {
  const measure = parts.get("show") ?? "";
  view = {
    measure: Object.hasOwn(MEASURES, measure) ? (measure as Measure) : "loss",
    path: parts.get("on") ?? ANY_PATH,
  };
  const [source, destination] = (parts.get("pair") ?? "").split(",");
  return source && destination ? { source, destination } : undefined;
}

function show(snapshot: Snapshot): void {
  grid = new MeshGrid(snapshot);
  // No minute of the past has a jitter.
  if (snapshot.span && view.measure === "jitter") view = { ...view, measure: "rttMean" };
  const known = new Set(grid.paths.map(pathKey));
  // Of delays there is no worst path: the first one is shown until a person chooses.
  if (!known.has(view.path) && (view.path !== ANY_PATH || view.measure !== "loss") && grid.paths.length > 0)
    view = { ...view, path: view.measure === "loss" ? ANY_PATH : pathKey(grid.paths[0]!) };
  showSummary();
  drawChoices(grid);
  draw();
}

/** The verdict and the snapshot come each at its own time; what is said is made from both. */
function showSummary(): void {
  const findings = verdict.findings;
  if (!grid || !findings) return;
  const summary = summarize(grid, findings);
  state = summary.state;
  setText(get("headline"), summary.headline);
  setText(get("lately"), summary.lately);
  const notes = get("notes");
  const key = JSON.stringify(summary.notes);
  // Unchanged notes keep their elements, and with them a person's focus.
  if (notes.dataset["key"] !== key) {
    notes.dataset["key"] = key;
    notes.replaceChildren(
      ...summary.notes.map(({ text, pair }) => element("li", {}, pair ? noteButton(text, pair) : text)),
    );
  }
  showState();
}

function noteButton(text: string, pair: OpenPair): HTMLElement {
  const button = element("button", { type: "button" }, text);
  button.addEventListener("click", () => openPair(pair));
  return button;
}

function draw(): void {
  if (!grid) return;
  matrix.show(grid, view, theme());
  get("legend").replaceChildren(...legend({ measure: view.measure, theme: theme(), scale: matrix.scale }));
  drawTable();
  showState();
}

function drawTable(): void {
  const details = get("as-table") as HTMLDetailsElement;
  const place = details.querySelector<HTMLElement>(".scroll")!;
  if (!grid || !details.open) return place.replaceChildren();
  const shown = pathIndex(grid, view);
  place.replaceChildren(
    matrixTable(
      grid,
      matrix,
      `${MEASURES[view.measure].name} of ${grid.time}, ${shown === undefined ? "worst of all paths" : grid.pathNames[shown]!}`,
    ),
  );
}

function drawChoices(grid: MeshGrid): void {
  const paths = [
    ...(view.measure === "loss" ? [{ value: ANY_PATH, text: "Worst of all" }] : []),
    ...grid.paths.map((path, i) => ({ value: pathKey(path), text: grid.pathNames[i]! })),
  ];
  choices(
    "measures",
    Object.entries(MEASURES)
      .filter(([value]) => value !== "jitter" || grid.snapshot.span === undefined)
      .map(([value, { name }]) => ({ value, text: name })),
    view.measure,
  );
  choices("paths", paths, view.path);
}

function choices(
  id: "measures" | "paths",
  options: readonly { readonly value: string; readonly text: string }[],
  chosen: string,
): void {
  const place = get(id);
  const key = JSON.stringify(options);
  if (place.dataset["key"] !== key) {
    place.dataset["key"] = key;
    const inputs = options.map(({ value, text }) =>
      element("label", {}, element("input", { type: "radio", name: id, value }), element("span", {}, text)),
    );
    place.replaceChildren(place.querySelector("legend")!, ...inputs);
  }
  for (const input of place.querySelectorAll("input")) input.checked = input.value === chosen;
}

function choose(): void {
  const chosen = (id: string) => document.querySelector<HTMLInputElement>(`#${id} input:checked`)?.value;
  const measure = (chosen("measures") ?? "loss") as Measure;
  const path = chosen("paths") ?? ANY_PATH;
  view = { measure, path: measure !== "loss" && path === ANY_PATH && grid?.paths[0] ? pathKey(grid.paths[0]) : path };
  keepAddress();
  if (grid) drawChoices(grid);
  draw();
}

const TITLES: Readonly<Record<MeshState, string>> = {
  waiting: "waiting",
  fine: "nothing is wrong",
  losing: "something is wrong",
  broken: "something is down",
};

/** Title and icon tell the state to who looks at another tab. */
function showState(): void {
  const past = time.span && hourOf(time.span.since);
  document.title = `${past ? `at ${past} UTC` : stale ? "no news" : TITLES[state]} – Internode`;
  const icon = `/icons/${past || stale ? "waiting" : state}.svg`;
  const link = get("icon") as HTMLLinkElement;
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
  document.body.dataset["state"] = state;
  document.body.classList.toggle("stale", stale && !past);
  document.body.classList.toggle("past", past !== undefined);
}

const address = new URLSearchParams(location.hash.slice(1));
const opened = fromAddress(address);
matrix.connect();
panel.connect();
time.connect(address.get("at"));
get("controls").addEventListener("change", choose);
get("as-table").addEventListener("toggle", drawTable);
dark.addEventListener("change", draw);
startVerdictFeed((findings) => {
  verdict.show(findings);
  showSummary();
});
startFeed({
  snapshot(snapshot) {
    latest = snapshot;
    if (!time.span) show(snapshot);
  },
  age({ ageMs, stale: nowStale, trouble }) {
    stale = nowStale;
    time.tick();
    const status = get("status");
    const seen = latest ? `seen from ${latest.by.name}` : "";
    status.dataset["state"] = ageMs === undefined ? "waiting" : stale ? "stale" : "live";
    if (ageMs === undefined)
      setText(status, trouble ? `No snapshot yet: ${trouble}` : "Waiting for the first snapshot…");
    else if (stale) setText(status, `Old: nothing heard for ${formatAge(ageMs)}${trouble ? `; ${trouble}` : ""}`);
    else setText(status, `Live, ${seen}`);
    verdict.tellAge();
    showState();
  },
});
if (opened) openPair(opened);
