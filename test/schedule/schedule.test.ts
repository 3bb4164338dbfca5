// The schedule by its own timer, on a clock that runs with it.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Slot } from "../../agent/model/slot.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import { Lane } from "../../agent/schedule/lane.ts";
import { Schedule } from "../../agent/schedule/schedule.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { testSlot } from "../support/test-slot.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** ICMP as the defaults have it, of which every probe is lost: outstanding until it expires. */
async function lossyIcmp({ slots = 0 } = {}) {
  const clock = new FakeClock();
  const wakes: number[] = [];
  const sent: { readonly slot: Slot; readonly ms: number }[] = [];
  const judged: number[] = [];
  const skipped: Slot[] = [];
  let outstanding: { readonly slot: Slot; readonly ms: number }[] = [];
  const nowMs = () => clock.monotonicNs() / 1e6 - 5_000;
  const prober: Prober = {
    protocol: "icmp",
    mostAtOnce: Infinity,
    get outstanding() {
      return outstanding.length;
    },
    open() {},
    close() {},
    send(due) {
      for (const slot of due) {
        if (outstanding.some((probe) => probe.slot === slot)) skipped.push(slot);
        else sent.push(outstanding[outstanding.push({ slot, ms: nowMs() }) - 1]!);
      }
    },
    drain: () => void wakes.push(nowMs()),
    expire() {
      const kept = outstanding.filter(({ ms }) => nowMs() - ms <= 800);
      judged.push(...outstanding.filter((probe) => !kept.includes(probe)).map(({ ms }) => nowMs() - ms));
      outstanding = kept;
    },
    socketDrops: () => 0,
    [Symbol.dispose]() {},
  };
  const lane = new Lane<Prober>({ name: "icmp", clock, open: () => prober });
  await lane.open();
  const schedule = new Schedule({
    clock,
    sink: { skipped: (slot) => skipped.push(slot) },
    activities: [],
    protocols: [{ protocol: "icmp", lane, intervalMs: 1_000, timeoutMs: 800, answersOnTick: false }],
    longestTickMs: 500,
    onTick: () => {},
  });
  const open = () => {
    const slot = testSlot({ protocol: "icmp", address: "10.0.0.2" });
    schedule.open(slot);
    return slot;
  };
  const all = Array.from({ length: slots }, open);
  schedule.start();
  /** `held`: this process does not run in the meantime. */
  const pass = (ms: number, { held = false } = {}) => {
    clock.advanceMs(held ? ms : 0);
    for (let i = 0; i < ms; i++) {
      if (!held) clock.advanceMs(1);
      if (!held || i === ms - 1) vi.advanceTimersByTime(held ? ms : 1);
    }
  };
  return { schedule, open, pass, all, wakes, sent, judged, skipped };
}

test("an agent at rest wakes twice a second, and has judged each probe before it sends the next", async () => {
  const { schedule, pass, all, wakes, sent, judged, skipped } = await lossyIcmp({ slots: 60 });
  pass(5_000);
  wakes.length = sent.length = judged.length = 0;
  pass(10_000);
  expect(wakes).toHaveLength(20);
  expect(skipped).toEqual([]);
  for (const slot of all) expect(sent.filter((probe) => probe.slot === slot)).toHaveLength(10);
  expect(judged).toHaveLength(600);
  expect(Math.max(...judged)).toBe(1_000);
  schedule[Symbol.dispose]();
});

test("a slot is probed at its own place of the grid, however late a tick is", async () => {
  const { schedule, pass, all, sent, skipped } = await lossyIcmp({ slots: 60 });
  pass(5_000);
  sent.length = 0;
  for (let second = 0; second < 20; second++) {
    pass(960);
    // Over the next place and beyond it, by less than the timeout leaves of an interval.
    pass(40 + 9 * second, { held: true });
    pass(1_000 - 9 * second);
  }
  expect(skipped).toEqual([]);
  for (const slot of all) expect(sent.filter((probe) => probe.slot === slot)).toHaveLength(40);
  schedule[Symbol.dispose]();
});

test("what is new is probed, and judged, soon: ticks are short for two seconds", async () => {
  const { schedule, open, pass, sent, judged } = await lossyIcmp({ slots: 1 });
  pass(10_333);
  sent.length = judged.length = 0;
  const openedMs = 10_333;
  const fresh = Array.from({ length: 50 }, open);
  pass(2_000);
  for (const slot of fresh) {
    const first = sent.find((probe) => probe.slot === slot)!;
    expect(first.ms - openedMs).toBeLessThanOrEqual(1_051);
  }
  expect(Math.max(...judged)).toBeLessThanOrEqual(1_000);
  expect(judged.filter((ms) => ms <= 851).length).toBeGreaterThanOrEqual(50);
  schedule[Symbol.dispose]();
});
