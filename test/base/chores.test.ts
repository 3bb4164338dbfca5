import { expect, test } from "vitest";
import { Chores } from "../../agent/base/chores.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("each is done once an interval, at the first tick after it is due, until it is disposed of", () => {
  const clock = new FakeClock();
  const chores = new Chores(clock);
  const done: string[] = [];
  chores.every(1_000, () => done.push("often"));
  const rare = chores.every(5_000, () => done.push("rare"), 1_500);
  const tickFor = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advanceMs(500);
      chores.tick();
    }
    return done.splice(0);
  };
  expect(tickFor(500)).toEqual([]);
  expect(tickFor(1_500)).toEqual(["often", "rare", "often"]);
  expect(tickFor(5_000)).toEqual(["often", "often", "often", "often", "rare", "often"]);
  rare[Symbol.dispose]();
  expect(tickFor(5_000)).toEqual(Array.from({ length: 5 }, () => "often"));
});

test("turns that a stopped process has missed are not made up for", () => {
  const clock = new FakeClock();
  const chores = new Chores(clock);
  let done = 0;
  chores.every(1_000, () => done++);
  clock.advanceMs(10_400);
  chores.tick();
  chores.tick();
  expect(done).toBe(1);
  clock.advanceMs(600);
  chores.tick();
  expect(done).toBe(2);
});
