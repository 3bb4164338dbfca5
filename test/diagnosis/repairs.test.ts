// A fault that is repaired is not blamed again for what the next one takes from it, nor do the two look like one wider
// place: what it has lost is still in the windows when the next begins.
import { describe, expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName } from "../../agent/model/finding.ts";
import { SimMesh } from "./sim/mesh.ts";
import { tuningRandom, shuffled } from "./sim/random.ts";
import { runSuccession, SUCCESSIVE, type FaultName } from "./sim/successions.ts";

const NAMES = Object.keys(SUCCESSIVE) as FaultName[];
const SEEDS = [5, 6, 101, 124] as const;

describe.each([
  { when: "20 to 90 s after a repair", gapS: [20, 90], waitsForEnd: false },
  { when: "just when the finding of the last has ended", gapS: [0, 10], waitsForEnd: true },
] as const)("the next fault begins $when", ({ gapS, waitsForEnd }) => {
  test.each(SEEDS)("each is named, and nothing else is, seed %i", (seed) => {
    const named = runSuccession(shuffled(tuningRandom(seed + 999), NAMES), { seed, gapS, waitsForEnd });
    expect(named.filter(({ seconds }) => seconds === undefined)).toEqual([]);
    expect(named.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
  });
});

test.each([7005, 7006, 7020])("groups that share members, one just after the other, are not mixed, seed %i", (seed) => {
  const faults = Array.from({ length: 5 }, (): FaultName => "a hidden group that loses half");
  const named = runSuccession(faults, { seed, gapS: [0, 10], waitsForEnd: true });
  expect(named.filter(({ seconds }) => seconds === undefined)).toEqual([]);
  expect(named.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
});

describe.each([
  { onS: 3, everyS: 20 },
  { onS: 10, everyS: 30 },
  { onS: 10, everyS: 50 },
])("a node that loses all for $onS s every $everyS s", ({ onS, everyS }) => {
  test("is one finding while it comes and goes", () => {
    const nodes = Array.from({ length: 9 }, (_, i) => ({ name: `node-${i + 1}`, zone: "abc"[Math.floor(i / 3)]! }));
    const mesh = new SimMesh({ nodes, random: tuningRandom(everyS) });
    const judge = new Judge();
    mesh.advance(300);
    judge.judge(mesh.evidence());
    const begins = mesh.second + 10;
    const edges = mesh.directed((from, to) => from === 4 || to === 4);
    const chance = (second: number): number => ((second - begins) % everyS < onS ? 1 : 0);
    mesh.sources.push({ edges, chance, most: 1, begins });
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) {
      mesh.advance(10);
      for (const { id, subject } of judge.judge(mesh.evidence()).findings) seen.add(`${subjectName(subject)} ${id}`);
    }
    expect([...seen].map((name) => name.split(" ")[0])).toEqual(["node-5"]);
    // What pauses for most of a minute may seem over, once: then it must be quiet for longer.
    expect(judge.ended.length).toBeLessThanOrEqual(1);
  });
});
