// A matrix for other programs: CSV, Markdown, one HTML file. Pure.
import { forCsv, forHtml, forMarkdown } from "../base/escape.ts";
import type { MeshGrid } from "../diagnosis/notes/mesh-grid.ts";
import { findingLine, type Summary } from "../diagnosis/notes/summary.ts";
import { lossRatio } from "../model/window.ts";
import { axis, cellOf, type Cell, type Show } from "./matrix-table.ts";

export interface MatrixDocument {
  readonly grid: MeshGrid;
  readonly summary: Summary;
  readonly show: Show;
  readonly from: ReadonlySet<string>;
  readonly to: ReadonlySet<string>;
  /** Where this is from, in a sentence. */
  readonly asked: string;
}

const CSV_HEAD = [
  "source",
  "source_zone",
  "destination",
  "destination_zone",
  "network",
  "protocol",
  "ip_family",
  "probes",
  "failures",
  "refusals",
  "syn_retransmits",
  "loss_ratio",
  "rtt_mean_seconds",
  "rtt_max_seconds",
  "jitter_seconds",
];

/** A line a pair and path. An empty field is something that was not measured. */
export function matrixCsv({ grid }: Pick<MatrixDocument, "grid">): string {
  const seconds = (ns: number | undefined) => (ns === undefined ? "" : String(ns / 1e9));
  const lines = grid.snapshot.rows.flatMap(({ source, pairs }) =>
    pairs.map(({ destination, network, protocol, family, window }) =>
      [
        ...[source.name, source.zone, destination.name, destination.zone].map(forCsv),
        network,
        protocol,
        family,
        ...[window.probes, window.failures, window.refusals, window.retransmits, lossRatio(window) ?? ""].map(String),
        ...[window.rttMeanNs, window.rttMaxNs, window.jitterNs].map(seconds),
      ].join(","),
    ),
  );
  return [CSV_HEAD.join(","), ...lines].join("\n");
}

export function matrixMarkdown(document: MatrixDocument): string {
  const { summary, asked } = document;
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const tables = tablesOf(document).map(({ title, heads, rows }) =>
    [
      `### ${forMarkdown(title)}`,
      "",
      row(["from \\\\ to", ...heads.map(forMarkdown)]),
      row(["---", ...heads.map(() => "---:")]),
      ...rows.map(({ label, cells }) => row([forMarkdown(label), ...cells.map(({ text }) => forMarkdown(text))])),
    ].join("\n"),
  );
  const notes = linesOf(summary).map((text) => `- ${forMarkdown(text)}`);
  return [
    `## ${forMarkdown(summary.headline)}`,
    forMarkdown(summary.lately),
    notes.join("\n"),
    ...tables,
    forMarkdown(asked),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2em;color:#14202b;background:#fff}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;margin:.5em 0 1.5em}
th,td{padding:3px 9px;border:1px solid #cdd5dc;text-align:right;white-space:nowrap}th{font-weight:400;color:#51606d}
th[scope=row]{text-align:left}.fine{background:#d2e4f0}.lossy{background:#f6c877}.failing{background:#4a1502;color:#fff}
.refused{outline:1px solid #51606d;outline-offset:-3px}.nothing{background:#dfe3e7;color:#51606d}`;

/** One file that needs no other and runs nothing. */
export function matrixHtml(document: MatrixDocument): string {
  const { summary, asked } = document;
  const tables = tablesOf(document).map(({ title, heads, rows }) => {
    const head = heads.map((name) => `<th scope="col">${forHtml(name)}</th>`).join("");
    const body = rows.map(
      ({ label, cells }) => `<tr><th scope="row">${forHtml(label)}</th>${cells.map(htmlCell).join("")}</tr>`,
    );
    return `<h2>${forHtml(title)}</h2>\n<table><thead><tr><th>from \\ to</th>${head}</tr></thead><tbody>\n${body.join("\n")}\n</tbody></table>`;
  });
  const notes = linesOf(summary)
    .map((text) => `<li>${forHtml(text)}</li>`)
    .join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Internode matrix</title><style>${STYLE}</style></head><body>
<h1>${forHtml(summary.headline)}</h1>
<p>${forHtml(summary.lately)}</p>
<ul>
${notes}
</ul>
${tables.join("\n")}
<p>${forHtml(asked)}</p>
</body></html>`;
}

const linesOf = ({ findings, notes }: Summary): string[] => [
  ...findings.map(findingLine),
  ...notes.map(({ text }) => text),
];

const CLASSES: Readonly<Record<Cell["health"], string>> = {
  self: "nothing",
  "no data": "nothing",
  fine: "fine",
  lossy: "lossy",
  failing: "failing",
  refused: "refused",
};

const htmlCell = ({ text, health }: Cell): string => `<td class="${CLASSES[health]}">${forHtml(text)}</td>`;

interface NamedTable {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly { readonly label: string; readonly cells: readonly Cell[] }[];
}

function tablesOf({ grid, show, from, to }: MatrixDocument): NamedTable[] {
  const all = grid.nodes.map((_, i) => i);
  const columns = axis(grid, all, to);
  return grid.pathNames.map((title, path) => ({
    title,
    heads: columns.map((i) => grid.nodes[i]!.name),
    rows: axis(grid, all, from).map((source) => {
      const { name, zone } = grid.nodes[source]!;
      const cells = columns.map((destination): Cell =>
        source === destination ? { text: "·", health: "self" } : cellOf(grid.reading(path, source, destination), show),
      );
      return { label: zone === "" ? name : `${name} (${zone})`, cells };
    }),
  }));
}
