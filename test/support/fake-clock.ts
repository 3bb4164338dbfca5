// A Clock that moves only when a test says so, and remembers its steps so that past moments can be stamped.
import type { Clock } from "../../agent/base/clock.ts";

const NS_PER_MS = 1_000_000;

export class FakeClock implements Clock {
  readonly baseSeconds: number;
  #monotonicNs: number;
  /** Realtime minus monotonic, from a monotonic moment on; ascending. */
  readonly #offsets: { readonly fromNs: number; readonly offsetNs: number }[];

  constructor(
    options: { readonly baseSeconds?: number; readonly startNs?: number; readonly realtimeOffsetNs?: number } = {},
  ) {
    this.baseSeconds = options.baseSeconds ?? 1_790_000_000;
    this.#monotonicNs = options.startNs ?? 5_000_000_000;
    this.#offsets = [{ fromNs: 0, offsetNs: options.realtimeOffsetNs ?? 123_456 }];
  }

  monotonicNs(): number {
    return this.#monotonicNs;
  }

  realtimeNs(): number {
    return this.realtimeAtNs(this.#monotonicNs);
  }

  /** What CLOCK_REALTIME showed (or would show, without a further step) at this monotonic moment. */
  realtimeAtNs(monotonicNs: number): number {
    let offsetNs = this.#offsets[0]!.offsetNs;
    for (const step of this.#offsets) if (step.fromNs <= monotonicNs) offsetNs = step.offsetNs;
    return monotonicNs + offsetNs;
  }

  advanceMs(ms: number): void {
    this.advanceNs(ms * NS_PER_MS);
  }

  advanceNs(ns: number): void {
    if (ns < 0) throw new RangeError(`a monotonic clock cannot go back (${ns} ns)`);
    this.#monotonicNs += ns;
  }

  /** Step CLOCK_REALTIME, forward or back; the monotonic clock does not notice. */
  stepRealtimeMs(ms: number): void {
    const offsetNs = this.#offsets.at(-1)!.offsetNs + ms * NS_PER_MS;
    this.#offsets.push({ fromNs: this.#monotonicNs, offsetNs });
  }
}
