// A snapshot as a table: one line a source, one column a destination. Pure.
import { forText } from "../base/escape.ts";
import type { IpFamily, Network, Node, Protocol } from "../model/peer.ts";
import type { PairWindow, Snapshot } from "../model/snapshot.ts";
import { lossRatio } from "../model/window.ts";
import { formatLoss, formatNs } from "./units.ts";

export const SHOW = ["both", "loss", "mean", "max", "jitter"] as const;
export type Show = (typeof SHOW)[number];

/** One matrix of the snapshot: what was probed how, over what. */
export interface View {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
}

export type Health = "self" | "fine" | "lossy" | "failing" | "refused" | "no data";
export interface Cell {
  readonly text: string;
  readonly health: Health;
}

/** Above this a pair is broken: the threshold of the alert rules (design §6). */
export const BROKEN_LOSS = 0.03;

/** Views that some row has, in the order pod before node, ICMP before TCP before UDP. */
export function viewsOf(snapshot: Snapshot): View[] {
  const found = new Map<string, View>();
  for (const row of snapshot.rows)
    for (const { network, protocol, family } of row.pairs)
      found.set(viewName({ network, protocol, family }), { network, protocol, family });
  const rank = (v: View) => `${v.family}${v.network === "pod" ? 0 : 1}${v.protocol}`;
  return [...found.values()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

export const viewName = (v: View): string =>
  `${v.network} network, ${v.protocol === "icmp" ? "ICMP" : v.protocol.toUpperCase()}, ${v.family === "ipv4" ? "IPv4" : "IPv6"}`;

export function cellOf(pair: PairWindow | undefined, show: Show): Cell {
  const loss = pair && lossRatio(pair.window);
  if (pair === undefined || loss === undefined) return { text: "?", health: "no data" };
  const { window } = pair;
  const health = loss === 1 ? "failing" : loss > 0 ? "lossy" : window.refusals === window.probes ? "refused" : "fine";
  const delay = (ns: number | undefined) => (ns === undefined ? "-" : formatNs(ns));
  switch (show) {
    case "loss":
      return { text: formatLoss(loss), health };
    case "mean":
      return { text: delay(window.rttMeanNs), health };
    case "max":
      return { text: delay(window.rttMaxNs), health };
    case "jitter":
      return { text: delay(window.jitterNs), health };
    case "both":
      if (health === "failing") return { text: "FAIL", health };
      if (health === "refused") return { text: "refused", health };
      return { text: loss > 0 ? `${formatLoss(loss)} ${delay(window.rttMeanNs)}` : delay(window.rttMeanNs), health };
  }
}

export interface MatrixOptions {
  readonly view: View;
  readonly show: Show;
  /** How a cell is coloured; plain text when absent. */
  readonly paint?: (cell: Cell, padded: string) => string;
}

/** The table, lines without a final newline. Beyond 12 nodes columns are numbered as the rows are. */
export function renderMatrix(snapshot: Snapshot, { view, show, paint = (_, text) => text }: MatrixOptions): string {
  const { nodes } = snapshot;
  const numbered = nodes.length > 12;
  const cells = nodes.map((source, i) =>
    nodes.map((destination, j) =>
      i === j ? ({ text: "·", health: "self" } as const) : cellOf(pairOf(snapshot, source, destination, view), show),
    ),
  );
  const label = (node: Node, i: number) =>
    forText(`${numbered ? `${i + 1} ` : ""}${node.name}${node.zone === "" ? "" : ` (${node.zone})`}`);
  const labels = nodes.map(label);
  const head = nodes.map((node, j) => (numbered ? String(j + 1) : forText(node.name)));
  const widths = head.map((text, j) => Math.max(text.length, ...cells.map((row) => row[j]!.text.length)));
  const first = Math.max("from \\ to".length, ...labels.map((l) => l.length));
  const missing = new Map(snapshot.missing.map((m) => [m.node.name, m.reason]));
  const lines = [`${"from \\ to".padEnd(first)}  ${head.map((text, j) => text.padStart(widths[j]!)).join("  ")}`];
  for (const [i, node] of nodes.entries()) {
    const reason = missing.get(node.name);
    const rest = cells[i]!.map((cell, j) => paint(cell, cell.text.padStart(widths[j]!))).join("  ");
    lines.push(`${labels[i]!.padEnd(first)}  ${reason === undefined ? rest : `did not answer: ${forText(reason)}`}`);
  }
  return lines.join("\n");
}

export function pairOf(snapshot: Snapshot, source: Node, destination: Node, view: View): PairWindow | undefined {
  const row = snapshot.rows.find((r) => r.source.name === source.name);
  return row?.pairs.find(
    (p) =>
      p.destination.name === destination.name &&
      p.network === view.network &&
      p.protocol === view.protocol &&
      p.family === view.family,
  );
}

/** What is broken, one line each: rows that did not answer, then lossy pairs, worst first. */
export function brokenPairs(snapshot: Snapshot): string[] {
  const silent = snapshot.missing.map((m) => `${m.node.name} did not answer: ${m.reason}`);
  const lossy = snapshot.rows.flatMap((row) =>
    row.pairs.flatMap((pair) => {
      const loss = lossRatio(pair.window) ?? 0;
      return loss > BROKEN_LOSS
        ? [
            {
              loss,
              line: `${row.source.name} → ${pair.destination.name} loses ${formatLoss(loss)} (${viewName(pair)}${directionOf(pair)})`,
            },
          ]
        : [];
    }),
  );
  return [...silent, ...lossy.sort((a, b) => b.loss - a.loss).map((l) => l.line)].map(forText);
}

/** Only UDP may claim a direction (design §2.9). */
function directionOf({ window }: PairWindow): string {
  const { lostForward, lostReverse } = window;
  if (lostForward === 0 && lostReverse === 0) return "";
  return `; on the way there ${lostForward}, on the way back ${lostReverse}`;
}
