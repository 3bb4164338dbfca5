import { expect, test } from "vitest";
import { WINDOW_SECONDS } from "../../agent/model/window.ts";
import { Windows } from "../../agent/results/windows.ts";

const ROW = 1;

function opened(second = 100): Windows {
  const windows = new Windows(3);
  windows.clear(ROW, second);
  return windows;
}

test("the window forgets what is 60 seconds old and not a second earlier", () => {
  const windows = opened();
  windows.answered(ROW, 100, 5_000);
  windows.failed(ROW, 101, "timeout");
  expect(windows.summary(ROW, 159)).toMatchObject({ probes: 2, rttMaxNs: 5_000 });
  expect(windows.summary(ROW, 160)).toMatchObject({
    probes: 1,
    failures: 1,
    rttMaxNs: undefined,
    rttMeanNs: undefined,
  });
  expect(windows.summary(ROW, 161)).toMatchObject({ probes: 0, failures: 0 });
  expect(windows.maxNs(ROW, 159)).toBe(5_000);
  expect(windows.maxNs(ROW, 160)).toBeNaN();
});

test("seconds come oldest first, the current one last, null where nothing was completed", () => {
  const windows = opened();
  windows.answered(ROW, 100, 2_000);
  windows.answered(ROW, 100, 4_000);
  windows.failed(ROW, 102, "unreachable");
  windows.refused(ROW, 103);
  const seconds = windows.seconds(ROW, 103);
  expect(seconds).toHaveLength(WINDOW_SECONDS);
  expect(seconds.slice(0, -4).every((s) => s === null)).toBe(true);
  expect(seconds.slice(-4)).toEqual([
    { probes: 2, failures: 0, rttMeanNs: 3_000, rttMaxNs: 4_000 },
    null,
    { probes: 1, failures: 1, rttMeanNs: undefined, rttMaxNs: undefined },
    { probes: 1, failures: 0, rttMeanNs: undefined, rttMaxNs: undefined },
  ]);
  expect(windows.seconds(ROW, 110).at(-11)).toMatchObject({ probes: 2 });
  expect(windows.seconds(ROW, 159)[0]).toMatchObject({ probes: 2 });
  expect(windows.seconds(ROW, 400).every((s) => s === null)).toBe(true);
});

test("a bucket that comes round again starts empty, after a pause of any length", () => {
  for (const pause of [59, 60, 61, 119, 120, 1_000]) {
    const windows = opened();
    for (let s = 100; s < 160; s++) windows.failed(ROW, s, "timeout");
    windows.answered(ROW, 159 + pause, 7_000);
    const kept = Math.max(0, 60 - pause);
    expect(windows.summary(ROW, 159 + pause), `after ${pause} s`).toMatchObject({
      probes: kept + 1,
      failures: kept,
      rttMaxNs: 7_000,
    });
  }
});

test("minimum, maximum and mean cover the window exactly, small values after large ones included", () => {
  const windows = opened();
  windows.answered(ROW, 100, 9_000_000);
  windows.answered(ROW, 130, 1_000);
  windows.answered(ROW, 130, 2_000);
  expect(windows.summary(ROW, 159)).toMatchObject({ rttMinNs: 1_000, rttMaxNs: 9_000_000, rttMeanNs: 9_003_000 / 3 });
  expect(windows.summary(ROW, 160)).toMatchObject({ rttMinNs: 1_000, rttMaxNs: 2_000, rttMeanNs: 1_500 });
});

test("a delay of zero is a delay", () => {
  const windows = opened();
  windows.answered(ROW, 100, 0);
  expect(windows.maxNs(ROW, 100)).toBe(0);
  expect(windows.summary(ROW, 100)).toMatchObject({ rttMinNs: 0, rttMaxNs: 0, rttMeanNs: 0, jitterNs: undefined });
});

test("jitter is the mean difference of adjacent probes both answered; whatever is between them breaks the chain", () => {
  const windows = opened();
  windows.answered(ROW, 100, 1_000);
  windows.answered(ROW, 101, 4_000); // 3,000
  windows.failed(ROW, 102, "timeout");
  windows.answered(ROW, 103, 90_000); // no neighbour
  windows.answered(ROW, 104, 85_000); // 5,000
  windows.refused(ROW, 105);
  windows.answered(ROW, 106, 1_000);
  windows.answered(ROW, 107, undefined);
  windows.answered(ROW, 108, 50_000);
  expect(windows.summary(ROW, 108).jitterNs).toBe(4_000);
});

