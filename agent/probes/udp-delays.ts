// When the delays of one slot's answers become known. A reply cannot say exactly when it left: where the peer follows up,
// its next reply does, and until then the delay is held back. Should that not come, what the reply itself said must do.
import type { StampClock } from "../model/outcome.ts";
import type { FollowUp } from "../wire/stamp.ts";
import type { Delay } from "./prober.ts";

/** A probe is followed up by the reply to the next one; when that got none, by the one after it. */
const WAITS_FOR_PROBES = 3;

export interface TimedAnswer {
  readonly number: number;
  /** Round trip by the transmit time that the reply carries: right to some microseconds, NaN when that is impossible. */
  readonly estimateNs: number;
  readonly clock: StampClock;
  /** Whether the peer will follow up on it. */
  readonly follows: boolean;
}

export class UdpDelays {
  #held: TimedAnswer | undefined;
  #newest: { readonly number: number; readonly rttNs: number } | undefined;

  /** A probe was answered. Its delay, if it is to be recorded at once. */
  answered(answer: TimedAnswer): number | undefined {
    if (answer.follows) {
      this.#held = answer;
      return undefined;
    }
    return this.#known(answer, answer.estimateNs)?.rttNs;
  }

  /** A reply to probe `number` came, with this follow-up. What is held back becomes known by it, exactly or not. */
  told(number: number, followUp: FollowUp | undefined): Delay | undefined {
    const held = this.#held;
    if (held === undefined || number <= held.number) return undefined;
    this.#held = undefined;
    // A peer remembers its last reply only: one that follows up on another will never follow up on this.
    return this.#known(held, held.estimateNs - (followUp?.number === held.number ? followUp.correctionNs : 0));
  }

  /** Probe `number` is sent: what is held back for too long is known as well as it ever will be. */
  sent(number: number): Delay | undefined {
    return this.#held !== undefined && number >= this.#held.number + WAITS_FOR_PROBES
      ? this.told(number, undefined)
      : undefined;
  }

  #known({ number, clock }: TimedAnswer, rttNs: number): Delay | undefined {
    // An estimate of a path shorter than its error: none is better than a wrong one.
    if (!(rttNs > 0)) return undefined;
    const previousRttNs = this.#newest?.number === number - 1 ? this.#newest.rttNs : undefined;
    this.#newest = { number, rttNs };
    return { rttNs, clock, previousRttNs };
  }
}
