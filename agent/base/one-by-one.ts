// Short works that many wait to have done, one after the other. Whatever else is due is served in between whenever a
// slice is used up: what many wait for may have come in one turn of the event loop.
import { SLICE_MS } from "./slices.ts";

export class OneByOne {
  readonly #sliceMs: number;
  readonly #waiting: (() => void)[] = [];

  constructor(sliceMs = SLICE_MS) {
    this.#sliceMs = sliceMs;
  }

  /** Resolves to what `work` returns, or rejects with what it throws, when its turn has come. */
  do<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work());
        } catch (err) {
          reject(err);
        }
      });
      if (this.#waiting.length === 1) setImmediate(this.#serve);
    });
  }

  readonly #serve = (): void => {
    const from = performance.now();
    while (this.#waiting.length > 0) {
      this.#waiting[0]!();
      this.#waiting.shift();
      if (performance.now() - from < this.#sliceMs) continue;
      if (this.#waiting.length > 0) setImmediate(this.#serve);
      return;
    }
  };
}
