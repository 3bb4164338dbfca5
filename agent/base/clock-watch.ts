// Notices that the wall clock stepped. Packet stamps are CLOCK_REALTIME: a delay between two of them is true only
// if the clock did not step in between.
import type { Clock } from "./clock.ts";

/** NTP slews at up to 500 ppm; twice that between two checks is no step. */
const SLEW_PER_NS = 1e-3;
/** Two clocks cannot be read at once: what an interrupt between the readings may cost. */
const READING_ERROR_NS = 1e6;

export class ClockWatch {
  readonly #clock: Clock;
  #offsetNs: number;
  #checkedAtNs: number;
  /** How long the last reading of both clocks took: its offset may be wrong by as much. */
  #readingNs = 0;
  #steps = 0;
  /** Monotonic time of the check before the one that found the newest step: anything sent before it is in doubt. */
  #doubtUntilNs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#checkedAtNs = clock.monotonicNs();
    this.#offsetNs = clock.realtimeNs() - this.#checkedAtNs;
  }

  /** Steps seen since the start. */
  get steps(): number {
    return this.#steps;
  }

  /** Check both clocks. Call before stamps are judged. Returns monotonic now. */
  check(): number {
    const before = this.#clock.monotonicNs();
    const real = this.#clock.realtimeNs();
    const now = this.#clock.monotonicNs();
    const offset = real - (before + now) / 2;
    // Under a CPU quota a process may be stopped between the readings for most of 100 ms: no step, then and next time.
    const allowed = READING_ERROR_NS + (now - before) + this.#readingNs + SLEW_PER_NS * (now - this.#checkedAtNs);
    if (Math.abs(offset - this.#offsetNs) > allowed) {
      this.#steps++;
      this.#doubtUntilNs = now;
    }
    this.#offsetNs = offset;
    this.#checkedAtNs = now;
    this.#readingNs = now - before;
    return now;
  }

  /** Whether stamps of a probe sent at this monotonic time can be subtracted from stamps seen up to the last check. */
  trusts(sentNs: number): boolean {
    return sentNs >= this.#doubtUntilNs;
  }

  /** Real time of a monotonic time, as of the last check. */
  toRealtimeNs(monotonicNs: number): number {
    return monotonicNs + this.#offsetNs;
  }
}
