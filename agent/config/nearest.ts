// "Did you mean": the known name nearest to a mistyped one.

/** The candidate within a third of the word's length in edits, else the shortest that goes on from it, else nothing. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = fold(word);
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(wanted, fold(candidate));
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  if (best !== undefined || wanted.length < 3) return best;
  return candidates.filter((candidate) => fold(candidate).startsWith(wanted)).sort((a, b) => a.length - b.length)[0];
}

/** Case and separators are the commonest difference, and none at all. */
const fold = (word: string): string => word.toLowerCase().replaceAll(/[-_.]/g, "");

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
