// The trailing 60 seconds of one slot, as the matrix, the page and diagnosis read them.
import type { FailureReason } from "./outcome.ts";

/** Length of the window, in one-second buckets. */
export const WINDOW_SECONDS = 60;

/** The last of these, whose fastest delay is told by itself: three of those probes at least that are sent every five seconds. */
export const RTT_LATELY_SECONDS = 20;

/** Sums over the window. Delays are nanoseconds; absent when nothing was answered with a delay. */
export interface WindowSummary {
  /** Probes completed: answered, refused or failed. */
  readonly probes: number;
  readonly failures: number;
  readonly refusals: number;
  readonly reasons: Readonly<Partial<Record<FailureReason, number>>>;
  /** SYNs the kernel sent again (TCP only, else 0). */
  readonly retransmits: number;
  /** UDP only: of the failures, how many died on the way there and on the way back, as far as known. */
  readonly lostForward: number;
  readonly lostReverse: number;
  readonly rttMeanNs: number | undefined;
  readonly rttMinNs: number | undefined;
  readonly rttMaxNs: number | undefined;
  /** Mean |RTTᵢ − RTTᵢ₋₁| of adjacent probes both answered (round-trip analogue of RFC 5481 IPDV). */
  readonly jitterNs: number | undefined;
}

/**
 * Loss ratio of a window, or undefined when nothing was completed. A retransmitted SYN is a lost packet of a
 * probe that may still have been answered, so it counts on both sides (design §2.7).
 */
export function lossRatio(window: Pick<WindowSummary, "probes" | "failures" | "retransmits">): number | undefined {
  const attempts = window.probes + window.retransmits;
  return attempts === 0 ? undefined : (window.failures + window.retransmits) / attempts;
}
