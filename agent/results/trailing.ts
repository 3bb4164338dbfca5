// One number of the agent itself over the trailing 60 seconds, for the health that a row carries.
import type { Clock } from "../model/clock.ts";
import { WINDOW_SECONDS } from "../model/window.ts";

export class Trailing {
  readonly #clock: Clock;
  readonly #sums = new Float64Array(WINDOW_SECONDS);
  readonly #maxima = new Float64Array(WINDOW_SECONDS);
  #youngest: number;

  constructor(clock: Clock) {
    this.#clock = clock;
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
    return Math.max(...this.#maxima);
  }

  #advance(): number {
    const second = Math.floor(this.#clock.monotonicNs() / 1e9);
    for (let s = Math.max(this.#youngest + 1, second - WINDOW_SECONDS + 1); s <= second; s++) {
      this.#sums[s % WINDOW_SECONDS] = 0;
      this.#maxima[s % WINDOW_SECONDS] = 0;
    }
    this.#youngest = second;
    return second % WINDOW_SECONDS;
  }
}
