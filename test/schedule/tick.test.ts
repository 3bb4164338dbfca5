import { expect, test } from "vitest";
import { LONGEST_TICK_MS, tickMs, type Load } from "../../agent/schedule/tick.ts";

const load = (intervalMs: number, timeoutMs: number, more: Partial<Load> = {}): Load => ({
  intervalMs,
  timeoutMs,
  answersOnTick: false,
  slots: 0,
  mostAtOnce: Infinity,
  ...more,
});
const DEFAULTS = [load(1_000, 800), load(5_000, 4_000), load(5_000, 2_000, { answersOnTick: true })];
const kernelTick = (...loads: readonly Load[]) => tickMs(loads, LONGEST_TICK_MS.kernel);

test("the tick of the defaults is as long as a tick may be, which is longer where the kernel stamps packets", () => {
  expect(kernelTick(...DEFAULTS)).toBe(500);
  expect(kernelTick()).toBe(500);
  expect(tickMs(DEFAULTS, LONGEST_TICK_MS.userspace)).toBe(200);
});

test("each interval is a whole number of ticks, so that a slot's last probe has been judged when its turn comes again", () => {
  expect(kernelTick(load(1_000, 990), load(700, 500))).toBe(100);
  expect(kernelTick(load(1_200, 800), load(6_000, 4_000))).toBe(400);
});

test("where no tick fits all intervals, a probe may be sent a tick late: half of what the timeout leaves of its interval", () => {
  expect(kernelTick(load(1_000, 850), load(1_337, 800))).toBe(75);
  expect(kernelTick(load(1_000, 990), load(1_337, 800))).toBe(20);
});

test("the slots of a short interval are spread over two ticks at least", () => {
  expect(kernelTick(load(1_000, 800), load(200, 150))).toBe(100);
  expect(kernelTick(load(100, 90))).toBe(50);
});

test("peers wait for an answer four times as long as it may take, where it comes from the tick", () => {
  expect(kernelTick(load(5_000, 400, { answersOnTick: true }))).toBe(100);
  expect(kernelTick(load(5_000, 400))).toBe(500);
});

test("a tick sends no more than two hundred probes of a protocol, and no more than its sockets hold answers of", () => {
  expect(kernelTick(load(1_000, 800, { slots: 400 }))).toBe(500);
  expect(kernelTick(load(1_000, 800, { slots: 1_000 }))).toBe(200);
  expect(kernelTick(load(1_000, 800, { slots: 200, mostAtOnce: 64 }))).toBe(250);
  expect(kernelTick(load(100, 80, { slots: 2_000 }))).toBe(20);
});
