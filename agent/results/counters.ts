// What a slot has counted since it was opened. One row of unsigned 32-bit numbers a slot, side by side in one
// array, so that recording a probe touches one or two cache lines. At 10 probes a second a number lasts 13 years.
import { grown } from "./grown.ts";
import type { AnomalyKind, FailureReason } from "../model/outcome.ts";
import { OWN_COUNTERS, type OwnCount } from "../probes/protocols.ts";

const COMMON = [
  "probes",
  "failures",
  "refusals",
  "rttCount",
  "timeout",
  "unreachable",
  "blocked",
  "late",
  "duplicate",
  "corrupt",
] as const satisfies readonly (FailureReason | AnomalyKind | "probes" | "failures" | "refusals" | "rttCount")[];
export type Counter = (typeof COMMON)[number] | OwnCount;

/** Those of all protocols, then what only one of them counts. */
const COUNTERS: readonly Counter[] = [
  ...COMMON,
  ...new Set(Object.values(OWN_COUNTERS).flatMap(({ counts }) => counts as readonly OwnCount[])),
];
/** Whole cache lines of 64 bytes, or a half or a quarter of one. */
const STRIDE = 2 ** Math.ceil(Math.log2(COUNTERS.length));
const COLUMN = Object.fromEntries(COUNTERS.map((name, column) => [name, column])) as Readonly<Record<Counter, number>>;

export const isCounter = (name: string): name is Counter => Object.hasOwn(COLUMN, name);

/** Counters of many rows: of all slots while they count, or of those that one capture copied. */
export class CounterTable {
  #counts: Uint32Array;
  #rttSumNs: Float64Array;

  constructor(rows: number) {
    this.#counts = new Uint32Array(rows * STRIDE);
    this.#rttSumNs = new Float64Array(rows);
  }

  grow(rows: number): void {
    this.#counts = grown(this.#counts, new Uint32Array(rows * STRIDE));
    this.#rttSumNs = grown(this.#rttSumNs, new Float64Array(rows));
  }

  clear(row: number): void {
    this.#counts.fill(0, row * STRIDE, (row + 1) * STRIDE);
    this.#rttSumNs[row] = 0;
  }

  add(row: number, counter: Counter, n = 1): void {
    this.#counts[row * STRIDE + COLUMN[counter]]! += n;
  }

  addRtt(row: number, rttNs: number): void {
    this.#counts[row * STRIDE + COLUMN.rttCount]! += 1;
    this.#rttSumNs[row]! += rttNs;
  }

  get(row: number, counter: Counter): number {
    return this.#counts[row * STRIDE + COLUMN[counter]]!;
  }

  rttSumNs(row: number): number {
    return this.#rttSumNs[row]!;
  }

  /** Take over one row of another table. */
  copyRow(row: number, from: CounterTable, fromRow: number): void {
    this.#counts.set(from.#counts.subarray(fromRow * STRIDE, (fromRow + 1) * STRIDE), row * STRIDE);
    this.#rttSumNs[row] = from.#rttSumNs[fromRow]!;
  }
}
