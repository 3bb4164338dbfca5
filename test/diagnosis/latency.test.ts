// Round trips that become slower, as rows tell it: the fastest of the minute, and of the last 20 s where that is slower.
import { describe, expect, test } from "vitest";
import type { Evidence } from "../../agent/diagnosis/evidence/evidence.ts";
import { Judge } from "../../agent/diagnosis/judge.ts";
import type { Finding } from "../../agent/model/finding.ts";
import { SimMesh } from "./sim/mesh.ts";
import { proofRandom } from "./sim/random.ts";

const NODES = 9;
const SLOW = 4;
const USUAL_NS = 150_000;
/** Until the judge knows what is usual. */
const BEFORE_SECONDS = 320;

/** By second since the judge knows what is usual: by how much round trips from and to one node are slower. */
type Slowness = (second: number) => number;

function fastest(slowness: Slowness, second: number, seconds: number): number {
  const all = Array.from({ length: seconds }, (_, age) => slowness(second - age));
  return USUAL_NS * Math.min(...all);
}

function slowed(evidence: Evidence, second: number, slowness: Slowness, isToldLately: boolean): Evidence {
  const [minute, lately] = [fastest(slowness, second, 60), fastest(slowness, second, 20)];
  const { source, destination } = evidence.pairs;
  const of = (usual: Float32Array, ns: number) =>
    usual.map((value, pair) => (source[pair] === SLOW || destination[pair] === SLOW ? ns : value));
  return {
    ...evidence,
    paths: evidence.paths.map((path) => ({
      ...path,
      rttMinNs: of(path.rttMinNs, minute),
      ...(isToldLately && lately > 2 * minute && { rttLatelyNs: of(new Float32Array(path.rttMinNs.length), lately) }),
    })),
  };
}

/** All that opens, and how many seconds after the beginning. */
function judged(
  slowness: Slowness,
  { forSeconds, phase = 0, isToldLately = true }: { forSeconds: number; phase?: number; isToldLately?: boolean },
): ReadonlyMap<number, Finding> {
  const nodes = Array.from({ length: NODES }, (_, i) => ({ name: `node-${i + 1}`, zone: `zone-${i % 3}` }));
  const mesh = new SimMesh({ nodes, random: proofRandom(7) });
  const judge = new Judge();
  const opened = new Map<number, Finding>();
  for (let second = phase - BEFORE_SECONDS; second < forSeconds; second += 10) {
    mesh.advance(10);
    const { findings } = judge.judge(slowed(mesh.evidence(), second, slowness, isToldLately));
    for (const finding of findings)
      if (![...opened.values()].some(({ id }) => id === finding.id)) opened.set(second, finding);
  }
  return opened;
}

const from =
  (factor: number): Slowness =>
  (second) =>
    second >= 0 ? factor : 1;

describe.each([0, 3, 6, 9])("from %i s after a look on", (phase) => {
  test.each([12, 40, 1_000])("a node that is %i times as slow is named within a minute", (factor) => {
    const [[seconds, finding], ...more] = [...judged(from(factor), { forSeconds: 300, phase: 10 - phase })] as [
      [number, Finding],
      ...unknown[],
    ];
    expect(finding).toMatchObject({ code: "IN-LATENCY", subject: { kind: "node", node: "node-5" } });
    expect(finding.figures.rttNs! / finding.figures.rttBeforeNs!).toBeCloseTo(factor, 0);
    expect(seconds).toBeLessThan(55);
    // Both networks.
    expect(more.length).toBeLessThanOrEqual(1);
  });
});

test("what is nine times as slow must be so for a minute, and be seen for another", () => {
  const opened = [...judged(from(9), { forSeconds: 300 }).keys()];
  expect(opened.length).toBeGreaterThan(0);
  for (const seconds of opened) expect([110, 120, 130]).toContain(seconds);
});

test("of an agent that does not tell what is slow lately it is known when all of the minute is", () => {
  const opened = [...judged(from(40), { forSeconds: 300, isToldLately: false }).keys()];
  expect(opened.length).toBeGreaterThan(0);
  for (const seconds of opened) expect([70, 80, 90]).toContain(seconds);
});

describe("no finding is opened", () => {
  test.each([10, 20, 30, 38])("by %i s of round trips that take a hundred times as long", (seconds) => {
    for (const phase of [0, 2, 5, 8])
      expect(judged((second) => (second >= 0 && second < seconds ? 100 : 1), { forSeconds: 200, phase })).toEqual(
        new Map(),
      );
  });

  test.each([15, 25])("by what is slow %i s in 40, again and again", (seconds) => {
    const slowness: Slowness = (second) => (second >= 0 && second % 40 < seconds ? 100 : 1);
    for (const phase of [0, 4, 7]) expect(judged(slowness, { forSeconds: 600, phase })).toEqual(new Map());
  });

  test("by delays that are spread widely, as where a queue fills and empties", () => {
    const random = proofRandom(11);
    const drawn = Array.from({ length: 2_000 }, () => Math.exp(8 * random()));
    const slowness: Slowness = (second) => (second >= 0 ? Math.max(1, drawn[second]!) : 1);
    expect(judged(slowness, { forSeconds: 1_500 })).toEqual(new Map());
  });
});
