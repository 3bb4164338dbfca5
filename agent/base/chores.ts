// What is to be done now and then and can wait until the process is awake anyway: at rest, waking is most of what an
// agent costs, so nothing of this kind has a timer of its own.
import type { Clock } from "./clock.ts";
import { turnAfterNs } from "./turns.ts";

interface Chore {
  readonly act: () => void;
  readonly intervalMs: number;
  dueNs: number;
}

export class Chores {
  readonly #clock: Pick<Clock, "monotonicNs">;
  readonly #chores = new Set<Chore>();

  constructor(clock: Pick<Clock, "monotonicNs">) {
    this.#clock = clock;
  }

  /** Until disposed, for the first time when `afterMs` have passed. */
  every(intervalMs: number, act: () => void, afterMs = intervalMs): Disposable {
    const chore = { act, intervalMs, dueNs: this.#clock.monotonicNs() + afterMs * 1e6 };
    this.#chores.add(chore);
    return { [Symbol.dispose]: () => void this.#chores.delete(chore) };
  }

  /** The process is awake. */
  tick(): void {
    const nowNs = this.#clock.monotonicNs();
    for (const chore of this.#chores) {
      if (chore.dueNs > nowNs) continue;
      chore.dueNs = turnAfterNs(nowNs, chore);
      chore.act();
    }
  }
}
