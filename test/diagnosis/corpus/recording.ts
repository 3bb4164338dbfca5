// A recording of what a judge saw: what was broken and what the right answer is, then the evidence of one judgement after
// the other, ten seconds apart, its rows in the compact form. All of it in one stream of Brotli, whose window holds the whole of
// it: a row is much like the same row ten seconds earlier.
//
// Little endian. u32 length, the heading as JSON; of each look u32 length, its head as JSON, and for each of its `rows`
// u32 length, the compact row.
import { readFileSync } from "node:fs";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { evidenceFromRows } from "../../../agent/diagnosis/evidence/from-snapshot.ts";
import type { Evidence, NodeEvidence } from "../../../agent/diagnosis/evidence/evidence.ts";
import { compactEvidence } from "../../../agent/judge/gather.ts";
import type { CauseKind, Finding, FindingCode } from "../../../agent/model/finding.ts";
import type { MissingRow, Row } from "../../../agent/model/snapshot.ts";
import { encodeRow, readCompactRow } from "../../../agent/peers/compact-row.ts";
import { placeOf } from "../../support/finding-names.ts";

export const FORMAT = "internode-recording-2";

interface Answer {
  readonly code: FindingCode;
  /** As `subjectName` gives it; of a group its members, since its id is of no meaning. */
  readonly subject: string;
}

/** A right answer. */
export interface Truth extends Answer {
  readonly cause: CauseKind;
  /** Answers that are as good: with three nodes "between a and b" is all that can be known. */
  readonly or?: readonly Answer[];
}

export interface Heading {
  readonly format: typeof FORMAT;
  /** In words: the mesh and what was done to it. */
  readonly what: string;
  /** Recorded on this day. */
  readonly day: string;
  readonly faults: readonly string[];
  readonly truths: readonly Truth[];
  /** Recorded last: no threshold has been set by it. */
  readonly isNeverTunedOn: boolean;
  /** When the faults came and when they went, RFC 3339; absent from a calm recording. */
  readonly since?: string;
  readonly until?: string;
}

/** What one judgement is made from. */
export interface Look {
  readonly at: string;
  readonly judge: string;
  readonly nodes: readonly Pick<NodeEvidence, "node" | "serving" | "addresses">[];
  readonly missing: readonly MissingRow[];
  /** By node name. */
  readonly rows: ReadonlyMap<string, Buffer>;
}

export interface Recording extends Heading {
  readonly looks: readonly Look[];
}

/** As its own agent would have sent it. Delays to three digits: more of them is noise, and takes most of the room. */
export const compactRowOf = (row: Row): Buffer =>
  encodeRow({
    ...row,
    pairs: row.pairs.map((pair) => {
      const { rttMeanNs, rttMinNs } = pair.window;
      return { ...pair, window: { ...pair.window, rttMeanNs: rounded(rttMeanNs), rttMinNs: rounded(rttMinNs) } };
    }),
  });

const rounded = (value: number | undefined): number | undefined => value && Number(value.toPrecision(3));

export function writeRecording({ looks, ...heading }: Recording): Buffer {
  const parts: Buffer[] = [];
  const add = (bytes: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes);
  };
  add(Buffer.from(JSON.stringify(heading)));
  for (const { rows, ...head } of looks) {
    add(Buffer.from(JSON.stringify({ ...head, rows: [...rows.keys()] })));
    for (const row of rows.values()) add(row);
  }
  return brotliCompressSync(Buffer.concat(parts), {
    params: { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS },
  });
}

export function readRecording(file: string | URL): Recording {
  const bytes = brotliDecompressSync(readFileSync(file));
  let at = 0;
  const next = (): Buffer => {
    const length = bytes.readUInt32LE(at);
    at += 4 + length;
    return bytes.subarray(at - length, at);
  };
  const heading = JSON.parse(next().toString()) as Omit<Heading, "format"> & { readonly format: string };
  if (heading.format !== FORMAT) throw new Error(`${file.toString()} is no recording of ${FORMAT}`);
  const looks: Look[] = [];
  while (at < bytes.length) {
    const { rows, ...head } = JSON.parse(next().toString()) as Omit<Look, "rows"> & { readonly rows: string[] };
    looks.push({ ...head, rows: new Map(rows.map((name) => [name, next()])) });
  }
  return { ...heading, format: FORMAT, looks };
}

export const evidenceOf = ({ at, judge, nodes, missing, rows }: Look): Evidence =>
  evidenceFromRows({
    atSeconds: Date.parse(at) / 1_000,
    nodes,
    judge,
    rows: [...rows].map(([name, row]) => compactEvidence(readCompactRow(row, { name }))),
    missing,
  });

/** "CODE SUBJECT CAUSE" */
export function parseTruth(text: string): Truth {
  const [code, subject, cause] = text.split(" ");
  if (!code || !subject || !cause) throw new Error(`"${text}": a truth is written CODE SUBJECT CAUSE`);
  return { code: code as FindingCode, subject, cause: cause as CauseKind };
}

export const isOf = ({ subject, code }: Finding, { or = [], ...truth }: Truth): boolean => {
  const name = placeOf(subject);
  return [truth, ...or].some((answer) => answer.code === code && answer.subject === name);
};
