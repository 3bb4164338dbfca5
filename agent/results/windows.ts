// The trailing 60 seconds of every slot in one-second buckets: 28 bytes a bucket, 1.7 KB a slot, no allocation
// while recording. The youngest bucket is the current, unfinished second.
import type { FailureReason, LossDirection, Outcome } from "../model/outcome.ts";
import type { SecondSummary } from "../model/snapshot.ts";
import { RTT_LATELY_SECONDS, WINDOW_SECONDS, type WindowSummary } from "../model/window.ts";
import { grown } from "./grown.ts";

// Delays of one bucket, nanoseconds in single precision: within 1 ns up to 16 ms, 0.5 µs at 10 s.
const SUM = 0;
const MIN = 1;
const MAX = 2;
const VARIATION = 3;
const DELAYS = 4;

// Numbers of one bucket. A byte is enough: the interval is at least 100 ms and one probe is outstanding a slot.
const PROBES = 0;
const REFUSALS = 1;
const TIMEOUT = 2;
const UNREACHABLE = 3;
const BLOCKED = 4;
const RETRANSMITS = 5;
const FORWARD = 6;
const REVERSE = 7;
const RTTS = 8;
const VARIATIONS = 9;
const NUMBERS = 12;

/** Fewer answers do not tell how fast the fastest could have been; and what is not that much slower is not told. */
const LATELY_RTTS = 3;
const SLOWER = 2;

const REASON: Readonly<Record<FailureReason, number>> = {
  timeout: TIMEOUT,
  unreachable: UNREACHABLE,
  blocked: BLOCKED,
};

export class Windows {
  #delays: Float32Array;
  #numbers: Uint8Array;
  /** The second that the youngest bucket of a row stands for. */
  #youngest: Float64Array;
  /** Delay of the probe before, NaN unless it was answered with one. */
  #previousNs: Float64Array;

  constructor(rows: number) {
    this.#delays = new Float32Array(rows * WINDOW_SECONDS * DELAYS);
    this.#numbers = new Uint8Array(rows * WINDOW_SECONDS * NUMBERS);
    this.#youngest = new Float64Array(rows);
    this.#previousNs = new Float64Array(rows);
  }

  grow(rows: number): void {
    this.#delays = grown(this.#delays, new Float32Array(rows * WINDOW_SECONDS * DELAYS));
    this.#numbers = grown(this.#numbers, new Uint8Array(rows * WINDOW_SECONDS * NUMBERS));
    this.#youngest = grown(this.#youngest, new Float64Array(rows));
    this.#previousNs = grown(this.#previousNs, new Float64Array(rows));
  }

  clear(row: number, second: number): void {
    this.#clearBuckets(row * WINDOW_SECONDS, (row + 1) * WINDOW_SECONDS);
    this.#youngest[row] = second;
    this.interrupt(row);
  }

  /** The next probe takes another way than the one before: their delays are not compared. */
  interrupt(row: number): void {
    this.#previousNs[row] = Number.NaN;
  }

  record(row: number, second: number, outcome: Outcome): void {
    if (outcome.retransmits !== undefined) this.retransmitted(row, second, outcome.retransmits);
    switch (outcome.kind) {
      case "answered":
        return this.answered(row, second, outcome.rttNs);
      case "refused":
        return this.refused(row, second);
      case "failed":
        return this.failed(row, second, outcome.reason);
    }
  }

  answered(row: number, second: number, rttNs: number | undefined): void {
    const bucket = this.#advance(row, second);
    this.#add(bucket, PROBES, 1);
    if (rttNs === undefined) {
      this.interrupt(row);
      return;
    }
    this.#delay(bucket, rttNs, this.#previousNs[row]!);
    this.#previousNs[row] = rttNs;
  }

  /**
   * The delay of a probe that has been answered before; `previousNs` is that of the probe right before it, or NaN. It is
   * booked beside the oldest answer in the window that has none, so that it leaves the window together with an answer:
   * a row that tells a delay and no answer is refused whole.
   */
  delayed(
    row: number,
    second: number,
    { rttNs, previousNs }: { readonly rttNs: number; readonly previousNs: number },
  ): void {
    const bucket = this.#oldestWhere(row, second, (b) => this.#answers(b) > this.#number(b, RTTS));
    if (bucket !== undefined) this.#delay(bucket, rttNs, previousNs);
  }

  refused(row: number, second: number): void {
    const bucket = this.#advance(row, second);
    this.#add(bucket, PROBES, 1);
    this.#add(bucket, REFUSALS, 1);
    this.interrupt(row);
  }

