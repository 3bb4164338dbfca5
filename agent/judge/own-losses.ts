// What this agent's own probes lost in the last minute, second by second: the first that a judge hears of a fault.
import type { Clock } from "../base/clock.ts";
import { Trailing } from "../base/trailing.ts";
import { hasJustBegun, ONSET_SECONDS, USUAL_SPANS } from "../diagnosis/onset.ts";

export class OwnLosses {
  readonly #failures: () => number;
  #known: number;
  readonly #recent: Trailing;
  readonly #all: Trailing;

  /** `failures`: probes that failed since the start. */
  constructor(clock: Clock, failures: () => number) {
    this.#failures = failures;
    this.#known = failures();
    this.#recent = new Trailing(clock, ONSET_SECONDS);
    this.#all = new Trailing(clock, ONSET_SECONDS * (1 + USUAL_SPANS));
  }

  /** To be asked every second. */
  hasJustBegun(): boolean {
    const failures = this.#failures();
    const fresh = Math.max(0, failures - this.#known);
    this.#known = failures;
    this.#recent.add(fresh);
    this.#all.add(fresh);
    const recent = this.#recent.sum();
    return hasJustBegun(recent, (this.#all.sum() - recent) / USUAL_SPANS);
  }
}
