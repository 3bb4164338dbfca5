import { expect, test } from "vitest";
import { OneByOne } from "../../agent/base/one-by-one.ts";

test("what waits at once is done one after the other, in the order in which it came", async () => {
  const queue = new OneByOne();
  const done: number[] = [];
  await Promise.all([1, 2, 3].map((n) => queue.do(() => done.push(n))));
  expect(done).toEqual([1, 2, 3]);
});

test.each([
  { what: "when each of them uses up its slice, others are served between two of them", sliceMs: 0, isServed: true },
  { what: "what is short is done in the same turn of the event loop", sliceMs: 60_000, isServed: false },
])("$what", async ({ sliceMs, isServed }) => {
  const queue = new OneByOne(sliceMs);
  const served: string[] = [];
  const others = (): void => {
    served.push("other");
    if (served.length < 8) setImmediate(others);
  };
  setImmediate(others);
  await Promise.all(["first", "second"].map((name) => queue.do(() => served.push(name))));
  const between = served.slice(served.indexOf("first") + 1, served.indexOf("second"));
  expect(between.includes("other")).toBe(isServed);
});

test("who comes when nobody waits any more, or in the middle of another's work, is served too", async () => {
  const queue = new OneByOne();
  const { inner } = await queue.do(() => ({ inner: queue.do(() => "inner") }));
  await expect(inner).resolves.toBe("inner");
  await expect(queue.do(() => "later")).resolves.toBe("later");
});

test("work that throws rejects for who asked for it, and the next is done", async () => {
  const queue = new OneByOne();
  const broken = queue.do(() => {
    throw new Error("broken");
  });
  const next = queue.do(() => "next");
  await expect(broken).rejects.toThrow("broken");
  await expect(next).resolves.toBe("next");
});
