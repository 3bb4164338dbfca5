// The last hour of every slot, minute by minute: probes, failures, mean and largest delay in 8 bytes a minute, 502 bytes a
// slot with the minute that is not over yet. TCP: a SYN that was sent again is a lost packet and counts as a failed
// probe here, so that failures of probes are the loss of design §2.7. No allocation while recording.

import { grown } from "./grown.ts";

/** Finished minutes that are kept. */
export const KEPT_MINUTES = 60;

const PROBES = 0;
const FAILURES = 1;
const MEAN = 2;
const MAX = 3;
const NUMBERS = 4;
const MOST = 0xffff;

export interface MinutesSum {
  readonly probes: number;
  readonly failures: number;
  readonly rttMeanNs: number | undefined;
  readonly rttMaxNs: number | undefined;
}

/** Minutes are numbered by whoever calls; of one slot they never go back. */
export class Minutes {
  /** A ring a row, by the minute's number. */
  #kept: Uint16Array;
  /** The minute that is not over, and what was counted in it. */
  #current: Uint32Array;
  #probes: Uint16Array;
  #failures: Uint16Array;
  #rtts: Uint16Array;
  #rttSumNs: Float64Array;
  #rttMaxNs: Float32Array;

  constructor(rows: number) {
    this.#kept = new Uint16Array(rows * KEPT_MINUTES * NUMBERS);
    this.#current = new Uint32Array(rows);
    this.#probes = new Uint16Array(rows);
    this.#failures = new Uint16Array(rows);
    this.#rtts = new Uint16Array(rows);
    this.#rttSumNs = new Float64Array(rows);
    this.#rttMaxNs = new Float32Array(rows);
  }

  /** Of all rows together. */
  get bytes(): number {
    const all = [this.#kept, this.#current, this.#probes, this.#failures, this.#rtts, this.#rttSumNs, this.#rttMaxNs];
    return all.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  grow(rows: number): void {
    this.#kept = grown(this.#kept, new Uint16Array(rows * KEPT_MINUTES * NUMBERS));
    this.#current = grown(this.#current, new Uint32Array(rows));
    this.#probes = grown(this.#probes, new Uint16Array(rows));
    this.#failures = grown(this.#failures, new Uint16Array(rows));
    this.#rtts = grown(this.#rtts, new Uint16Array(rows));
    this.#rttSumNs = grown(this.#rttSumNs, new Float64Array(rows));
    this.#rttMaxNs = grown(this.#rttMaxNs, new Float32Array(rows));
  }

  clear(row: number, minute: number): void {
    this.#kept.fill(0, row * KEPT_MINUTES * NUMBERS, (row + 1) * KEPT_MINUTES * NUMBERS);
    this.#begin(row, minute);
  }

  add(row: number, minute: number, { probes, failures }: { readonly probes: number; readonly failures: number }): void {
    this.#advance(row, minute);
    this.#probes[row] = Math.min(MOST, this.#probes[row]! + probes);
    this.#failures[row] = Math.min(MOST, this.#failures[row]! + failures);
  }

  /** Of a probe that has been added. One whose minute ended before its delay was known has none here. */
  delay(row: number, minute: number, rttNs: number): void {
    this.#advance(row, minute);
    if (this.#probes[row]! - this.#failures[row]! <= this.#rtts[row]!) return;
    this.#rtts[row]! += 1;
    this.#rttSumNs[row]! += rttNs;
    this.#rttMaxNs[row] = Math.max(this.#rttMaxNs[row]!, rttNs);
  }

  /** Of the minutes `from` to `to`, both included, as far as they are kept. */
  sum(row: number, from: number, to: number): MinutesSum {
    const current = this.#current[row]!;
    let [probes, failures, answered, sumNs, maxNs] = [0, 0, 0, 0, 0];
    for (let minute = Math.max(from, current - KEPT_MINUTES); minute <= Math.min(to, current - 1); minute++) {
      const at = this.#at(row, minute);
      probes += this.#kept[at + PROBES]!;
      failures += this.#kept[at + FAILURES]!;
      if (this.#kept[at + MEAN] === 0) continue;
      // How many of them had a delay is not kept: nearly all that were answered.
      const delays = this.#kept[at + PROBES]! - this.#kept[at + FAILURES]!;
      answered += delays;
      sumNs += delays * decodeDelay(this.#kept[at + MEAN]!);
      maxNs = Math.max(maxNs, decodeDelay(this.#kept[at + MAX]!));
    }
    if (from <= current && current <= to) {
      probes += this.#probes[row]!;
      failures += this.#failures[row]!;
      answered += this.#rtts[row]!;
      sumNs += this.#rttSumNs[row]!;
      if (this.#rtts[row]! > 0) maxNs = Math.max(maxNs, this.#rttMaxNs[row]!);
    }
    return {
      probes,
      failures,
      rttMeanNs: answered > 0 ? sumNs / answered : undefined,
      rttMaxNs: answered > 0 ? Math.max(maxNs, sumNs / answered) : undefined,
    };
  }

  /** Make `minute` the current one: what was current is kept, those in between are empty. */
  #advance(row: number, minute: number): void {
    const before = this.#current[row]!;
    if (minute <= before) return;
    const at = this.#at(row, before);
    const rtts = this.#rtts[row]!;
    this.#kept[at + PROBES] = this.#probes[row]!;
    this.#kept[at + FAILURES] = this.#failures[row]!;
    this.#kept[at + MEAN] = rtts > 0 ? encodeDelay(this.#rttSumNs[row]! / rtts) : 0;
    this.#kept[at + MAX] = rtts > 0 ? encodeDelay(this.#rttMaxNs[row]!) : 0;
    for (let empty = Math.max(before + 1, minute - KEPT_MINUTES); empty < minute; empty++) {
      const from = this.#at(row, empty);
      this.#kept.fill(0, from, from + NUMBERS);
    }
    this.#begin(row, minute);
  }

  #begin(row: number, minute: number): void {
    this.#current[row] = minute;
    this.#probes[row] = 0;
    this.#failures[row] = 0;
    this.#rtts[row] = 0;
    this.#rttSumNs[row] = 0;
    this.#rttMaxNs[row] = 0;
  }

  #at(row: number, minute: number): number {
    return (row * KEPT_MINUTES + (minute % KEPT_MINUTES)) * NUMBERS;
  }
}

const LEAST_NS = 100;
const MOST_NS = 3_600e9;
/** Natural logarithm between two codes: a delay is kept within 0.02%. */
const STEP = Math.log(MOST_NS / LEAST_NS) / (MOST - 1);

/** 100 ns to an hour on a logarithmic scale; 0 stands for no delay. */
function encodeDelay(ns: number): number {
  return 1 + Math.round(Math.log(Math.min(MOST_NS, Math.max(LEAST_NS, ns)) / LEAST_NS) / STEP);
}

const decodeDelay = (code: number): number => LEAST_NS * Math.exp((code - 1) * STEP);
