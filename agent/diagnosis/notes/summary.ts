// The first thing a person reads, on the page and in the terminal: the judge's verdict in its own words, then what was
// counted in the last minute and what the agents tell of themselves. Pure.
import { counted, listed } from "../../base/format.ts";
import type { Finding, Verdict } from "../../model/finding.ts";
import { LOSSY_RATIO } from "../../model/thresholds.ts";
import { agentNotes, missingNotes, partialNotes, relayNotes } from "./agent-notes.ts";
import { concernsGrid } from "./concern.ts";
import type { MeshGrid } from "./mesh-grid.ts";
import type { Note } from "./note.ts";
import { pairLosses } from "./pair-losses.ts";
import { failingServicePaths, serviceNotes } from "./service-notes.ts";

export type MeshState = "waiting" | "fine" | "losing" | "broken";

export interface Summary {
  readonly state: MeshState;
  /** The verdict. */
  readonly headline: string;
  /** What was counted in the last minute. */
  readonly lately: string;
  /** Those that concern what is looked at, the weightiest first. */
  readonly findings: readonly Finding[];
  readonly notes: readonly Note[];
  /** Something does not work: a finding, a missing row, a pair that loses more than the alerts allow, large packets that vanish, a service path that fails. */
  readonly isFault: boolean;
}

/** Nearly all: something is down, not only lossy. */
const DOWN_RATIO = 0.95;

/** `grid` may be a part of the mesh that was judged. A verdict is of now: of the past only what was counted is told. */
export function summarize(grid: MeshGrid, verdict: Verdict): Summary {
  if (grid.snapshot.span) return pastSummary(grid);
  const findings = verdict.findings.filter((finding) => concernsGrid(finding, grid));
  const losses = pairLosses(grid);
  const isVanishing = grid.snapshot.rows.some((row) => row.pathMtu.some((m) => m.shortfallBytes > 0));
  return {
    state: stateOf(verdict, findings, grid),
    headline: headlineOf(verdict, findings),
    lately: countsOf(grid, losses),
    findings,
    notes: [
      ...serviceNotes(grid),
      ...missingNotes(grid, goneNodes(findings)),
      ...relayNotes(grid),
      ...agentNotes(grid),
    ],
    isFault:
      findings.length > 0 ||
      grid.missing.size > 0 ||
      isVanishing ||
      failingServicePaths(grid).length > 0 ||
      losses.some((ratio) => ratio > LOSSY_RATIO),
  };
}

function pastSummary(grid: MeshGrid): Summary {
  const losses = pairLosses(grid);
  const isAnyLost = losses.some((ratio) => ratio > 0) || grid.missing.size > 0;
  return {
    state: losses.some((ratio) => ratio >= DOWN_RATIO) ? "broken" : isAnyLost ? "losing" : "fine",
    headline: countsOf(grid, losses),
    lately: "This is what was counted then; the judge speaks of now.",
    findings: [],
    // What agents tell of themselves is of now too.
    notes: [...missingNotes(grid, []), ...relayNotes(grid), ...partialNotes(grid)],
    isFault: grid.missing.size > 0 || losses.some((ratio) => ratio > LOSSY_RATIO),
  };
}

/** One line about one finding. */
export function findingLine({ text, code, since, confidence }: Finding): string {
  return `${text} (${code}, since ${since.slice(11, 19)} UTC, ${sureness(confidence)})`;
}

export const sureness = (confidence: number): string =>
  `${confidence > 0.99 ? "over 99" : Math.round(confidence * 100)}% sure`;

function stateOf({ state }: Verdict, findings: readonly Finding[], { missing }: MeshGrid): MeshState {
  if (state === "undecided") return "losing";
  if (findings.length === 0) return missing.size > 0 ? "losing" : "fine";
  return findings.some(({ figures }) => (figures.loss ?? 0) >= DOWN_RATIO) ? "broken" : "losing";
}

function headlineOf({ text, findings: all }: Verdict, findings: readonly Finding[]): string {
  const elsewhere = all.length - findings.length;
  if (elsewhere === 0) return text;
  const besides = `${counted(elsewhere, "finding")} elsewhere in the mesh`;
  const [first] = findings;
  if (!first) return `Nothing is wrong in what is shown, as far as can be seen; ${besides}.`;
  const more = findings.length - 1;
  return `${first.text} ${more > 0 ? `And ${counted(more, "more finding")}, and` : "And"} ${besides}.`;
}

/** Their findings say that no row comes. */
const goneNodes = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ code, subject }) =>
    (code === "IN-NODE-DOWN" || code === "IN-AGENT-DOWN") && subject.kind === "node" ? [subject.node] : [],
  );

function countsOf(grid: MeshGrid, losses: readonly number[]): string {
  const judged = losses.length;
  if (judged === 0) return grid.snapshot.span ? `Nothing is known of ${grid.time}.` : "No pair has been measured yet.";
  const losing = losses.filter((ratio) => ratio > 0).length;
  const names = [...grid.missing.keys()];
  const missing =
    names.length === 0
      ? ""
      : `the ${names.length === 1 ? "row" : "rows"} of ${listed(names)} ${names.length === 1 ? "is" : "are"} missing`;
  if (losing > 0)
    return `${losing.toLocaleString("en")} of ${counted(judged, "pair")} lost packets in ${grid.time}.${missing && ` ${missing[0]!.toUpperCase()}${missing.slice(1)}.`}`;
  if (missing) return `The ${counted(judged, "pair")} that we know of lost nothing in ${grid.time}, but ${missing}.`;
  return `${judged === 1 ? "The one pair" : `All ${counted(judged, "pair")}`} between ${counted(grid.nodes.length, "node")} lost nothing in ${grid.time}.`;
}