test("jitter counts with the later of its two probes, so it leaves the window with it", () => {
  const windows = opened();
  windows.answered(ROW, 100, 1_000);
  windows.answered(ROW, 101, 4_000);
  windows.answered(ROW, 102, 5_000);
  expect(windows.summary(ROW, 160).jitterNs).toBe(2_000);
  expect(windows.summary(ROW, 161).jitterNs).toBe(1_000);
  expect(windows.summary(ROW, 162).jitterNs).toBeUndefined();
});

test("a direction that becomes known late is booked with a failure, and leaves the window with it", () => {
  const windows = opened();
  windows.failed(ROW, 100, "timeout");
  windows.failed(ROW, 105, "timeout");
  windows.lost(ROW, 140, "forward");
  windows.lost(ROW, 140, "reverse");
  expect(windows.summary(ROW, 159)).toMatchObject({ failures: 2, lostForward: 1, lostReverse: 1 });
  expect(windows.summary(ROW, 160)).toMatchObject({ failures: 1, lostForward: 0, lostReverse: 1 });
  expect(windows.summary(ROW, 165)).toMatchObject({ failures: 0, lostForward: 0, lostReverse: 0 });
});

test("directions never outnumber the failures of the window, whatever is reported", () => {
  const windows = opened();
  windows.failed(ROW, 100, "timeout");
  for (let i = 0; i < 5; i++) windows.lost(ROW, 170, "forward");
  expect(windows.summary(ROW, 170)).toMatchObject({ failures: 0, lostForward: 0 });
  windows.failed(ROW, 171, "timeout");
  for (let i = 0; i < 5; i++) windows.lost(ROW, 171, "reverse");
  expect(windows.summary(ROW, 171)).toMatchObject({ failures: 1, lostReverse: 1 });
});

test("a delay that is known later leaves the window together with its answer", () => {
  const windows = opened();
  windows.answered(ROW, 100, undefined);
  windows.answered(ROW, 105, undefined);
  windows.delayed(ROW, 117, { rttNs: 1_000, previousNs: Number.NaN });
  windows.delayed(ROW, 122, { rttNs: 3_000, previousNs: 1_000 });
  for (let s = 123; s < 160; s += 5) windows.failed(ROW, s, "timeout");
  expect(windows.summary(ROW, 159)).toMatchObject({ rttMinNs: 1_000, rttMaxNs: 3_000, jitterNs: 2_000 });
  expect(windows.summary(ROW, 160)).toMatchObject({ rttMinNs: 3_000, rttMaxNs: 3_000 });
  expect(windows.summary(ROW, 165)).toMatchObject({ rttMeanNs: undefined, rttMaxNs: undefined, jitterNs: undefined });
  expect(windows.maxNs(ROW, 165)).toBeNaN();
});

test("delays never outnumber the answers of the window, whatever is reported", () => {
  const windows = opened();
  windows.answered(ROW, 100, undefined);
  for (let i = 0; i < 3; i++) windows.delayed(ROW, 170, { rttNs: 1_000, previousNs: Number.NaN });
  windows.failed(ROW, 170, "timeout");
  expect(windows.summary(ROW, 170)).toMatchObject({ probes: 1, failures: 1, rttMeanNs: undefined });
  windows.answered(ROW, 171, 2_000);
  windows.delayed(ROW, 171, { rttNs: 1_000, previousNs: Number.NaN });
  expect(windows.summary(ROW, 171)).toMatchObject({ rttMinNs: 2_000, rttMaxNs: 2_000 });
});

test("neighbouring rows do not touch each other", () => {
  const windows = new Windows(3);
  for (const row of [0, 1, 2]) windows.clear(row, 100);
  for (let s = 100; s < 300; s++) windows.failed(ROW, s, "blocked");
  windows.clear(ROW, 300);
  expect([0, 1, 2].map((row) => windows.summary(row, 300).probes)).toEqual([0, 0, 0]);
  windows.answered(0, 300, 1_000);
  windows.answered(2, 300, 3_000);
  expect([0, 1, 2].map((row) => windows.summary(row, 300).rttMaxNs)).toEqual([1_000, undefined, 3_000]);
});

test("the first seconds of the process, before the window is full, are no special case", () => {
  const windows = opened(0);
  windows.answered(ROW, 0, 1_000);
  windows.failed(ROW, 3, "timeout");
  windows.lost(ROW, 3, "forward");
  expect(windows.summary(ROW, 3)).toMatchObject({ probes: 2, failures: 1, lostForward: 1 });
  expect(windows.seconds(ROW, 3).filter((s) => s !== null)).toHaveLength(2);
});

test("SYNs sent again are counted in the second they are reported", () => {
  const windows = opened();
  windows.retransmitted(ROW, 100, 2);
  windows.retransmitted(ROW, 100, 1);
  expect(windows.summary(ROW, 159).retransmits).toBe(3);
  expect(windows.summary(ROW, 160).retransmits).toBe(0);
});
