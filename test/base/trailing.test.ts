import { expect, test } from "vitest";
import { Trailing } from "../../agent/base/trailing.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("a trailing number holds the last seconds and no more, however long nobody looked", () => {
  const clock = new FakeClock();
  const trailing = new Trailing(clock, 10);
  expect([trailing.sum(), trailing.max()]).toEqual([0, 0]);
  trailing.add(3);
  clock.advanceMs(4_000);
  trailing.add(2);
  trailing.add(2);
  expect([trailing.sum(), trailing.max()]).toEqual([7, 3]);
  clock.advanceMs(6_000);
  expect([trailing.sum(), trailing.max()]).toEqual([4, 2]);
  clock.advanceMs(1e9);
  expect([trailing.sum(), trailing.max()]).toEqual([0, 0]);
});
