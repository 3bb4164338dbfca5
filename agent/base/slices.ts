// Long work in slices: a generator yields wherever it may be interrupted, and who runs it decides whether to go on.

export type Steps<T> = Generator<void, T, void>;

/** What may hold up the tick, whose own work comes on top. */
export const SLICE_MS = 4;

/** All at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** With others served in between, whenever a slice is used up. */
export async function inSlices<T>(steps: Steps<T>, sliceMs: number): Promise<T> {
  let from = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - from < sliceMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    from = performance.now();
  }
}
