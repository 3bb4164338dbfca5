// The tick: one thread, one timer, everything synchronous. At each tick what has arrived is drained until dry,
// then what is overdue expires, then what is due is sent (design §2.2). Kernel stamps make the moment of the tick
// irrelevant to every number.
import type { Clock } from "../base/clock.ts";
import type { Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import type { OutcomeSink, Prober } from "../probes/prober.ts";
import { Agenda } from "./agenda.ts";
import type { Lane } from "./lane.ts";
import { answersWithinMs, HURRIED_TICK_MS, SHORTEST_TICK_MS, tickMs, type Load } from "./tick.ts";

/** First probes of what is new come within half a second, and the peers' reflectors take their time. */
const HURRIED_FOR_NS = 2e9;

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
  /** See `Load`. */
  readonly answersOnTick: boolean;
}

export interface ScheduleOptions {
  readonly clock: Clock;
  readonly sink: Pick<OutcomeSink, "skipped">;
  readonly protocols: readonly ScheduledProtocol[];
  readonly activities: readonly Lane<Activity>[];
  /** See `LONGEST_TICK_MS`. */
  readonly longestTickMs: number;
  /** How late each tick ran. */
  readonly onTick: (lagSeconds: number) => void;
}

interface Scheduled extends ScheduledProtocol {
  readonly agenda: Agenda;
}

export class Schedule implements Disposable {
  readonly #options: ScheduleOptions;
  readonly #scheduled = new Map<Protocol, Scheduled>();
  #timer: NodeJS.Timeout | undefined;
  /** A place of the grid, and so is each moment that is a whole number of ticks away from it. */
  #gridNs = 0;
  #tickNs = SHORTEST_TICK_MS * 1e6;
  #wakeAtNs = 0;
  #hurriedUntilNs = -Infinity;
  #running = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    const nowNs = options.clock.monotonicNs();
    // The epoch of every cycle is a whole multiple of its interval on the wall clock, read once.
    const wallNs = options.clock.realtimeNs();
    const wallMs = options.clock.baseSeconds * 1000 + wallNs / 1e6;
    for (const protocol of options.protocols) {
      const { intervalMs, timeoutMs } = protocol;
      const epochNs = nowNs - (wallMs % intervalMs) * 1e6;
      const agenda = new Agenda({ intervalNs: intervalMs * 1e6, timeoutNs: timeoutMs * 1e6, epochNs }, nowNs);
      this.#scheduled.set(protocol.protocol, { ...protocol, agenda });
    }
  }

  start(): void {
    this.#running = true;
    this.#gridNs = this.#options.clock.monotonicNs();
    this.#wakeAtNs = this.#gridNs;
    this.#sleep();
  }

  open(slot: Slot): void {
    const scheduled = this.#scheduled.get(slot.protocol);
    const nowNs = this.#options.clock.monotonicNs();
    scheduled?.lane.run((prober) => prober.open(slot));
    scheduled?.agenda.add(slot, nowNs);
    this.#hurry(nowNs);
  }

  close(slot: Slot): void {
    const scheduled = this.#scheduled.get(slot.protocol);
    scheduled?.agenda.remove(slot);
    scheduled?.lane.run((prober) => prober.close(slot));
  }

  move(from: Slot, to: Slot): void {
    const scheduled = this.#scheduled.get(from.protocol);
    scheduled?.lane.run((prober) => {
      prober.close(from);
      prober.open(to);
    });
    scheduled?.agenda.replace(from, to);
  }

  /** One turn of everything. Called by the timer; by tests with a fake clock. What was due by `untilNs` is sent. */
  tick(untilNs = this.#options.clock.monotonicNs()): void {
    const { clock, activities, sink } = this.#options;
    const nowNs = clock.monotonicNs();
    for (const { lane } of this.#scheduled.values()) {
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
    for (const { lane, agenda } of this.#scheduled.values()) {
      const due = agenda.due(untilNs, { tickNs: this.#tickNs, missed: (slot) => sink.skipped(slot) });
      // A turn that comes while the protocol is closed is no probe: its lane tells why there are none.
      if (due.length > 0) lane.run((prober) => prober.send(due));
    }
  }

  #onTimer(): void {
    const { clock, onTick } = this.#options;
    this.#timer = undefined;
    const nowNs = clock.monotonicNs();
    // By the grid, not by the clock: a tick that is late must not send what is due at the next place before its time.
    const placeNs = Math.max(this.#wakeAtNs, this.#placeBefore(nowNs));
    // It may open slots, which moves the next place.
    onTick(Math.max(0, nowNs - this.#wakeAtNs) / 1e9);
    this.tick(placeNs);
    if (this.#running) this.#goOn(placeNs);
  }

  /** Sleep until the next place on the grid, and when nothing is under way until the first one at which something is due. */
  #goOn(afterNs: number): void {
    const { clock, longestTickMs } = this.#options;
    const nowNs = clock.monotonicNs();
    const loads = this.#loads();
    const longestMs = nowNs < this.#hurriedUntilNs ? Math.min(HURRIED_TICK_MS, longestTickMs) : longestTickMs;
    this.#tickNs = tickMs(loads, longestMs) * 1e6;
    const latestNs = nowNs + answersWithinMs(loads, longestMs) * 1e6 - this.#tickNs;
    const untilNs = this.#isBusy() ? nowNs : Math.min(this.#nextDueNs(), latestNs);
    this.#wakeAtNs = this.#placeBefore(Math.max(afterNs, nowNs)) + this.#tickNs;
    while (this.#wakeAtNs < untilNs) this.#wakeAtNs += this.#tickNs;
    this.#sleep();
  }

  #placeBefore(ns: number): number {
    return ns - ((ns - this.#gridNs) % this.#tickNs);
  }

  #loads(): readonly Load[] {
    return [...this.#scheduled.values()].map(({ intervalMs, timeoutMs, answersOnTick, agenda, lane }) => ({
      intervalMs,
      timeoutMs,
      answersOnTick,
      slots: agenda.size,
      mostAtOnce: lane.part?.mostAtOnce ?? Infinity,
    }));
  }

  /** A row is soon to be complete: ticks are short for as long as the first probes of new slots take. */
  #hurry(nowNs: number): void {
    const isHurrying = nowNs < this.#hurriedUntilNs;
    this.#hurriedUntilNs = nowNs + HURRIED_FOR_NS;
    if (this.#running && !isHurrying) this.#goOn(nowNs);
  }

  #isBusy(): boolean {
    for (const { lane } of this.#scheduled.values()) if ((lane.part?.outstanding ?? 0) > 0) return true;
    return this.#options.activities.some((lane) => lane.part?.busy === true);
  }

  #nextDueNs(): number {
    let nextNs = Infinity;
    for (const { agenda } of this.#scheduled.values()) nextNs = Math.min(nextNs, agenda.nextNs());
    return nextNs;
  }

  #sleep(): void {
    // Node's timers count whole milliseconds.
    const ms = (this.#wakeAtNs - this.#options.clock.monotonicNs()) / 1e6;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(ms)));
  }

  [Symbol.dispose](): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }
}
