import { expect, test } from "vitest";
import { OneByOne } from "../../agent/base/one-by-one.ts";

test("what waits at once is served one after the other, in the order in which it came", async () => {
  const queue = new OneByOne();
  const served: number[] = [];
  await Promise.all([1, 2, 3].map(async (n) => served.push((await queue.turn(), n))));
  expect(served).toEqual([1, 2, 3]);
});

test("between two of them the event loop serves others", async () => {
  const queue = new OneByOne();
  const served: string[] = [];
  const others = (): void => {
    served.push("other");
    if (served.length < 8) setImmediate(others);
  };
  setImmediate(others);
  await Promise.all(["first", "second"].map(async (name) => served.push((await queue.turn(), name))));
  const between = served.slice(served.indexOf("first") + 1, served.indexOf("second"));
  expect(between).toContain("other");
});

test("who comes when nobody waits any more is served too", async () => {
  const queue = new OneByOne();
  await queue.turn();
  await queue.turn();
  await expect(queue.turn()).resolves.toBeUndefined();
});
