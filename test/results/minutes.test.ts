import { expect, test } from "vitest";
import { KEPT_MINUTES, Minutes } from "../../agent/results/minutes.ts";

const ROW = 1;
const START = 29_833_333;

function opened(): Minutes {
  const minutes = new Minutes(3);
  minutes.clear(ROW, START);
  return minutes;
}

function answer(minutes: Minutes, minute: number, rttNs: number): void {
  minutes.add(ROW, minute, { probes: 1, failures: 0 });
  minutes.delay(ROW, minute, rttNs);
}

test("a minute keeps its probes, failures, mean and largest delay, while it runs and for an hour after it", () => {
  const minutes = opened();
  answer(minutes, START, 100_000);
  answer(minutes, START, 300_000);
  minutes.add(ROW, START, { probes: 1, failures: 1 });
  const expected = { probes: 3, failures: 1, rttMeanNs: 200_000, rttMaxNs: 300_000 };
  expect(minutes.sum(ROW, START, START)).toEqual(expected);
  for (const later of [1, KEPT_MINUTES]) {
    answer(minutes, START + later, 5_000);
    const { rttMeanNs, rttMaxNs, ...counts } = minutes.sum(ROW, START, START);
    expect(counts).toEqual({ probes: 3, failures: 1 });
    expect(Math.abs(rttMeanNs! / 200_000 - 1)).toBeLessThan(0.0005);
    expect(Math.abs(rttMaxNs! / 300_000 - 1)).toBeLessThan(0.0005);
  }
  answer(minutes, START + KEPT_MINUTES + 1, 5_000);
  expect(minutes.sum(ROW, START, START)).toEqual({ probes: 0, failures: 0, rttMeanNs: undefined, rttMaxNs: undefined });
});

test("a stretch is the sum of its minutes, the mean weighted by answers, and those in between without probes are empty", () => {
  const minutes = opened();
  answer(minutes, START, 100_000);
  for (let i = 0; i < 3; i++) answer(minutes, START + 5, 500_000);
  minutes.add(ROW, START + 9, { probes: 4, failures: 4 });
  const sum = minutes.sum(ROW, START, START + 9);
  expect(sum).toMatchObject({ probes: 8, failures: 4 });
  expect(Math.abs(sum.rttMeanNs! / 400_000 - 1)).toBeLessThan(0.0005);
  expect(minutes.sum(ROW, START + 1, START + 4)).toMatchObject({ probes: 0, rttMeanNs: undefined });
  expect(minutes.sum(ROW, START + 9, START + 9)).toEqual({
    probes: 4,
    failures: 4,
    rttMeanNs: undefined,
    rttMaxNs: undefined,
  });
});

test("a pause of any length leaves nothing of the lap before", () => {
  for (const pause of [1, 59, 60, 61, 119, 120, 10_000]) {
    const minutes = opened();
    for (let i = 0; i < KEPT_MINUTES; i++) minutes.add(ROW, START + i, { probes: 1, failures: 1 });
    const last = START + KEPT_MINUTES - 1;
    answer(minutes, last + pause, 7_000);
    // Of the sixty before the one that runs.
    const kept = Math.max(0, KEPT_MINUTES + 1 - pause);
    expect(minutes.sum(ROW, START, last + pause), `after ${pause} min`).toMatchObject({
      probes: Math.min(kept, KEPT_MINUTES) + 1,
      failures: Math.min(kept, KEPT_MINUTES),
    });
  }
});

test("a minute never tells a delay without an answer: one that is known too late is left out", () => {
  const minutes = opened();
  minutes.add(ROW, START, { probes: 1, failures: 0 });
  minutes.add(ROW, START + 1, { probes: 1, failures: 1 });
  minutes.delay(ROW, START + 1, 90_000);
  expect(minutes.sum(ROW, START + 1, START + 1)).toMatchObject({ probes: 1, failures: 1, rttMeanNs: undefined });
});

test("extremes are kept within their range, and neighbours and growth change nothing", () => {
  const minutes = opened();
  minutes.clear(0, START);
  minutes.clear(2, START);
  answer(minutes, START, 3);
  minutes.add(ROW, START, { probes: 1e6, failures: 1e6 });
  minutes.add(0, START + 1, { probes: 9, failures: 9 });
  minutes.grow(8);
  minutes.add(2, START + 1, { probes: 9, failures: 9 });
  answer(minutes, START + 1, 9_000e9);
  expect(minutes.sum(ROW, START, START)).toMatchObject({ probes: 65_535, failures: 65_535 });
  const { rttMaxNs } = minutes.sum(ROW, START + 1, START + 1);
  expect(rttMaxNs! / 9_000e9).toBeCloseTo(1, 6);
});

test("an hour costs 502 bytes a slot: 0.3 MB with 100 peers of six slots, 3.0 MB with 1,000", () => {
  const perSlot = new Minutes(1_000).bytes / 1_000;
  expect(perSlot).toBe(502);
  expect((perSlot * 100 * 6) / 1e6).toBeCloseTo(0.3, 1);
  expect((perSlot * 1_000 * 6) / 1e6).toBeCloseTo(3.0, 1);
});
