// Which way the lost UDP probes of one slot died. A probe that got no answer waits in the gap until the peer says,
// in a later reply or in its own row, whether it arrived there: if it did, the reply died; if not, the probe did.
// Whatever else may explain it (another life of the reflector, a full receive buffer, too long ago) is `unknown`.
import type { LossDirection } from "../model/outcome.ts";
import { arrival, type Arrivals } from "../wire/arrivals.ts";

/** The peer's receiving end as it was last heard of. */
export interface ReflectorSeen {
  /** Hex. */
  readonly incarnation: string;
  /** Packets it had dropped at its own socket; undefined when the news did not say, NaN when it said "some". */
  readonly drops: number | undefined;
}

/** A probe that timed out. */
export interface LostProbe {
  readonly number: number;
  readonly failedNs: number;
  /** The reflector as it was known when the probe was sent. */
  readonly reflector: ReflectorSeen | undefined;
  /** Whether our own socket has dropped packets since the probe was sent; asked when it matters. */
  readonly droppedHere: () => boolean;
}

/** News of what arrived at the peer. */
export interface Evidence {
  readonly reflector: ReflectorSeen;
  /** `none`: nothing arrived in this life of the reflector. `unknown`: it keeps no account of us, it may not know us yet. */
  readonly arrivals: Readonly<Arrivals> | "none" | "unknown";
  /** Nothing is said of probes with this number or above: they were sent after it was written down. */
  readonly beforeNumber: number;
}

/** The bitmap reaches 64 numbers back: ask for the peer's row before the gap outgrows it. */
const LONG_GAP = 48;

export class LossDirections {
  #reflector: ReflectorSeen | undefined;
  /** Oldest first. */
  #gap: LostProbe[] = [];

  /** To be kept with each probe that is sent. */
  get reflector(): ReflectorSeen | undefined {
    return this.#reflector;
  }

  /** Lost probes that nobody has said anything of yet. */
  get undecided(): number {
    return this.#gap.length;
  }

  failed(probe: LostProbe): void {
    this.#gap.push(probe);
  }

  /** The reply came after all: the probe died neither way. False when it had been decided before. */
  cameLate(number: number): boolean {
    const before = this.#gap.length;
    this.#gap = this.#gap.filter((probe) => probe.number !== number);
    return this.#gap.length !== before;
  }

  /** What the evidence decides, oldest first; decided probes leave the gap. */
  decide(evidence: Evidence): readonly LossDirection[] {
    const decided: LossDirection[] = [];
    this.#gap = this.#gap.filter((probe) => {
      const direction = judge(probe, evidence);
      if (direction) decided.push(direction);
      return !direction;
    });
    const drops =
      evidence.reflector.drops ??
      (this.#reflector?.incarnation === evidence.reflector.incarnation ? this.#reflector.drops : undefined);
    this.#reflector = { incarnation: evidence.reflector.incarnation, drops };
    return decided;
  }

  /** No reply has decided this gap for long, or it grows too long: only the peer's row can. */
  wantsPeerRow(options: { readonly nowNs: number; readonly afterNs: number }): boolean {
    const oldest = this.#gap[0];
    return oldest !== undefined && (this.#gap.length >= LONG_GAP || options.nowNs - oldest.failedNs >= options.afterNs);
  }

  /** Number of the oldest undecided probe that failed at this moment or later. */
  firstFailedSince(ns: number): number | undefined {
    return this.#gap.find((probe) => probe.failedNs >= ns)?.number;
  }

  /** How many had failed before this moment and will never be decided; they leave the gap. */
  giveUp(failedBeforeNs: number): number {
    const before = this.#gap.length;
    this.#gap = this.#gap.filter((probe) => probe.failedNs >= failedBeforeNs);
    return before - this.#gap.length;
  }
}

function judge(probe: LostProbe, { reflector, arrivals, beforeNumber }: Evidence): LossDirection | undefined {
  if (probe.number >= beforeNumber) return undefined;
  const state = told(arrivals, probe.number);
  switch (state) {
    case "arrived":
      return probe.droppedHere() ? "unknown" : "reverse";
    case "forgotten":
      return "unknown";
    case "missing":
    case "beyond":
      return surelyListening(probe, reflector) ? "forward" : "unknown";
  }
}

function told(arrivals: Evidence["arrivals"], number: number): ReturnType<typeof arrival> {
  switch (arrivals) {
    case "none":
      return "beyond";
    case "unknown":
      return "forgotten";
    default:
      return arrival(arrivals, number);
  }
}

/** The same life of the reflector was there before the probe was sent, and has dropped nothing since. */
function surelyListening(probe: LostProbe, now: ReflectorSeen): boolean {
  const then = probe.reflector;
  if (then === undefined || then.incarnation !== now.incarnation) return false;
  return now.drops === undefined || now.drops === 0 || now.drops === then.drops;
}
