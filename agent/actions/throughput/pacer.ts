// How many bytes may leave by now at a given rate. What a pause has kept back is made up for, but at twice the rate and no
// faster: never in one burst, which queues on the way would drop.
import type { MonotonicNs } from "../../probes/prober.ts";

/** Of a longer pause no more than this is made up for. */
const OWED_NS = 1e9;
/** What leaves at once after a pause: as much as a busy CPU lets gather all the time. */
const BURST_NS = 50e6;
const CATCH_UP = 2;

export class Pacer {
  readonly #owed: Bucket;
  readonly #now: Bucket;

  /** `messageBytes`: at least one of these fits. */
  constructor(options: { readonly rateMbps: number; readonly messageBytes: number; readonly nowNs: MonotonicNs }) {
    const bytesPerNs = options.rateMbps / 8_000;
    const bucket = (rate: number, depthBytes: number) =>
      new Bucket(rate, Math.max(depthBytes, 2 * options.messageBytes), options.nowNs);
    this.#owed = bucket(bytesPerNs, bytesPerNs * OWED_NS);
    this.#now = bucket(bytesPerNs * CATCH_UP, bytesPerNs * BURST_NS);
  }

  /** Whole messages that may leave now. */
  messages(bytes: number, nowNs: MonotonicNs): number {
    return Math.floor(Math.min(this.#owed.at(nowNs), this.#now.at(nowNs)) / bytes);
  }

  used(bytes: number): void {
    this.#owed.bytes -= bytes;
    this.#now.bytes -= bytes;
  }
}

class Bucket {
  bytes = 0;
  readonly #bytesPerNs: number;
  readonly #depthBytes: number;
  #filledNs: MonotonicNs;

  constructor(bytesPerNs: number, depthBytes: number, nowNs: MonotonicNs) {
    this.#bytesPerNs = bytesPerNs;
    this.#depthBytes = depthBytes;
    this.#filledNs = nowNs;
  }

  at(nowNs: MonotonicNs): number {
    this.bytes = Math.min(this.#depthBytes, this.bytes + (nowNs - this.#filledNs) * this.#bytesPerNs);
    this.#filledNs = nowNs;
    return this.bytes;
  }
}