  failed(row: number, second: number, reason: FailureReason): void {
    const bucket = this.#advance(row, second);
    this.#add(bucket, PROBES, 1);
    this.#add(bucket, REASON[reason], 1);
    this.interrupt(row);
  }

  retransmitted(row: number, second: number, count: number): void {
    this.#add(this.#advance(row, second), RETRANSMITS, count);
  }

  /**
   * A failure of the past now has a direction. It is booked beside the oldest failure in the window that has none,
   * so that it leaves the window together with a failure and can never outnumber them.
   */
  lost(row: number, second: number, direction: Exclude<LossDirection, "unknown">): void {
    const number = direction === "forward" ? FORWARD : REVERSE;
    const bucket = this.#oldestWhere(
      row,
      second,
      (b) => this.#failures(b) > this.#number(b, FORWARD) + this.#number(b, REVERSE),
    );
    if (bucket !== undefined) this.#add(bucket, number, 1);
  }

  /** Largest delay within the window, NaN without any. */
  maxNs(row: number, second: number): number {
    let max = Number.NaN;
    for (let s = this.#oldest(row, second); s <= this.#youngest[row]!; s++) {
      const bucket = this.#bucket(row, s);
      if (this.#number(bucket, RTTS) === 0) continue;
      const ns = this.#delays[bucket * DELAYS + MAX]!;
      if (!(max >= ns)) max = ns;
    }
    return max;
  }

  /** The fastest delay of the last 20 s, where it is more than twice that of the window; few answers tell nothing. */
  latelyNs(row: number, second: number): number | undefined {
    const oldest = this.#oldest(row, second);
    const from = Math.max(oldest, second - RTT_LATELY_SECONDS + 1);
    let [minNs, rtts] = [Number.POSITIVE_INFINITY, 0];
    for (let s = from; s <= this.#youngest[row]!; s++) {
      const bucket = this.#bucket(row, s);
      if (this.#number(bucket, RTTS) === 0) continue;
      rtts += this.#number(bucket, RTTS);
      minNs = Math.min(minNs, this.#delays[bucket * DELAYS + MIN]!);
    }
    if (rtts < LATELY_RTTS) return undefined;
    for (let s = oldest; s < from; s++) {
      const bucket = this.#bucket(row, s);
      if (this.#number(bucket, RTTS) > 0 && this.#delays[bucket * DELAYS + MIN]! * SLOWER < minNs) return minNs;
    }
    return undefined;
  }

  summary(row: number, second: number): WindowSummary {
    let probes = 0;
    let refusals = 0;
    let timeout = 0;
    let unreachable = 0;
    let blocked = 0;
    let retransmits = 0;
    let lostForward = 0;
    let lostReverse = 0;
    let rtts = 0;
    let variations = 0;
    let sumNs = 0;
    let minNs = Number.POSITIVE_INFINITY;
    let maxNs = 0;
    let variationNs = 0;
    for (let s = this.#oldest(row, second); s <= this.#youngest[row]!; s++) {
      const bucket = this.#bucket(row, s);
      probes += this.#number(bucket, PROBES);
      refusals += this.#number(bucket, REFUSALS);
      timeout += this.#number(bucket, TIMEOUT);
      unreachable += this.#number(bucket, UNREACHABLE);
      blocked += this.#number(bucket, BLOCKED);
      retransmits += this.#number(bucket, RETRANSMITS);
      lostForward += this.#number(bucket, FORWARD);
      lostReverse += this.#number(bucket, REVERSE);
      if (this.#number(bucket, RTTS) === 0) continue;
      const at = bucket * DELAYS;
      rtts += this.#number(bucket, RTTS);
      variations += this.#number(bucket, VARIATIONS);
      sumNs += this.#delays[at + SUM]!;
      minNs = Math.min(minNs, this.#delays[at + MIN]!);
      maxNs = Math.max(maxNs, this.#delays[at + MAX]!);
      variationNs += this.#delays[at + VARIATION]!;
    }
    return {
      probes,
      failures: timeout + unreachable + blocked,
      refusals,
      reasons: {
        ...(timeout > 0 && { timeout }),
        ...(unreachable > 0 && { unreachable }),
        ...(blocked > 0 && { blocked }),
      },
      retransmits,
      lostForward,
      lostReverse,
      rttMeanNs: rtts > 0 ? sumNs / rtts : undefined,
      rttMinNs: rtts > 0 ? minNs : undefined,
      rttMaxNs: rtts > 0 ? maxNs : undefined,
      jitterNs: variations > 0 ? variationNs / variations : undefined,
    };
  }

  /** The window second by second, oldest first; `null` where nothing was completed. */
  seconds(row: number, second: number): (SecondSummary | null)[] {
    const seconds: (SecondSummary | null)[] = [];
    for (let s = second - WINDOW_SECONDS + 1; s <= second; s++) {
      const bucket = this.#bucket(row, s);
      const known = s >= this.#oldest(row, second) && s <= this.#youngest[row]!;
      const probes = known ? this.#number(bucket, PROBES) : 0;
      if (probes === 0) {
        seconds.push(null);
        continue;
      }
      const rtts = this.#number(bucket, RTTS);
      seconds.push({
        probes,
        failures: this.#failures(bucket),
        rttMeanNs: rtts > 0 ? this.#delays[bucket * DELAYS + SUM]! / rtts : undefined,
        rttMaxNs: rtts > 0 ? this.#delays[bucket * DELAYS + MAX]! : undefined,
      });
    }
    return seconds;
  }

  /** Failures and SYNs sent again, second by second, oldest first, a hexadecimal digit each; undefined where there are none. */
  lostSeconds(row: number, second: number): string | undefined {
    let digits = "";
    let lost = 0;
    for (let s = second - WINDOW_SECONDS + 1; s <= second; s++) {
      const known = s >= this.#oldest(row, second) && s <= this.#youngest[row]!;
      const bucket = this.#bucket(row, s);
      const failures = known ? this.#failures(bucket) + this.#number(bucket, RETRANSMITS) : 0;
      digits += Math.min(15, failures).toString(16);
      lost += failures;
    }
    return lost > 0 ? digits : undefined;
  }

  /** First second that the row's buckets still hold and the window at `second` still covers. */
  #oldest(row: number, second: number): number {
    return Math.max(second, this.#youngest[row]!) - WINDOW_SECONDS + 1;
  }

  /** Bucket of a second within the ring of a row. Seconds before the clock's base are the ring's far end. */
  #bucket(row: number, second: number): number {
    return row * WINDOW_SECONDS + (((second % WINDOW_SECONDS) + WINDOW_SECONDS) % WINDOW_SECONDS);
  }

  /** Make `second` the youngest bucket, emptying those in between, and return it. */
  #advance(row: number, second: number): number {
    const youngest = this.#youngest[row]!;
    if (second > youngest) {
      for (let s = Math.max(youngest + 1, second - WINDOW_SECONDS + 1); s <= second; s++) {
        const bucket = this.#bucket(row, s);
        this.#clearBuckets(bucket, bucket + 1);
      }
      this.#youngest[row] = second;
    }
    return this.#bucket(row, second);
  }

  #oldestWhere(row: number, second: number, holds: (bucket: number) => boolean): number | undefined {
    this.#advance(row, second);
    for (let age = WINDOW_SECONDS - 1; age >= 0; age--) {
      const bucket = this.#bucket(row, second - age);
      if (holds(bucket)) return bucket;
    }
    return undefined;
  }

  #delay(bucket: number, rttNs: number, previousNs: number): void {
    const at = bucket * DELAYS;
    const first = this.#number(bucket, RTTS) === 0;
    this.#add(bucket, RTTS, 1);
    this.#delays[at + SUM]! += rttNs;
    if (first || rttNs < this.#delays[at + MIN]!) this.#delays[at + MIN] = rttNs;
    if (first || rttNs > this.#delays[at + MAX]!) this.#delays[at + MAX] = rttNs;
    if (Number.isNaN(previousNs)) return;
    this.#delays[at + VARIATION]! += Math.abs(rttNs - previousNs);
    this.#add(bucket, VARIATIONS, 1);
  }

  #clearBuckets(from: number, to: number): void {
    this.#delays.fill(0, from * DELAYS, to * DELAYS);
    this.#numbers.fill(0, from * NUMBERS, to * NUMBERS);
  }

  #number(bucket: number, number: number): number {
    return this.#numbers[bucket * NUMBERS + number]!;
  }

  #answers(bucket: number): number {
    return this.#number(bucket, PROBES) - this.#failures(bucket) - this.#number(bucket, REFUSALS);
  }

  #failures(bucket: number): number {
    return this.#number(bucket, TIMEOUT) + this.#number(bucket, UNREACHABLE) + this.#number(bucket, BLOCKED);
  }

  #add(bucket: number, number: number, n: number): void {
    const at = bucket * NUMBERS + number;
    this.#numbers[at] = Math.min(255, this.#numbers[at]! + n);
  }
}
