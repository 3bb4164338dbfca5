// When each slot of one protocol is due: a ring of slots in the order of their phases, walked round once an
// interval. No heap, no timer a slot.
import { slotKey, type Slot } from "../model/slot.ts";
import { phase } from "../base/hash.ts";

/** A new slot does not wait for its turn: its first probe comes within this, so that a row is soon complete. */
const FIRST_PROBE_WITHIN_NS = 0.5e9;
/** A turn missed by more than this share of the interval is skipped and counted, not made up for in a burst. */
const MISSED_SHARE = 1 / 4;
/** But never one that is late by no more than two ticks and some: that is how ticks are. */
const ALWAYS_TAKEN_TICKS = 2;
const AND_SOME_NS = 10e6;

interface Entry {
  readonly slot: Slot;
  readonly phaseNs: number;
  /** Its turns before this pass by: the first probe has only just been sent. */
  notBeforeNs: number;
}

export interface AgendaOptions {
  readonly intervalNs: number;
  readonly timeoutNs: number;
  /** Monotonic time at which a cycle began. From the wall clock, so that restarts keep the phase. */
  readonly epochNs: number;
}

export interface DueOptions {
  /** How often it is asked. */
  readonly tickNs: number;
  readonly missed: (slot: Slot) => void;
}

export class Agenda {
  readonly #options: AgendaOptions;
  readonly #entries = new Map<string, Entry>();
  #ring: Entry[] = [];
  /** First probes of new slots, soonest last. */
  #first: { readonly slot: Slot; readonly atNs: number }[] = [];
  #cycle = 0;
  #position = 0;
  /** Everything due up to here has been handed out. */
  #doneNs: number;
  #stale = false;

  constructor(options: AgendaOptions, nowNs: number) {
    this.#options = options;
    this.#doneNs = nowNs;
  }

  add(slot: Slot, nowNs: number): void {
    const key = slotKey(slot);
    const share = phase(key);
    const { intervalNs, timeoutNs } = this.#options;
    const atNs = nowNs + share * Math.min(FIRST_PROBE_WITHIN_NS, intervalNs);
    this.#entries.set(key, { slot, phaseNs: share * intervalNs, notBeforeNs: atNs + timeoutNs });
    this.#first.push({ slot, atNs });
    this.#stale = true;
  }

  remove(slot: Slot): void {
    this.#entries.delete(slotKey(slot));
    this.#first = this.#first.filter((f) => f.slot !== slot);
    this.#stale = true;
  }

  /** Same turn, other address. */
  replace(from: Slot, to: Slot): void {
    const key = slotKey(from);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.set(key, { ...entry, slot: to });
    this.#first = this.#first.map((f) => (f.slot === from ? { ...f, slot: to } : f));
    this.#stale = true;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Slots whose turn has come since the last call. `missed` is told of turns that are too old to take. */
  due(nowNs: number, { tickNs, missed }: DueOptions): Slot[] {
    this.#arrange();
    const due: Slot[] = [];
    while (this.#first.length > 0 && this.#first.at(-1)!.atNs <= nowNs) due.push(this.#first.pop()!.slot);
    const tooOldNs = nowNs - this.#takenLateNs(tickNs);
    for (let entry; (entry = this.#ring[this.#position]) !== undefined;) {
      const turnNs = this.#turnNs(entry);
      if (turnNs > nowNs) break;
      if (turnNs >= entry.notBeforeNs) {
        if (turnNs < tooOldNs) missed(entry.slot);
        else due.push(entry.slot);
      }
      this.#advance();
    }
    this.#doneNs = nowNs;
    return due;
  }

  /** When the next slot is due, or Infinity when there is none. */
  nextNs(): number {
    this.#arrange();
    const entry = this.#ring[this.#position];
    return Math.min(this.#first.at(-1)?.atNs ?? Infinity, entry === undefined ? Infinity : this.#turnNs(entry));
  }

  /** An interval at most: nobody has two turns at once. */
  #takenLateNs(tickNs: number): number {
    const { intervalNs } = this.#options;
    return Math.min(intervalNs, Math.max(intervalNs * MISSED_SHARE, ALWAYS_TAKEN_TICKS * tickNs + AND_SOME_NS));
  }

  #turnNs(entry: Entry): number {
    return this.#options.epochNs + this.#cycle * this.#options.intervalNs + entry.phaseNs;
  }

  #advance(): void {
    if (++this.#position < this.#ring.length) return;
    this.#position = 0;
    this.#cycle++;
  }

  /** After a change: sort again, and go on with the first turn that has not been handed out. */
  #arrange(): void {
    if (!this.#stale) return;
    this.#stale = false;
    this.#ring = [...this.#entries.values()].sort((a, b) => a.phaseNs - b.phaseNs);
    this.#first.sort((a, b) => b.atNs - a.atNs);
    const { epochNs, intervalNs } = this.#options;
    this.#cycle = Math.floor((this.#doneNs - epochNs) / intervalNs);
    const inCycleNs = this.#doneNs - epochNs - this.#cycle * intervalNs;
    this.#position = this.#ring.findIndex((entry) => entry.phaseNs > inCycleNs);
    if (this.#position >= 0) return;
    this.#position = 0;
    this.#cycle++;
  }
}
