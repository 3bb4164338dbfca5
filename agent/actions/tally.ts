// What the probes of one slot came to so far: made from events by the agent for its result, and by the command line while
// it watches. Pure.
import { FAILURE_REASONS, type FailureReason, type LossDirection } from "../model/outcome.ts";
import type { WindowSummary } from "../model/window.ts";

/** What became known of one probe, as it goes over the wire. */
export type SlotEvent = {
  /** Index of the slot in the list that came first. */
  readonly slot: number;
} & (
  | { readonly came: "answered"; readonly rttNs?: number; readonly retransmits?: number }
  | { readonly came: "refused" | FailureReason; readonly retransmits?: number }
  /** The delay of an answer that was told without one. */
  | { readonly came: "delay"; readonly rttNs: number; readonly previousRttNs?: number }
  | { readonly came: "lost"; readonly direction: LossDirection }
  /** This node itself could not send: no probe at all. */
  | { readonly came: "local"; readonly errno: string }
);

export class SlotTally {
  #probes = 0;
  #refusals = 0;
  #retransmits = 0;
  readonly #reasons = new Map<FailureReason, number>();
  readonly #lost: Record<LossDirection, number> = { forward: 0, reverse: 0, unknown: 0 };
  readonly #local = new Map<string, number>();
  readonly #rtt = { count: 0, sumNs: 0, minNs: Infinity, maxNs: 0 };
  readonly #jitter = { count: 0, sumNs: 0 };
  /** Of the probe before, where it was answered with a delay. */
  #previousNs: number | undefined;
  #lastNs: number | undefined;

  take(event: SlotEvent): void {
    switch (event.came) {
      case "delay":
        this.#delay(event.rttNs, event.previousRttNs);
        return;
      case "lost":
        this.#lost[event.direction]++;
        return;
      case "local":
        this.#local.set(event.errno, (this.#local.get(event.errno) ?? 0) + 1);
        return;
      default:
        this.#outcome(event);
    }
  }

  /** Of the last answer. */
  get lastNs(): number | undefined {
    return this.#lastNs;
  }

  /** Sends that this node itself refused, by errno. */
  get local(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#local);
  }

  get window(): WindowSummary {
    const { count, sumNs, minNs, maxNs } = this.#rtt;
    const has = count > 0;
    return {
      probes: this.#probes,
      failures: [...this.#reasons.values()].reduce((sum, n) => sum + n, 0),
      refusals: this.#refusals,
      reasons: Object.fromEntries(
        FAILURE_REASONS.flatMap((reason) => {
          const n = this.#reasons.get(reason);
          return n === undefined ? [] : [[reason, n]];
        }),
      ),
      retransmits: this.#retransmits,
      lostForward: this.#lost.forward,
      lostReverse: this.#lost.reverse,
      rttMeanNs: has ? sumNs / count : undefined,
      rttMinNs: has ? minNs : undefined,
      rttMaxNs: has ? maxNs : undefined,
      jitterNs: this.#jitter.count > 0 ? this.#jitter.sumNs / this.#jitter.count : undefined,
    };
  }

  #outcome(event: Extract<SlotEvent, { readonly came: "answered" | "refused" | FailureReason }>): void {
    this.#probes++;
    this.#retransmits += event.retransmits ?? 0;
    const before = this.#previousNs;
    this.#previousNs = undefined;
    switch (event.came) {
      case "answered":
        if (event.rttNs === undefined) return;
        this.#previousNs = event.rttNs;
        this.#delay(event.rttNs, before);
        return;
      case "refused":
        this.#refusals++;
        return;
      default:
        this.#reasons.set(event.came, (this.#reasons.get(event.came) ?? 0) + 1);
    }
  }

  #delay(rttNs: number, previousNs: number | undefined): void {
    this.#lastNs = rttNs;
    this.#rtt.count++;
    this.#rtt.sumNs += rttNs;
    this.#rtt.minNs = Math.min(this.#rtt.minNs, rttNs);
    this.#rtt.maxNs = Math.max(this.#rtt.maxNs, rttNs);
    if (previousNs === undefined) return;
    this.#jitter.count++;
    this.#jitter.sumNs += Math.abs(rttNs - previousNs);
  }
}
