// The tick: one thread, one timer, everything synchronous. At each tick what has arrived is drained until dry,
// then what is overdue expires, then what is due is sent (design §2.2). Kernel stamps make the moment of the tick
// irrelevant to every number.
import type { Clock } from "../base/clock.ts";
import type { Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import type { OutcomeSink, Prober } from "../probes/prober.ts";
import { Agenda } from "./agenda.ts";

/** While something is outstanding. Longer ticks batch more and cost less; the numbers do not depend on it. */
const TICK_MS = 20;
/** With nothing due and nothing outstanding, the reflector still answers within this. */
const IDLE_TICK_MS = 100;

/** Something besides the slots that acts on the tick: the reflector, path MTU, DNS. */
export interface Activity {
  tick(): void;
  /** It waits for an answer: tick on. */
  readonly busy: boolean;
}

export interface ScheduledProtocol {
  readonly prober: Prober;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface ScheduleOptions {
  readonly clock: Clock;
  readonly sink: Pick<OutcomeSink, "skipped">;
  readonly protocols: readonly ScheduledProtocol[];
  readonly activities: readonly Activity[];
  /** How late each tick ran. */
  readonly onTick: (lagSeconds: number) => void;
}

export class Schedule implements Disposable {
  readonly #options: ScheduleOptions;
  readonly #lanes = new Map<Protocol, { readonly prober: Prober; readonly agenda: Agenda }>();
  #timer: NodeJS.Timeout | undefined;
  #wakeAtNs = 0;
  #running = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    const nowNs = options.clock.monotonicNs();
    // The epoch of every cycle is a whole multiple of its interval on the wall clock, read once.
    const wallNs = options.clock.realtimeNs();
    const wallMs = options.clock.baseSeconds * 1000 + wallNs / 1e6;
    for (const { prober, intervalMs, timeoutMs } of options.protocols) {
      const epochNs = nowNs - (wallMs % intervalMs) * 1e6;
      this.#lanes.set(prober.protocol, {
        prober,
        agenda: new Agenda({ intervalNs: intervalMs * 1e6, timeoutNs: timeoutMs * 1e6, epochNs }, nowNs),
      });
    }
  }

  start(): void {
    this.#running = true;
    this.#wakeAtNs = this.#options.clock.monotonicNs();
    this.#sleep(0);
  }

  open(slot: Slot): void {
    const lane = this.#lanes.get(slot.protocol);
    lane?.prober.open(slot);
    lane?.agenda.add(slot, this.#options.clock.monotonicNs());
  }

  close(slot: Slot): void {
    const lane = this.#lanes.get(slot.protocol);
    lane?.agenda.remove(slot);
    lane?.prober.close(slot);
  }

  move(from: Slot, to: Slot): void {
    const lane = this.#lanes.get(from.protocol);
    lane?.prober.close(from);
    lane?.prober.open(to);
    lane?.agenda.replace(from, to);
  }

  /** One turn of everything. Called by the timer; by tests with a fake clock. */
  tick(): void {
    const { clock, activities, sink } = this.#options;
    for (const { prober } of this.#lanes.values()) {
      prober.drain();
      prober.expire();
    }
    for (const activity of activities) activity.tick();
    for (const { prober, agenda } of this.#lanes.values()) {
      const due = agenda.due(clock.monotonicNs(), (slot) => sink.skipped(slot));
      if (due.length > 0) prober.send(due);
    }
  }

  #onTimer(): void {
    const { clock, onTick } = this.#options;
    onTick(Math.max(0, clock.monotonicNs() - this.#wakeAtNs) / 1e9);
    this.tick();
    if (!this.#running) return;
    const nowNs = clock.monotonicNs();
    const lanes = [...this.#lanes.values()];
    const busy = lanes.some(({ prober }) => prober.outstanding > 0) || this.#options.activities.some((a) => a.busy);
    const nextDueMs = (Math.min(...lanes.map(({ agenda }) => agenda.nextNs())) - nowNs) / 1e6;
    this.#sleep(busy ? TICK_MS : Math.min(IDLE_TICK_MS, Math.max(TICK_MS, nextDueMs)));
  }

  #sleep(ms: number): void {
    // Node's timers count whole milliseconds.
    const wholeMs = Math.max(1, Math.round(ms));
    this.#wakeAtNs = this.#options.clock.monotonicNs() + wholeMs * 1e6;
    this.#timer = setTimeout(() => this.#onTimer(), wholeMs);
  }

  [Symbol.dispose](): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }
}
