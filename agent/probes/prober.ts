// What a protocol is to the schedule: something that opens slots, sends what is due, drains what came, and
// expires what is overdue; all synchronously, in batches, with no promise per probe (design §2.2).
import type { AnomalyKind, LossDirection, Outcome, StampClock } from "../model/outcome.ts";
import type { Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";

/** What became known of an answered probe after it was recorded. At most once a probe. */
export interface Delay {
  readonly rttNs: number;
  readonly clock: StampClock;
  /** Delay of the probe right before it, when that was answered with one: the two make a sample of jitter. */
  readonly previousRttNs: number | undefined;
}

/** What an answer tells of the way that it and its probe took. */
export interface Way {
  /** TTL or hop limit that the answer had left; −1 where the engine cannot tell. */
  readonly ttl: number;
  /** UDP: what the reflector saw of the probe: the TTL that it had left, and where it came from. */
  readonly there?: { readonly ttl: number | undefined; readonly seenAs: string | undefined };
}

/** What a handshake needs to know of the thing that it probes. */
export type Endpoint = Pick<Slot, "index" | "family" | "address">;

/** Where outcomes go. Implemented by results/. Every method is cheap and never throws. */
export interface OutcomeSink<S extends Endpoint = Slot> {
  /**
   * A probe is complete. Called exactly once for each probe that was really sent, unless its slot was closed first.
   * `sourcePort`: UDP, the index of the port that it was sent from.
   */
  record(slot: S, outcome: Outcome, sourcePort?: number): void;
  /** The delay of a probe that was recorded as answered without one: it could be known only later (see `Delay`). */
  delay(slot: S, delay: Delay): void;
  anomaly(slot: S, kind: AnomalyKind): void;
  /** An answer in time tells of its way (packets only; a handshake does not). `sourcePort` as above. */
  travelled(slot: S, way: Way, sourcePort?: number): void;
  /** Not a probe at all: our own machine could not send (ENOBUFS, EMFILE …). */
  localError(slot: S, errno: string): void;
  /** UDP: a probe that has already been recorded as failed is now known to have died this way. */
  lost(slot: S, direction: LossDirection): void;
  /** No probe was sent in this turn: the one before is still outstanding, or the schedule fell behind. */
  skipped(slot: S): void;
}

/** Nanoseconds of `Clock.monotonicNs`. */
export type MonotonicNs = number;

export interface Prober<S extends Endpoint = Slot> extends Disposable {
  readonly protocol: Protocol;
  /** A slot may be probed from now on. */
  open(slot: S): void;
  /** A slot is gone (or has a new address): what is outstanding on it is forgotten, neither answered nor lost. */
  close(slot: S): void;
  /**
   * Probe these slots now. One that still has a probe outstanding is reported as skipped, where probes of a slot could
   * not be told apart; a prober that can (ICMP) sends, and completes each on its own.
   */
  send(due: readonly S[]): void;
  /** Take all that has arrived, error queue first, until both are dry; record outcomes. */
  drain(): void;
  /** After a drain: what has been outstanding longer than the timeout has failed. */
  expire(): void;
  /** Probes outstanding: while above 0, the tick must go on. */
  readonly outstanding: number;
  /** So many may be sent at once: their answers, and the looped packets with the stamps, fit in its sockets until the next drain. */
  readonly mostAtOnce: number;
  /** Datagrams the kernel dropped at our own sockets since the start (SO_MEMINFO). */
  socketDrops(): number;
}
