// What became of one probe. A lost packet is a value, never an exception, and never a latency.

export const FAILURE_REASONS = ["timeout", "unreachable", "blocked"] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

export const ANOMALY_KINDS = ["late", "duplicate", "corrupt"] as const;
export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

/** Which clock stamped a probe: the kernel's packet stamps (or TCP_INFO), or this process's own. */
export type StampClock = "kernel" | "user";

/** Which way a UDP probe died (RFC 7680 one-way loss, seen by a stateful reflector). */
export const LOSS_DIRECTIONS = ["forward", "reverse", "unknown"] as const;
export type LossDirection = (typeof LOSS_DIRECTIONS)[number];

export type Outcome =
  /** `rttNs` is absent when the answer is certain but its delay is not (a retried SYN, a clock step in flight) or not yet. */
  (
    | { readonly kind: "answered"; readonly rttNs: number | undefined; readonly clock: StampClock }
    /** The path is proven, the port is closed. Never loss. */
    | { readonly kind: "refused" }
    | { readonly kind: "failed"; readonly reason: FailureReason }
  ) & {
    /** TCP: SYNs that the kernel had to send again for this probe. */
    readonly retransmits?: number;
  };

export const REFUSED: Outcome = { kind: "refused" };
export const FAILED: Readonly<Record<FailureReason, Outcome>> = {
  timeout: { kind: "failed", reason: "timeout" },
  unreachable: { kind: "failed", reason: "unreachable" },
  blocked: { kind: "failed", reason: "blocked" },
};
