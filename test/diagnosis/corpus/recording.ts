// A recording of what a judge saw: gzip of JSON lines. The first line says what was broken and what the right answer
// is, each of the others is the document of /api/v1/mesh at one judgement, ten seconds apart.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { subjectName, type CauseKind, type Finding, type FindingCode } from "../../../agent/model/finding.ts";
import type { Snapshot } from "../../../agent/model/snapshot.ts";

export const FORMAT = "internode-recording-1";

/** A right answer. */
export interface Truth {
  readonly code: FindingCode;
  /** As `subjectName` gives it; of a group its members, since its id is of no meaning. */
  readonly subject: string;
  readonly cause: CauseKind;
}

export interface Heading {
  readonly format: typeof FORMAT;
  /** In words: the mesh and what was done to it. */
  readonly what: string;
  readonly faults: readonly string[];
  readonly truths: readonly Truth[];
  /** When the faults came and when they went, RFC 3339; absent from a calm recording. */
  readonly since?: string;
  readonly until?: string;
}

export interface Recording extends Heading {
  readonly snapshots: readonly Snapshot[];
}

export function readRecording(file: string | URL): Recording {
  const [heading, ...snapshots] = gunzipSync(readFileSync(file))
    .toString("utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  if ((heading as Partial<Heading>).format !== FORMAT) throw new Error(`${String(file)} is no recording of ${FORMAT}`);
  return { ...(heading as Heading), snapshots: snapshots as Snapshot[] };
}

/** "CODE SUBJECT CAUSE" */
export function parseTruth(text: string): Truth {
  const [code, subject, cause] = text.split(" ");
  if (!code || !subject || !cause) throw new Error(`"${text}": a truth is written CODE SUBJECT CAUSE`);
  return { code: code as FindingCode, subject, cause: cause as CauseKind };
}

export const isOf = ({ subject, code }: Finding, truth: Truth): boolean =>
  code === truth.code &&
  (subject.kind === "group" ? [...subject.nodes].sort().join() : subjectName(subject)) === truth.subject;
