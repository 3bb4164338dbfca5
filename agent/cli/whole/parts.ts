// The parts of the whole report that other commands print in a form of their own: doctor and matrix.
import { sureness } from "../../diagnosis/notes/summary.ts";
import { MeshGrid } from "../../diagnosis/notes/mesh-grid.ts";
import { counted } from "../../base/format.ts";
import { reportOf } from "../doctor.ts";
import { basisOf, MARK_OF } from "../doctor-report.ts";
import { cellOf } from "../matrix-table.ts";
import type { ReachedMesh } from "../reach.ts";
import { items, tableOf, text, type Item, type Report, type Section } from "../report/report.ts";
import type { Unreached } from "../sources.ts";

export function doctorPart(mesh: ReachedMesh | Unreached): Report {
  if ("why" in mesh) return notAsked("doctor", mesh.why);
  const report = reportOf(mesh);
  const { verdict, checks } = report;
  const findings = verdict.findings.map(
    ({ text: words, code, since, confidence, causes, next, cure, runbook }): Item => ({
      mark: "broken",
      text: words,
      details: [
        `${code}, since ${since}, ${sureness(confidence)}`,
        ...causes.flatMap((cause, i) => [
          `${i === 0 ? "Most likely" : "Or"}: ${cause.text}`,
          ...cause.for.map((seen) => `+ ${seen}`),
          ...cause.against.map((seen) => `- ${seen}`),
        ]),
        `Look: ${next}`,
        `Cure: ${cure}`,
        `Page: docs/${runbook}`,
      ],
    }),
  );
  return {
    title: "doctor",
    headline: verdict.text,
    isFault: verdict.state !== "fine",
    sections: [
      ...(findings.length === 0 ? [] : [{ title: "Findings", blocks: [items(findings)] }]),
      {
        title: "Checks",
        blocks: [
          items(checks.map(({ title, state, text: words }) => ({ mark: MARK_OF[state], text: `${title}: ${words}` }))),
          text(basisOf(report).join(" ")),
        ],
      },
    ],
    data: { ...report },
  };
}

/** A table of more nodes tells nobody anything, and would be most of the file. */
const MATRIX_NODES = 60;

export function matrixPart(mesh: ReachedMesh | Unreached): Report {
  if ("why" in mesh) return notAsked("matrix", mesh.why);
  const { snapshot } = mesh;
  const grid = new MeshGrid(snapshot);
  const all = grid.nodes.map((_, i) => i);
  const worst = all
    .map((node) => ({ node, lost: lostOf(grid, node) }))
    .sort((a, b) => b.lost - a.lost || a.node - b.node)
    .slice(0, MATRIX_NODES)
    .map(({ node }) => node)
    .sort((a, b) => a - b);
  const cut =
    worst.length < all.length
      ? ` of the ${worst.length} nodes that lose most, of ${all.length} ('internode matrix -o csv' has all)`
      : "";
  const tables = grid.pathNames.map((title, path): Section => ({
    title: `${title}${cut}`,
    blocks: [
      tableOf(
        ["from \\ to", ...worst.map((node) => grid.nodes[node]!.name)],
        worst.map((from) => [
          grid.nodes[from]!.name,
          ...worst.map((to) => (from === to ? "·" : cellOf(grid.reading(path, from, to), "both").text)),
        ]),
        "names",
      ),
    ],
  }));
  return {
    title: "matrix",
    headline: `${counted(snapshot.rows.length, "row")} of ${counted(snapshot.nodes.length, "node")}, the minute before ${snapshot.at}.`,
    isFault: snapshot.missing.length > 0,
    sections: [
      ...tables,
      ...(snapshot.missing.length === 0
        ? []
        : [
            {
              title: "Rows that did not come",
              blocks: [
                items(
                  snapshot.missing.map(({ node, reason }) => ({
                    mark: "broken" as const,
                    text: `${node.name}: ${reason}`,
                  })),
                ),
              ],
            },
          ]),
    ],
    data: { nodes: snapshot.nodes.length, rows: snapshot.rows.length, missing: snapshot.missing },
  };
}

function lostOf(grid: MeshGrid, node: number): number {
  const row = grid.snapshot.rows.find(({ source }) => source.name === grid.nodes[node]!.name);
  return row === undefined ? Infinity : row.pairs.reduce((n, { window }) => n + window.failures, 0);
}

const notAsked = (title: string, why: string): Report => ({
  title,
  headline: "The agents could not be asked.",
  isFault: true,
  sections: [{ title: "Why", blocks: [text(why)] }],
  data: { why },
});
