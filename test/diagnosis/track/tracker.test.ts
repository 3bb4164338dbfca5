// What is seen again is not always there again: a judge that looks often sees one burst for as long as its window.
import { expect, test } from "vitest";
import { AT_ONCE, SEEN_TWICE, type Observation } from "../../../agent/diagnosis/observe/observation.ts";
import { Tracker } from "../../../agent/diagnosis/track/tracker.ts";
import { atOnce } from "../../../agent/base/slices.ts";

const SILENCE = { isGone: () => false, isOver: () => false };
const START = 1_000;

const losing = (rest: Partial<Observation>): Observation => ({
  code: "IN-NODE-LOSS",
  subject: { kind: "node", node: "node-3" },
  scope: {},
  figures: { loss: 0.1 },
  confidence: 0.999,
  sinceSeconds: START,
  causes: [],
  opensAfterSeconds: SEEN_TWICE,
  isLoss: true,
  ...rest,
});

interface Look {
  readonly everySeconds: number;
  readonly seconds: number;
  readonly seenBeforeSeconds?: number;
  readonly observed: (now: number) => Observation;
}

/** After how many seconds a finding opens. */
function opensAfter({ everySeconds, seconds, seenBeforeSeconds, observed }: Look): number | undefined {
  const tracker = new Tracker(seenBeforeSeconds);
  for (let now = START; now <= START + seconds; now += everySeconds) {
    const observations = [observed(now)];
    if (atOnce(tracker.update({ now, observations, silence: SILENCE, contains: () => false })).length > 0)
      return now - START;
  }
  return undefined;
}

test.each([1, 3, 10])(
  "a burst that is seen every %i s, for as long as it is remembered, opens nothing",
  (everySeconds) => {
    const observed = () => losing({ lostUntilSeconds: START + 3 });
    expect(opensAfter({ everySeconds, seconds: 60, observed })).toBeUndefined();
  },
);

test("loss that goes on opens when it has been seen twice, or at once when it is certain", () => {
  const goingOn = (now: number) => losing({ lostUntilSeconds: now });
  expect(opensAfter({ everySeconds: 10, seconds: 60, observed: goingOn })).toBe(10);
  expect(opensAfter({ everySeconds: 3, seconds: 60, observed: goingOn })).toBe(9);
  const certain = (now: number) => losing({ lostUntilSeconds: now, opensAfterSeconds: AT_ONCE });
  expect(opensAfter({ everySeconds: 10, seconds: 60, observed: certain })).toBe(0);
});

test("what is no loss needs only to be seen", () => {
  const observed = () => losing({ code: "IN-MASQUERADE", isLoss: false });
  expect(opensAfter({ everySeconds: 10, seconds: 60, observed })).toBe(10);
});

test("who judges rows once takes what they tell of the minute before as seen", () => {
  const observed = () => losing({ lostUntilSeconds: START - 2 });
  expect(opensAfter({ everySeconds: 10, seconds: 0, seenBeforeSeconds: 60, observed })).toBe(0);
});
