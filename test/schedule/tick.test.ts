import { expect, test } from "vitest";
import { tickMs } from "../../agent/schedule/schedule.ts";

const protocol = (intervalMs: number, timeoutMs: number) => ({ intervalMs, timeoutMs });

test("the tick of the defaults is as long as a tick may be", () => {
  expect(tickMs([protocol(1_000, 800), protocol(5_000, 4_000), protocol(5_000, 2_000)])).toBe(200);
  expect(tickMs([])).toBe(200);
});

test("where the interval is no whole number of ticks, a probe may be sent and judged a tick late: half of what is left", () => {
  expect(tickMs([protocol(1_000, 850)])).toBe(75);
  expect(tickMs([protocol(1_000, 900)])).toBe(100);
});

test("a protocol with little time between its timeout and its next turn shortens it, down to a limit", () => {
  expect(tickMs([protocol(1_000, 800), protocol(200, 150)])).toBe(25);
  expect(tickMs([protocol(100, 90)])).toBe(20);
  expect(tickMs([protocol(5_000, 200)])).toBe(50);
});
