// How many bytes may leave by now at a given rate. What could not be used in time is not made up for later: no bursts.
import type { MonotonicNs } from "../../probes/prober.ts";

/** What may gather while the process does something else, or waits for a busy CPU. */
const BURST_NS = 50e6;

export class Pacer {
  readonly #bytesPerNs: number;
  readonly #burstBytes: number;
  #bytes = 0;
  #filledNs: MonotonicNs;

  /** `messageBytes`: at least one of these fits. */
  constructor(options: { readonly rateMbps: number; readonly messageBytes: number; readonly nowNs: MonotonicNs }) {
    this.#bytesPerNs = options.rateMbps / 8_000;
    this.#burstBytes = Math.max(this.#bytesPerNs * BURST_NS, 2 * options.messageBytes);
    this.#filledNs = options.nowNs;
  }

  /** Whole messages that may leave now. */
  messages(bytes: number, nowNs: MonotonicNs): number {
    this.#bytes = Math.min(this.#burstBytes, this.#bytes + (nowNs - this.#filledNs) * this.#bytesPerNs);
    this.#filledNs = nowNs;
    return Math.floor(this.#bytes / bytes);
  }

  used(bytes: number): void {
    this.#bytes -= bytes;
  }
}
