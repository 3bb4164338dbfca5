// Long work in slices: a generator yields wherever it may be interrupted, and who runs it decides whether to go on.

export type Steps<T> = Generator<void, T, void>;

/** What may hold up the tick, whose own work comes on top, and a collection of garbage now and then. */
export const SLICE_MS = 2;

/** All at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** With others served in between, whenever a slice is used up, and before the first: what was done until now took its own. */
export async function inSlices<T>(steps: Steps<T>, sliceMs: number): Promise<T> {
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    const from = performance.now();
    do {
      const { done, value } = steps.next();
      if (done === true) return value;
    } while (performance.now() - from < sliceMs);
  }
}
