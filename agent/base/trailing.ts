// One number over the trailing seconds: its sum and its largest value, in one-second buckets.
import type { Clock } from "./clock.ts";

export class Trailing {
  readonly #clock: Pick<Clock, "monotonicNs">;
  readonly #seconds: number;
  readonly #sums: Float64Array;
  readonly #maxima: Float64Array;
  /** The second that the youngest bucket stands for. */
  #youngest: number;

  constructor(clock: Pick<Clock, "monotonicNs">, seconds: number) {
    this.#clock = clock;
    this.#seconds = seconds;
    this.#sums = new Float64Array(seconds);
    this.#maxima = new Float64Array(seconds);
    this.#youngest = Math.floor(clock.monotonicNs() / 1e9);
  }

  /** Note a value that is not negative. */
  add(value: number): void {
    const bucket = this.#advance();
    this.#sums[bucket]! += value;
    this.#maxima[bucket] = Math.max(this.#maxima[bucket]!, value);
  }

  sum(): number {
    this.#advance();
    return this.#sums.reduce((a, b) => a + b, 0);
  }

  /** The largest value, 0 when there was none. */
  max(): number {
    this.#advance();
    return this.#maxima.reduce((a, b) => Math.max(a, b), 0);
  }

  #advance(): number {
    const second = Math.floor(this.#clock.monotonicNs() / 1e9);
    for (let s = Math.max(this.#youngest + 1, second - this.#seconds + 1); s <= second; s++) {
      this.#sums[s % this.#seconds] = 0;
      this.#maxima[s % this.#seconds] = 0;
    }
    this.#youngest = second;
    return second % this.#seconds;
  }
}
