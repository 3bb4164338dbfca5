/** All of them, at most so many at once; results in the order of `all`. Rejects with the first that rejects. */
export async function inTurn<T, R>(all: readonly T[], atOnce: number, each: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = Array.from({ length: all.length });
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < all.length; i = next++) results[i] = await each(all[i]!);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, worker));
  return results;
}
