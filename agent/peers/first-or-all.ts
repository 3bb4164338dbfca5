/** The first result to come that is wanted, without waiting for the rest; or all of them, when none is. None may reject. */
export function firstOrAll<T, W extends T>(
  asked: readonly Promise<T>[],
  isWanted: (result: T) => result is W,
): Promise<{ readonly first: W | undefined; readonly all: readonly T[] }> {
  return new Promise((resolve) => {
    const all: T[] = [];
    if (asked.length === 0) resolve({ first: undefined, all });
    for (const one of asked)
      void one.then((result) => {
        all.push(result);
        if (isWanted(result)) resolve({ first: result, all });
        else if (all.length === asked.length) resolve({ first: undefined, all });
      });
  });
}
