// What `doctor` says, for a terminal, a chat and a ticket. Pure: all text from peers is escaped here.
import { styleText } from "node:util";
import { forMarkdown, forText } from "../base/escape.ts";
import { listed } from "../base/format.ts";
import type { Check, CheckState } from "../diagnosis/checkup.ts";
import type { DetectionFloor } from "../diagnosis/floor.ts";
import { sureness } from "../diagnosis/notes/summary.ts";
import type { Cause, Finding, Subject, Verdict } from "../model/finding.ts";
import { subjectName } from "../model/finding.ts";
import { COLOURS, SIGNS } from "./report/render.ts";
import type { Mark } from "./report/report.ts";
import { table } from "./text-table.ts";

export const DOCTOR_SCHEMA_VERSION = 1;

/** Printed by `-o json`. A new field raises nothing; another meaning raises `schemaVersion`. */
export interface DoctorReport {
  readonly schemaVersion: typeof DOCTOR_SCHEMA_VERSION;
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
  /** `judge`: an agent that watches all the time; `here`: from one look at the last minute, without memory. */
  readonly judged: "judge" | "here";
  /** What this judgement is made from. */
  readonly nodes: number;
  readonly rows: number;
  readonly missing: readonly { readonly node: string; readonly reason: string }[];
  /** The least loss of a node that this mesh would show, as shares; absent where nothing was measured. */
  readonly floor?: DetectionFloor;
}

export const MARK_OF: Readonly<Record<CheckState, Mark>> = {
  holds: "fine",
  broken: "broken",
  unknown: "unknown",
  absent: "note",
};
/** What only the machines themselves can tell. */
const UNSEEN = "Not looked at: routes, neighbour tables, connection tables and interfaces of the hosts.";

/** `3 min`, from the beginning to the moment of the verdict. */
export function lasted(since: string, at: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(at) - Date.parse(since)) / 1_000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  return seconds < 72 * 3_600 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

const clockOf = (moment: string): string => `${moment.slice(0, 10)} ${moment.slice(11, 19)} UTC`;

function basis({ verdict: { by, at, alone }, judged, rows, nodes }: DoctorReport): string {
  const moment = clockOf(at);
  if (judged === "here")
    return `Judged here, from the last minute of ${rows} of ${nodes} rows at ${moment}: no judge answered, so nothing before that minute counts.`;
  const who = `Judged by the agent of ${by.name}`;
  return alone === undefined
    ? `${who} at ${moment}; ${rows} of ${nodes} rows are here.`
    : `${who} alone at ${moment}: ${alone}; ${rows} of ${nodes} rows are here.`;
}

export function doctorText(report: DoctorReport): string {
  const { verdict, checks, missing } = report;
  const marks = table(
    checks.map(({ state, title, text }) => [
      styleText(COLOURS[MARK_OF[state]], SIGNS[MARK_OF[state]]),
      title,
      forText(text),
    ]),
  );
  return [
    styleText("bold", forText(verdict.text)),
    marks,
    ...verdict.findings.map((finding, i) => findingText(finding, { number: i + 1, at: verdict.at })),
    ...(missing.length > 0
      ? [["Rows that did not come:", ...missing.map((row) => `  ${forText(`${row.node}: ${row.reason}`)}`)].join("\n")]
      : []),
    basisOf(report).map(forText).join("\n"),
  ].join("\n\n");
}

/** What this was made from, and where nothing is wrong what would have been seen. */
export const basisOf = (report: DoctorReport): readonly string[] => [
  basis(report),
  ...(report.verdict.findings.length === 0 ? [floorText(report)] : []),
  UNSEEN,
];

function floorText({ floor, judged }: DoctorReport): string {
  if (floor === undefined) return "Nothing was measured, so nothing is excluded.";
  const share = (ratio: number) => `${Number((ratio * 100).toPrecision(2))}%`;
  const later = judged === "here" ? "" : `, one that loses ${share(floor.inFiveMinutes)} within five`;
  return `In this mesh a node that loses about ${share(floor.inMinute)} of its packets is seen within a minute${later}; what loses less may go unseen (docs/detection.md).`;
}

function findingText(finding: Finding, { number, at }: { readonly number: number; readonly at: string }): string {
  const { code, text, confidence, since, causes, next, cure, runbook } = finding;
  const line = (label: string, words: string) => `   ${label.padEnd(12)} ${forText(words)}`;
  return [
    `${styleText("bold", `${number}. ${code}`)}  ${forText(text)}`,
    line("since", `${clockOf(since)}, ${lasted(since, at)}; ${sureness(confidence)}`),
    ...causes.flatMap((cause, i) => causeLines(cause, i).map(([label, words]) => line(label, words))),
    line("next", next),
    line("cure", cure),
    line("page", `docs/${runbook} (internode explain ${code})`),
  ].join("\n");
}

function causeLines({ text, for: pro, against }: Cause, i: number): readonly (readonly [string, string])[] {
  return [
    [i === 0 ? "most likely" : "or", text],
    ...pro.map((words) => ["  for", words] as const),
    ...against.map((words) => ["  against", words] as const),
  ];
}

/** A group is known by its members; its name says nothing to people. */
const shortName = (subject: Subject): string =>
  subject.kind === "group" ? listed(subject.nodes, 8) : subjectName(subject);

/** A line a finding: for a chat. */
export function doctorShort({ verdict }: DoctorReport): string {
  return [
    forText(verdict.text),
    ...verdict.findings.map(({ code, subject, since, confidence, causes }) =>
      forText(
        `${code} ${shortName(subject)}, ${lasted(since, verdict.at)}, ${sureness(confidence)}: ${causes[0]?.text ?? ""}`,
      ),
    ),
  ].join("\n");
}

export function doctorMarkdown(report: DoctorReport): string {
  const { verdict, checks, missing } = report;
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const findings = verdict.findings.map(({ code, text, since, confidence, causes, next, cure, runbook }) =>
    [
      `### ${code}: ${forMarkdown(text)}`,
      "",
      `Since ${clockOf(since)} (${lasted(since, verdict.at)}), ${sureness(confidence)}. Page: docs/${forMarkdown(runbook)}`,
      "",
      ...causes.map(
        (cause, i) =>
          `${i + 1}. ${[cause.text, ...cause.for.map((words) => `For: ${words}`), ...cause.against.map((words) => `Against: ${words}`)].map(forMarkdown).join(" ")}`,
      ),
      "",
      `- Next: ${inCode(next)}`,
      `- Cure: ${forMarkdown(cure)}`,
    ].join("\n"),
  );
  return [
    `## ${forMarkdown(verdict.text)}`,
    [
      row(["", "check", "result"]),
      row(["---", "---", "---"]),
      ...checks.map(({ state, title, text }) => row([SIGNS[MARK_OF[state]], title, forMarkdown(text)])),
    ].join("\n"),
    ...findings,
    ...(missing.length > 0
      ? [missing.map(({ node, reason }) => `- No row from ${forMarkdown(`${node}: ${reason}`)}`).join("\n")]
      : []),
    forMarkdown(basisOf(report).join(" ")),
  ].join("\n\n");
}

/** A code span ends at its own fence only (CommonMark §6.1): one backtick more than the longest run inside. */
function inCode(text: string): string {
  const shown = forText(text);
  const fence = "`".repeat(Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  return fence.length > 1 ? `${fence} ${shown} ${fence}` : `${fence}${shown}${fence}`;
}
