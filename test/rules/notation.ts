// promtool's expanding notation: `0+15x40` is 41 samples, `_` none, `stale` the end of a series.

export type Sample = number | "stale" | undefined;

export function encode(samples: readonly Sample[]): string {
  const words: string[] = [];
  for (let index = 0; index < samples.length;) {
    const run = runFrom(samples, index);
    words.push(word(samples, { index, run }));
    index += run;
  }
  return words.join(" ");
}

/** How many samples from here are one arithmetic progression, or all absent. */
function runFrom(samples: readonly Sample[], index: number): number {
  const first = samples[index];
  if (first === "stale") return 1;
  const step = difference(samples, index);
  let end = index + 1;
  while (
    end < samples.length &&
    (first === undefined ? samples[end] === undefined : step !== undefined && difference(samples, end - 1) === step)
  )
    end++;
  return end - index;
}

function difference(samples: readonly Sample[], index: number): number | undefined {
  const [from, to] = [samples[index], samples[index + 1]];
  return typeof from === "number" && typeof to === "number" ? to - from : undefined;
}

function word(samples: readonly Sample[], { index, run }: { readonly index: number; readonly run: number }): string {
  const first = samples[index];
  if (first === undefined) return run === 1 ? "_" : `_x${run}`;
  if (first === "stale" || run === 1) return String(first);
  const step = difference(samples, index)!;
  return `${first}${step < 0 ? "" : "+"}${step}x${run - 1}`;
}
