// The bridge from Node's events to the tick: what arrives is noted with its time and told at the next drain. It also
// knows up to when nothing can be lying unread in a socket, so that a process that was stopped calls nobody lost.
import type { Clock } from "../../base/clock.ts";
import type { Outcome } from "../../model/outcome.ts";
import type { MonotonicNs } from "../prober.ts";

export interface Arrival {
  readonly atNs: MonotonicNs;
  /** It was not there yet at this moment. */
  readonly notBeforeNs: MonotonicNs;
}

export class Inbox {
  readonly #clock: Clock;
  #queue: (() => void)[] = [];
  #completeNs: MonotonicNs;
  #read = 0;
  #looking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#completeNs = clock.monotonicNs();
  }

  /** Everything that had come by this moment has been added. */
  get completeNs(): MonotonicNs {
    return this.#completeNs;
  }

  /** Something came; `tell` runs at the next drain. */
  add(tell: (arrival: Arrival) => void): void {
    const arrival = { atNs: this.#clock.monotonicNs(), notBeforeNs: this.#completeNs };
    this.#queue.push(() => tell(arrival));
    this.#read++;
  }

  /** Takes what an event brings. What that throws is thrown at the next drain, where the error closes no more than its protocol. */
  taking<A extends readonly unknown[]>(take: (...event: A) => void): (...event: A) => void {
    return (...event) => {
      try {
        take(...event);
      } catch (err) {
        this.add(() => {
          throw err;
        });
      }
    };
  }

  /** Something was read that is nobody's: there may be more behind it. */
  passed(): void {
    this.#read++;
  }

  deliver(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const tell of queue) tell();
    if (!this.#looking) this.#look(this.#clock.monotonicNs());
  }

  /** Immediates run after the sockets were polled: when that brought nothing more, all up to `atNs` is here. */
  #look(atNs: MonotonicNs): void {
    const read = this.#read;
    this.#looking = true;
    setImmediate(() => {
      if (this.#read !== read) return this.#look(atNs);
      this.#looking = false;
      this.#completeNs = atNs;
    });
  }
}

/**
 * An answer by this process's own clock. One that may have come in time but was read too late, because the process
 * was busy, is certain; its delay is not. One that was surely not in time is "late".
 */
export function answeredBy(
  arrival: Arrival,
  probe: { readonly sentNs: MonotonicNs; readonly timeoutNs: number },
): Outcome | "late" {
  const rttNs = arrival.atNs - probe.sentNs;
  if (rttNs <= probe.timeoutNs) return { kind: "answered", rttNs, clock: "user" };
  if (arrival.notBeforeNs - probe.sentNs > probe.timeoutNs) return "late";
  return { kind: "answered", rttNs: undefined, clock: "user" };
}
