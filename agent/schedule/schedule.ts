// The tick: one thread, one timer, everything synchronous. At each tick what has arrived is drained until dry,
// then what is overdue expires, then what is due is sent (design §2.2). Kernel stamps make the moment of the tick
// irrelevant to every number.
import type { Clock } from "../base/clock.ts";
import type { Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import type { OutcomeSink, Prober } from "../probes/prober.ts";
import { Agenda } from "./agenda.ts";
import type { Lane } from "./lane.ts";

/** While something is outstanding. Longer ticks batch more and cost less; the numbers do not depend on it. */
const SHORTEST_TICK_MS = 20;
const LONGEST_TICK_MS = 100;
/** With nothing due and nothing outstanding, the reflector still answers within this. */
const IDLE_TICK_MS = 100;

/** Something besides the slots that acts on the tick: the reflector, path MTU, DNS. */
export interface Activity extends Disposable {
  tick(): void;
  /** It waits for an answer: tick on. */
  readonly busy: boolean;
}

export interface ScheduledProtocol {
  readonly protocol: Protocol;
  readonly lane: Lane<Prober>;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface ScheduleOptions {
  readonly clock: Clock;
  readonly sink: Pick<OutcomeSink, "skipped">;
  readonly protocols: readonly ScheduledProtocol[];
  readonly activities: readonly Lane<Activity>[];
  /** How late each tick ran. */
  readonly onTick: (lagSeconds: number) => void;
}

/**
 * A tick that is never long enough to meet a slot's next turn with its last probe not yet judged: that one may be sent
 * a tick late, and is judged at the first tick after its timeout. Nor so long that peers, who wait for as long as this
 * agent does, could miss the answer of the reflector.
 */
export function tickMs(protocols: readonly { readonly intervalMs: number; readonly timeoutMs: number }[]): number {
  const room = protocols.map(({ intervalMs, timeoutMs }) => Math.min((intervalMs - timeoutMs) / 2, timeoutMs / 4));
  return Math.max(SHORTEST_TICK_MS, Math.min(LONGEST_TICK_MS, ...room));
}

export class Schedule implements Disposable {
  readonly #options: ScheduleOptions;
  readonly #tickMs: number;
  readonly #lanes = new Map<Protocol, { readonly lane: Lane<Prober>; readonly agenda: Agenda }>();
  #timer: NodeJS.Timeout | undefined;
  #wakeAtNs = 0;
  #running = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#tickMs = tickMs(options.protocols);
    const nowNs = options.clock.monotonicNs();
    // The epoch of every cycle is a whole multiple of its interval on the wall clock, read once.
    const wallNs = options.clock.realtimeNs();
    const wallMs = options.clock.baseSeconds * 1000 + wallNs / 1e6;
    for (const { protocol, lane, intervalMs, timeoutMs } of options.protocols) {
      const epochNs = nowNs - (wallMs % intervalMs) * 1e6;
      const agenda = new Agenda({ intervalNs: intervalMs * 1e6, timeoutNs: timeoutMs * 1e6, epochNs }, nowNs);
      this.#lanes.set(protocol, { lane, agenda });
    }
  }

  start(): void {
    this.#running = true;
    this.#wakeAtNs = this.#options.clock.monotonicNs();
    this.#sleep(0);
  }

  open(slot: Slot): void {
    const scheduled = this.#lanes.get(slot.protocol);
    scheduled?.lane.run((prober) => prober.open(slot));
    scheduled?.agenda.add(slot, this.#options.clock.monotonicNs());
  }

  close(slot: Slot): void {
    const scheduled = this.#lanes.get(slot.protocol);
    scheduled?.agenda.remove(slot);
    scheduled?.lane.run((prober) => prober.close(slot));
  }

  move(from: Slot, to: Slot): void {
    const scheduled = this.#lanes.get(from.protocol);
    scheduled?.lane.run((prober) => {
      prober.close(from);
      prober.open(to);
    });
    scheduled?.agenda.replace(from, to);
  }

  /** One turn of everything. Called by the timer; by tests with a fake clock. */
  tick(): void {
    const { clock, activities, sink } = this.#options;
    const nowNs = clock.monotonicNs();
    for (const { lane } of this.#lanes.values()) {
      lane.tick(nowNs);
      lane.run((prober) => {
        prober.drain();
        prober.expire();
      });
    }
    for (const lane of activities) {
      lane.tick(nowNs);
      lane.run((activity) => activity.tick());
    }
    for (const { lane, agenda } of this.#lanes.values()) {
      const due = agenda.due(clock.monotonicNs(), (slot) => sink.skipped(slot));
      // A turn that comes while the protocol is closed is no probe: its lane tells why there are none.
      if (due.length > 0) lane.run((prober) => prober.send(due));
    }
  }

  #onTimer(): void {
    const { clock, onTick } = this.#options;
    onTick(Math.max(0, clock.monotonicNs() - this.#wakeAtNs) / 1e9);
    this.tick();
    if (!this.#running) return;
    const nowNs = clock.monotonicNs();
    const scheduled = [...this.#lanes.values()];
    const busy =
      scheduled.some(({ lane }) => (lane.part?.outstanding ?? 0) > 0) ||
      this.#options.activities.some((lane) => lane.part?.busy === true);
    const nextDueMs = (Math.min(...scheduled.map(({ agenda }) => agenda.nextNs())) - nowNs) / 1e6;
    this.#sleep(busy ? this.#tickMs : Math.min(IDLE_TICK_MS, Math.max(this.#tickMs, nextDueMs)));
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
