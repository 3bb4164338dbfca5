// When a judge looks, and whether it waits for rows that are late.
import { describe, expect, test } from "vitest";
import { Pace } from "../../agent/judge/pace.ts";

const MINUTE_MS = 60_000;

/** Looks of so many minutes, a second at a time, of a mesh in which losses have just begun in these seconds. */
function looks(minutes: number, isStirring: (second: number) => boolean) {
  const pace = new Pace(0);
  const all: { readonly second: number; readonly isHasty: boolean }[] = [];
  for (let nowMs = 0; nowMs < minutes * MINUTE_MS; nowMs += 1_000) {
    if (isStirring(nowMs / 1_000)) pace.hurry(nowMs);
    if (!pace.isDue(nowMs)) continue;
    all.push({ second: nowMs / 1_000, isHasty: pace.isHasty(nowMs) });
    pace.begins(nowMs);
  }
  return all;
}

describe("a judge", () => {
  test("of a mesh at rest looks every ten seconds and waits for all rows", () => {
    const calm = looks(2, () => false);
    expect(calm).toHaveLength(12);
    expect(calm.some(({ isHasty }) => isHasty)).toBe(false);
  });

  test("looks every three seconds for a while when losses have just begun, and waits for nobody meanwhile", () => {
    const stirred = looks(2, (second) => second === 33).filter(({ second }) => second >= 33);
    expect(stirred.slice(0, 5).map(({ second }) => second)).toEqual([33, 36, 39, 42, 45]);
    for (const { second, isHasty } of stirred) expect([second, isHasty]).toEqual([second, second < 53]);
  });

  test("of a mesh that is never at rest looks twice as often at most, and waits for all rows in turn", () => {
    const restless = looks(10, () => true).filter(({ second }) => second >= 120);
    expect(restless.length).toBeLessThanOrEqual(2 * 48);
    expect(restless.filter(({ isHasty }) => !isHasty).length).toBeGreaterThanOrEqual(47);
  });
});
