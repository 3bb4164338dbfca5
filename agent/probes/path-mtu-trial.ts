// The trial of one size: three large packets, each beside a small one. Both ask for a small reply, so only the way
// there is tried. A size fails only when all large ones are lost and all small ones pass (design §2.10).
import { randomU32 } from "./nonces.ts";
import type { MonotonicNs } from "./prober.ts";
import type { TrialResult } from "./path-mtu-search.ts";

const ATTEMPTS = 3;
/** Not all at once: a moment's congestion is no MTU. */
const BETWEEN_ATTEMPTS_NS = 200e6;

export interface TrialPacket {
  readonly number: number;
  readonly large: boolean;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  sentNs: MonotonicNs;
  state: "outstanding" | "answered" | "lost" | "failed";
}

export class Trial {
  readonly size: number;
  readonly #timeoutNs: number;
  readonly #packets: TrialPacket[] = [];
  #nextAttemptNs: MonotonicNs;
  #told: number | undefined;

  constructor(options: { readonly size: number; readonly timeoutNs: number; readonly nowNs: MonotonicNs }) {
    this.size = options.size;
    this.#timeoutNs = options.timeoutNs;
    this.#nextAttemptNs = options.nowNs;
  }

  /** The packets to send now, a large one and a small one, or none. `firstNumber` and the one after are theirs. */
  due(nowNs: MonotonicNs, firstNumber: number): readonly TrialPacket[] {
    if (this.#packets.length >= 2 * ATTEMPTS || nowNs < this.#nextAttemptNs) return [];
    this.#nextAttemptNs = nowNs + BETWEEN_ATTEMPTS_NS;
    const pair = [true, false].map((large, i): TrialPacket => ({
      number: firstNumber + i,
      large,
      nonceHigh: randomU32(),
      nonceLow: randomU32(),
      sentNs: nowNs,
      state: "outstanding",
    }));
    this.#packets.push(...pair);
    return pair;
  }

  match(claim: {
    readonly number: number;
    readonly nonceHigh: number;
    readonly nonceLow: number;
  }): TrialPacket | undefined {
    return this.#packets.find(
      (p) => p.number === claim.number && p.nonceHigh === claim.nonceHigh && p.nonceLow === claim.nonceLow,
    );
  }

  /** A router says that a packet did not fit, and what would. */
  told(mtu: number): void {
    this.#told = Math.min(this.#told ?? mtu, mtu);
  }

  /** Undefined while it goes on. Call after everything that arrived before `drainedNs` has been seen. */
  result(drainedNs: MonotonicNs): TrialResult | undefined {
    for (const p of this.#packets)
      if (p.state === "outstanding" && drainedNs - p.sentNs > this.#timeoutNs) p.state = "lost";
    const count = (large: boolean, state: TrialPacket["state"]) =>
      this.#packets.filter((p) => p.large === large && p.state === state).length;
    if (count(true, "answered") > 0) return { kind: "passes" };
    if (this.#told !== undefined) return { kind: "told", mtu: this.#told };
    if (this.#packets.some((p) => p.state === "failed")) return { kind: "unclear" };
    if (this.#packets.length < 2 * ATTEMPTS || this.#packets.some((p) => p.state === "outstanding")) return undefined;
    return { kind: count(true, "lost") === ATTEMPTS && count(false, "answered") === ATTEMPTS ? "fails" : "unclear" };
  }
}
