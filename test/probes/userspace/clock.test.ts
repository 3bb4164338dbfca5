import { expect, test } from "vitest";
import { userspaceClock } from "../../../agent/probes/userspace/clock.ts";

/** A machine whose time passes a little at each reading. */
function machine() {
  let elapsedMs = 0;
  const state = { stepMs: 0 };
  // Sums of small numbers only: at the size of a date, doubles are a quarter of a microsecond apart.
  const wallMs = () => 1_790_000_000_123.6 + (elapsedMs + state.stepMs);
  const pass = (ms: number) => (elapsedMs += ms);
  const clock = userspaceClock({
    wallMs: () => (pass(0.001), Math.floor(wallMs())),
    monotonicMs: () => (pass(0.001), 1_000.25 + elapsedMs),
  });
  return { clock, state, pass, trueNs: () => (wallMs() - clock.baseSeconds * 1000) * 1e6 };
}

test("the wall clock is told far finer than its milliseconds", () => {
  const { clock, pass, trueNs } = machine();
  for (let i = 0; i < 1_000; i++) {
    pass(0.317);
    expect(Math.abs(clock.realtimeNs() - trueNs())).toBeLessThan(10_000);
  }
});

test.each([2_000, -2_000, 5, -5])("a step of %i ms is followed at once", (stepMs) => {
  const { clock, state, trueNs } = machine();
  const before = clock.realtimeNs() - clock.monotonicNs();
  state.stepMs += stepMs;
  expect(Math.abs(clock.realtimeNs() - trueNs())).toBeLessThanOrEqual(1_000_000);
  expect(Math.abs(clock.realtimeNs() - clock.monotonicNs() - before - stepMs * 1e6)).toBeLessThan(1_100_000);
});

test("a slewing wall clock is followed without a jump", () => {
  const { clock, state, pass } = machine();
  let before = clock.realtimeNs() - clock.monotonicNs();
  for (let i = 0; i < 1_000; i++) {
    pass(20);
    state.stepMs += 20 * 0.0005;
    const offset = clock.realtimeNs() - clock.monotonicNs();
    expect(Math.abs(offset - before)).toBeLessThan(1_000_000);
    before = offset;
  }
});
