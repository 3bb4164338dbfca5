// A sink of outcomes that keeps every call, in order, for tests to look at.
import type { AnomalyKind, LossDirection, Outcome } from "../../agent/model/outcome.ts";
import type { Slot } from "../../agent/model/slot.ts";
import type { PairSink } from "../../agent/probes/descriptor.ts";
import type { Delay, Way } from "../../agent/probes/prober.ts";

export type SinkEvent =
  | { readonly kind: "record"; readonly slot: Slot; readonly outcome: Outcome }
  | { readonly kind: "delay"; readonly slot: Slot; readonly delay: Delay }
  | { readonly kind: "anomaly"; readonly slot: Slot; readonly anomaly: AnomalyKind }
  | { readonly kind: "localError"; readonly slot: Slot; readonly errno: string }
  | { readonly kind: "retransmits"; readonly slot: Slot; readonly count: number }
  | { readonly kind: "lost"; readonly slot: Slot; readonly direction: LossDirection }
  | { readonly kind: "count"; readonly slot: Slot; readonly counter: string; readonly count: number }
  | { readonly kind: "skipped"; readonly slot: Slot };

export class RecordingSink implements PairSink {
  readonly events: SinkEvent[] = [];
  /** Beside the events: every answer tells of its way. */
  readonly ways: (Way & { readonly slot: Slot; readonly sourcePort: number | undefined })[] = [];

  /** What an outcome carries beside itself is an event of its own, before it. */
  record(slot: Slot, { retransmits, ...outcome }: Outcome): void {
    if (retransmits !== undefined) this.events.push({ kind: "retransmits", slot, count: retransmits });
    this.events.push({ kind: "record", slot, outcome });
  }
  delay(slot: Slot, delay: Delay): void {
    this.events.push({ kind: "delay", slot, delay });
  }
  anomaly(slot: Slot, anomaly: AnomalyKind): void {
    this.events.push({ kind: "anomaly", slot, anomaly });
  }
  travelled(slot: Slot, way: Way, sourcePort?: number): void {
    this.ways.push({ ...way, slot, sourcePort });
  }
  localError(slot: Slot, errno: string): void {
    this.events.push({ kind: "localError", slot, errno });
  }
  lost(slot: Slot, direction: LossDirection): void {
    this.events.push({ kind: "lost", slot, direction });
  }
  count(slot: Slot, counter: string, count: number): void {
    this.events.push({ kind: "count", slot, counter, count });
  }
  skipped(slot: Slot): void {
    this.events.push({ kind: "skipped", slot });
  }

  /** Outcomes in order, of one slot or of all. */
  outcomes(slot?: Slot): readonly Outcome[] {
    return this.#of("record", slot).map((e) => e.outcome);
  }
  /** Delays in the order they became known: with their outcome, or after it. */
  delays(slot?: Slot): readonly Pick<Delay, "rttNs" | "clock">[] {
    return this.events.flatMap((e) => {
      if (slot !== undefined && e.slot !== slot) return [];
      if (e.kind === "delay") return [{ rttNs: e.delay.rttNs, clock: e.delay.clock }];
      if (e.kind !== "record" || e.outcome.kind !== "answered" || e.outcome.rttNs === undefined) return [];
      return [{ rttNs: e.outcome.rttNs, clock: e.outcome.clock }];
    });
  }
  anomalies(slot?: Slot): readonly AnomalyKind[] {
    return this.#of("anomaly", slot).map((e) => e.anomaly);
  }
  localErrors(slot?: Slot): readonly string[] {
    return this.#of("localError", slot).map((e) => e.errno);
  }
  directions(slot?: Slot): readonly LossDirection[] {
    return this.#of("lost", slot).map((e) => e.direction);
  }
  retransmitCounts(slot?: Slot): readonly number[] {
    return this.#of("retransmits", slot).map((e) => e.count);
  }
  skips(slot?: Slot): number {
    return this.#of("skipped", slot).length;
  }
  clear(): void {
    this.events.length = 0;
    this.ways.length = 0;
  }

  #of<K extends SinkEvent["kind"]>(kind: K, slot: Slot | undefined): Extract<SinkEvent, { kind: K }>[] {
    return this.events.filter(
      (e): e is Extract<SinkEvent, { kind: K }> => e.kind === kind && (slot === undefined || e.slot === slot),
    );
  }
}
