// What the window tells of the last 20 s beside that of the minute.
import { expect, test } from "vitest";
import { Windows } from "../../agent/results/windows.ts";

test("the fastest answer of the last 20 s is told where it took more than twice as long as that of the minute", () => {
  const windows = new Windows(1);
  let second = 1_000;
  windows.clear(0, second);
  const pass = (seconds: number, rttNs: number): void => {
    for (let s = 0; s < seconds; s++) windows.answered(0, ++second, rttNs);
  };
  pass(60, 200_000);
  expect(windows.latelyNs(0, second)).toBeUndefined();
  pass(19, 4_000_000);
  expect(windows.latelyNs(0, second)).toBeUndefined();
  pass(1, 5_000_000);
  expect(windows.latelyNs(0, second)).toBe(4_000_000);
  // A minute later it is what the minute tells.
  pass(40, 4_000_000);
  expect(windows.latelyNs(0, second)).toBeUndefined();
  pass(20, 7_000_000);
  expect(windows.latelyNs(0, second)).toBeUndefined();
  pass(20, 9_000_000);
  expect(windows.latelyNs(0, second)).toBe(9_000_000);
});

test("two answers may both have been slow by chance, so they tell nothing of the last 20 s", () => {
  const windows = new Windows(1);
  windows.clear(0, 1_000);
  for (let s = 0; s < 40; s++) windows.answered(0, 1_001 + s, 200_000);
  windows.answered(0, 1_050, 9_000_000);
  windows.answered(0, 1_055, 9_000_000);
  expect(windows.latelyNs(0, 1_060)).toBeUndefined();
  windows.answered(0, 1_060, 9_000_000);
  expect(windows.latelyNs(0, 1_060)).toBe(9_000_000);
});
