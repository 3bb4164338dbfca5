// Frames under way in the detour: what each fault does to them, and when they go on. Pure but for the clock and the
// random numbers it is given.
import type { Network } from "../../agent/model/peer.ts";
import type { FaultCounters } from "./fault.ts";
import { destinationOf, exchangeWords, flipBit, networkOf, sourceOf } from "./frame.ts";

export type Effect =
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "reorder" | "duplicate"; readonly ratio: number }
  | { readonly kind: "corrupt"; readonly ratio: number; readonly isSilent: boolean };

/** One fault of the detour, as it is told to its process. */
export interface DetourFault {
  readonly id: number;
  /** Node numbers, "from>to". */
  readonly links: readonly string[];
  readonly on: readonly Network[];
  readonly effect: Effect;
}

/** How many frames of its link overtake a reordered one, and how long it waits for them at most. */
const OVERTAKERS = 3;
const REORDER_LIMIT_MS = 100;
/** Frames held at once, in all. More is a flood, and what comes then is lost, as in a full queue. */
const CAPACITY = 10_000;

interface HeldFrame {
  readonly bytes: Uint8Array;
  readonly link: string;
  readonly dueMs: number;
  /** Of a reordered frame: how many have still to pass. */
  overtakers: number | undefined;
}

export interface FrameQueueOptions {
  readonly emit: (frame: Uint8Array) => void;
  readonly nowMs: () => number;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

export class FrameQueue {
  readonly #options: FrameQueueOptions;
  /** By time, then by arrival. */
  readonly #held: HeldFrame[] = [];
  /** Of these, the reordered ones. */
  readonly #waiting = new Set<HeldFrame>();
  #faults: readonly DetourFault[] = [];
  readonly #counters = new Map<number, { matched: number; affected: number }>();

  constructor(options: FrameQueueOptions) {
    this.#options = options;
  }

  /** Faults that go on keep their counters. */
  setFaults(faults: readonly DetourFault[]): void {
    this.#faults = faults;
    for (const id of this.#counters.keys()) if (!faults.some((fault) => fault.id === id)) this.#counters.delete(id);
    for (const { id } of faults) if (!this.#counters.has(id)) this.#counters.set(id, { matched: 0, affected: 0 });
  }

  counters(): Readonly<Record<number, FaultCounters>> {
    return Object.fromEntries([...this.#counters].map(([id, counters]) => [id, { ...counters }]));
  }

  /** When the next frame is due, or undefined. */
  get nextDueMs(): number | undefined {
    return this.#held[0]?.dueMs;
  }

  /** Take a frame in. The bytes are the queue's from here on. */
  take(bytes: Uint8Array): void {
    const link = `${sourceOf(bytes)}>${destinationOf(bytes)}`;
    const network = networkOf(bytes);
    const nowMs = this.#options.nowMs();
    let copies: HeldFrame[] = [{ bytes, link, dueMs: nowMs, overtakers: undefined }];
    for (const fault of this.#faults) {
      if (!fault.on.includes(network) || !fault.links.includes(link)) continue;
      const counters = this.#counters.get(fault.id)!;
      counters.matched++;
      const changed = this.#apply(fault.effect, copies);
      if (changed) counters.affected++;
      copies = changed ?? copies;
    }
    for (const copy of copies) this.#hold(copy);
    this.release();
  }

  /** Undefined when chance left the frame alone. */
  #apply(effect: Effect, copies: readonly HeldFrame[]): HeldFrame[] | undefined {
    const { random } = this.#options;
    switch (effect.kind) {
      case "delay":
        return copies.map((copy) => ({ ...copy, dueMs: copy.dueMs + effect.delayMs }));
      case "reorder":
        return random() < effect.ratio
          ? copies.map((copy) => ({ ...copy, dueMs: copy.dueMs + REORDER_LIMIT_MS, overtakers: OVERTAKERS }))
          : undefined;
      case "duplicate":
        return random() < effect.ratio
          ? copies.flatMap((copy) => [copy, { ...copy, bytes: copy.bytes.slice() }])
          : undefined;
      case "corrupt": {
        if (random() >= effect.ratio) return undefined;
        const damage = effect.isSilent ? exchangeWords : flipBit;
        return damage(copies[0]!.bytes, random) ? [...copies] : undefined;
      }
    }
  }

  #hold(frame: HeldFrame): void {
    if (this.#held.length >= CAPACITY) return;
    const after = this.#held.findLastIndex((other) => other.dueMs <= frame.dueMs);
    this.#held.splice(after + 1, 0, frame);
    if (frame.overtakers !== undefined) this.#waiting.add(frame);
  }

  /** Let go of all that is due, and of what enough others have overtaken. */
  release(): void {
    const nowMs = this.#options.nowMs();
    for (let first = this.#held[0]; first !== undefined && first.dueMs <= nowMs; first = this.#held[0]) {
      this.#held.shift();
      this.#options.emit(first.bytes);
      if (!this.#waiting.delete(first)) this.#overtake(first.link);
    }
  }

  #overtake(link: string): void {
    for (const frame of [...this.#waiting].filter((waiting) => waiting.link === link)) {
      frame.overtakers!--;
      if (frame.overtakers! > 0) continue;
      this.#waiting.delete(frame);
      this.#held.splice(this.#held.indexOf(frame), 1);
      this.#options.emit(frame.bytes);
    }
  }

  /** Everything, now, in the order of its time. */
  flush(): void {
    this.#waiting.clear();
    for (const frame of this.#held.splice(0)) this.#options.emit(frame.bytes);
  }
}
