import { describe, expect, test } from "vitest";
import type { Clock } from "../../agent/base/clock.ts";
import { ClockWatch } from "../../agent/base/clock-watch.ts";

/** Both clocks by hand; `pauseNs` passes once, right before the next reading of the wall clock or right after it. */
function clocks() {
  const state = { nowNs: 1e9, stepNs: 0, pauseBeforeRealNs: 0, pauseAfterRealNs: 0 };
  const clock: Clock = {
    baseSeconds: 1_700_000_000,
    monotonicNs: () => state.nowNs,
    realtimeNs() {
      state.nowNs += state.pauseBeforeRealNs;
      const real = state.nowNs + state.stepNs;
      state.nowNs += state.pauseAfterRealNs;
      state.pauseBeforeRealNs = state.pauseAfterRealNs = 0;
      return real;
    },
  };
  return { state, watch: new ClockWatch(clock) };
}

describe("the watch on the wall clock", () => {
  test.each(["pauseBeforeRealNs", "pauseAfterRealNs"] as const)(
    "takes a process stopped between its two readings for no step (%s)",
    (pause) => {
      const { state, watch } = clocks();
      const sentNs = watch.check();
      state.nowNs += 20e6;
      state[pause] = 90e6;
      watch.check();
      for (let i = 0; i < 3; i++) {
        state.nowNs += 20e6;
        watch.check();
      }
      expect(watch.steps).toBe(0);
      expect(watch.trusts(sentNs)).toBe(true);
    },
  );

  test.each([2e9, -2e9, 5e6, -5e6])("notices a step of %d ns, once, and doubts what was sent before it", (stepNs) => {
    const { state, watch } = clocks();
    const sentNs = watch.check();
    state.nowNs += 20e6;
    state.stepNs = stepNs;
    const after = watch.check();
    state.nowNs += 20e6;
    watch.check();
    expect(watch.steps).toBe(1);
    expect([watch.trusts(sentNs), watch.trusts(after)]).toEqual([false, true]);
  });
});
