// The tick: one thread, one timer, everything synchronous. At each tick what has arrived is drained until dry,
// then what is overdue expires, then what is due is sent (design §2.2). Kernel stamps make the moment of the tick
// irrelevant to every number.
import type { Clock } from "../base/clock.ts";
import type { Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import type { OutcomeSink, Prober } from "../probes/prober.ts";
import { Agenda } from "./agenda.ts";
import type { Lane } from "./lane.ts";

/** Longer ticks batch more and cost less; the numbers do not depend on it. */
const SHORTEST_TICK_MS = 20;
const LONGEST_TICK_MS = 200;

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

interface Times {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/**
 * A tick that is never long enough to meet a slot's next turn with its last probe not yet judged. Ticks lie on a grid:
 * where the interval is a whole number of ticks, a slot is probed at the same place of it each time, and a tick may be
 * as long as what the timeout leaves of the interval. Elsewhere a probe may be sent a tick late, and judged one late.
 */
export function tickMs(protocols: readonly Times[]): number {
  const longest = answerWithinMs(protocols);
  const room = Math.min(longest, ...protocols.map(({ intervalMs, timeoutMs }) => intervalMs - timeoutMs));
  const onGrid = protocols.every(({ intervalMs }) => intervalMs % room === 0);
  const half = Math.min(longest, ...protocols.map(({ intervalMs, timeoutMs }) => (intervalMs - timeoutMs) / 2));
  return Math.max(SHORTEST_TICK_MS, onGrid ? room : half);
}

/** Peers wait for the reflector as long as this agent does for theirs: they must not miss its answer. */
function answerWithinMs(protocols: readonly Times[]): number {
  return Math.min(LONGEST_TICK_MS, ...protocols.map(({ timeoutMs }) => timeoutMs / 4));
}

export class Schedule implements Disposable {
  readonly #options: ScheduleOptions;
  readonly #tickMs: number;
  readonly #longestSleepMs: number;
  readonly #lanes = new Map<Protocol, { readonly lane: Lane<Prober>; readonly agenda: Agenda }>();
  #timer: NodeJS.Timeout | undefined;
  #wakeAtNs = 0;
  #running = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#tickMs = tickMs(options.protocols);
    this.#longestSleepMs = Math.max(this.#tickMs, answerWithinMs(options.protocols));
    const nowNs = options.clock.monotonicNs();
    // The epoch of every cycle is a whole multiple of its interval on the wall clock, read once.
    const wallNs = options.clock.realtimeNs();
    const wallMs = options.clock.baseSeconds * 1000 + wallNs / 1e6;
    for (const { protocol, lane, intervalMs, timeoutMs } of options.protocols) {
      const epochNs = nowNs - (wallMs % intervalMs) * 1e6;
      const times = { intervalNs: intervalMs * 1e6, timeoutNs: timeoutMs * 1e6, tickNs: this.#tickMs * 1e6 };
      const agenda = new Agenda({ ...times, epochNs }, nowNs);
      this.#lanes.set(protocol, { lane, agenda });
    }
  }

  start(): void {
    this.#running = true;
    this.#wakeAtNs = this.#options.clock.monotonicNs();
    this.#sleep();
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
    const tickNs = this.#tickMs * 1e6;
    const nowNs = clock.monotonicNs();
    const untilNs = this.#isBusy() ? nowNs : Math.min(this.#nextDueNs(), nowNs + this.#longestSleepMs * 1e6 - tickNs);
    // The next place on the grid, and when nothing is under way the first one at which something is due.
    this.#wakeAtNs += tickNs * Math.max(1, Math.ceil((untilNs - this.#wakeAtNs) / tickNs));
    this.#sleep();
  }

  #isBusy(): boolean {
    for (const { lane } of this.#lanes.values()) if ((lane.part?.outstanding ?? 0) > 0) return true;
    return this.#options.activities.some((lane) => lane.part?.busy === true);
  }

  #nextDueNs(): number {
    let nextNs = Infinity;
    for (const { agenda } of this.#lanes.values()) nextNs = Math.min(nextNs, agenda.nextNs());
    return nextNs;
  }

  #sleep(): void {
    // Node's timers count whole milliseconds.
    const ms = (this.#wakeAtNs - this.#options.clock.monotonicNs()) / 1e6;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(ms)));
  }

  [Symbol.dispose](): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }
}
