// What is seen again is not always there again: a judge that looks often sees one burst for as long as its window.
import { describe, expect, test } from "vitest";
import { AT_ONCE, SEEN_TWICE, type Observation } from "../../../agent/diagnosis/observe/observation.ts";
import { subjectName, type Finding, type Subject } from "../../../agent/model/finding.ts";
import { Tracker } from "../../../agent/diagnosis/track/tracker.ts";
import { atOnce } from "../../../agent/base/slices.ts";

const SILENCE = { isGone: () => false, isOver: () => false, explaining: () => [] };
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

test("a loss that must be seen twice is worth another look until it has opened; nothing else is", () => {
  const tracker = new Tracker();
  const looks = (now: number, observation: Observation): boolean => {
    atOnce(tracker.update({ now, observations: [observation], silence: SILENCE, contains: () => false }));
    return tracker.isAwaited(now);
  };
  const unsure = losing({ subject: { kind: "node", node: "node-7" }, opensAfterSeconds: Number.POSITIVE_INFINITY });
  expect(looks(START, unsure)).toBe(false);
  expect(looks(START, { ...unsure, isLoss: false, opensAfterSeconds: SEEN_TWICE })).toBe(false);
  expect(looks(START, losing({}))).toBe(true);
  expect(looks(START + 10, losing({}))).toBe(false);
  expect(tracker.findings).toHaveLength(1);
});

describe("large packets that vanish at a node, as its pairs are checked one after the other", () => {
  const mtu = (subject: Subject, rest: Partial<Observation> = {}): Observation =>
    losing({ code: "IN-PATH-MTU", isLoss: false, scope: { network: "pod" }, subject, ...rest });
  const node = mtu({ kind: "node", node: "node-5" });
  const pairs = ["node-1", "node-6"].map((other) => mtu({ kind: "pair", nodes: [other, "node-5"] }));
  const contains = (outer: Subject, inner: Subject): boolean => outer.kind === "node" && inner.kind === "pair";
  const tracker = () => {
    const kept = new Tracker();
    let now = START;
    return (observations: readonly Observation[], times = 1): readonly string[] => {
      let found: readonly Finding[] = [];
      for (let i = 0; i < times; i++, now += 10)
        found = atOnce(kept.update({ now, observations, silence: SILENCE, contains }));
      return found.map(({ subject }) => subjectName(subject));
    };
  };

  test("are one finding while the last pairs come back, and then none", () => {
    const look = tracker();
    expect(look([node], 2)).toEqual(["node-5"]);
    expect(look(pairs, 2)).toEqual(["node-5"]);
    expect(look([pairs[0]!])).toEqual([]);
    expect(look([], 3)).toEqual([]);
  });

  test("are found of the pairs that stay", () => {
    const look = tracker();
    look([node], 2);
    expect(look([pairs[0]!], 6)).toEqual(["node-1,node-5"]);
  });

  test("are the node's alone as soon as most of its pairs are known", () => {
    const look = tracker();
    expect(look(pairs, 2)).toEqual(["node-1,node-5", "node-6,node-5"]);
    expect(look([node], 2)).toEqual(["node-5"]);
  });

  test("hide no pair beside it that is there at the same time, nor one on another network", () => {
    const look = tracker();
    look([node], 2);
    expect(look([node, pairs[0]!], 2)).toEqual(["node-5", "node-1,node-5"]);
    const other = tracker();
    other([node], 2);
    const elsewhere = mtu({ kind: "pair", nodes: ["node-1", "node-5"] }, { scope: { network: "node" } });
    expect(other([elsewhere], 2)).toEqual(["node-5", "node-1,node-5"]);
  });
});

test("what is no loss began when the first look says, though later ones look back less far", () => {
  const tracker = new Tracker();
  for (const now of [START, START + 30, START + 60]) {
    const slow = losing({ code: "IN-LATENCY", isLoss: false, opensAfterSeconds: 60, sinceSeconds: now - 59 });
    atOnce(tracker.update({ now, observations: [slow], silence: SILENCE, contains: () => false }));
  }
  expect(tracker.findings.map(({ since }) => Date.parse(since) / 1_000)).toEqual([START - 59]);
});

test.each([
  [200, START],
  [600, START + 20 + 600],
])("what comes back after %i s began when it did, or anew, and is the same finding", (awaySeconds, since) => {
  const tracker = new Tracker();
  const isOver = { ...SILENCE, isOver: () => true };
  const look = (now: number, observations: readonly Observation[]): readonly Finding[] =>
    atOnce(tracker.update({ now, observations, silence: isOver, contains: () => false }));
  const dns = (sinceSeconds: number) => losing({ code: "IN-DNS", isLoss: false, sinceSeconds });
  look(START + 10, [dns(START)]);
  const [first] = look(START + 20, [dns(START)]);
  for (let s = 40; s < awaySeconds; s += 10) look(START + 20 + s, []);
  const back = START + 20 + awaySeconds;
  look(back, [dns(back)]);
  let again: readonly Finding[] = [];
  for (let s = 10; s <= 30; s += 10) again = look(back + s, [dns(back + s)]);
  expect(again).toMatchObject([{ id: first!.id, since: new Date(since * 1_000).toISOString() }]);
});
