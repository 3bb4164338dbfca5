// Rows come one after the other, so the first seconds of a loss are told of one member of a group sooner than of the rest.
import { describe, expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { SimMesh } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";
import { nameOf } from "../support/finding-names.ts";

const NODES = Array.from({ length: 9 }, (_, i) => ({ name: `node-${i + 1}`, zone: `zone-${"abc"[i % 3]}` }));
const MEMBERS = [1, 5, 6];
const SEEDS = [1, 2, 3, 4, 5, 6];

interface Told {
  readonly names: readonly string[];
  /** Seconds from the first loss until the group is named. */
  readonly groupAfter: number;
}

interface Options {
  /** Seconds by which the last member is seen to lose before the others. */
  readonly sooner?: number;
  /** A packet in fifty is lost in one second, so long before. */
  readonly strayBefore?: number;
}

/** What is said of a group that loses half on its way out. */
function judged(seed: number, { sooner = 0, strayBefore }: Options = {}): Told {
  const mesh = new SimMesh({ nodes: NODES, random: tuningRandom(seed) });
  mesh.sources.push({ edges: mesh.directed(() => true), chance: () => 3e-5, most: 3e-5 });
  const judge = new Judge();
  for (let minute = 0; minute < 5; minute++) {
    mesh.advance(60);
    judge.judge(mesh.evidence());
  }
  const begins = mesh.second + 21 + (seed % 3);
  for (const member of MEMBERS) {
    const edges = mesh.directed((from, to) => from === member && !MEMBERS.includes(to));
    mesh.sources.push({ edges, chance: () => 0.5, most: 0.5, begins: member === 6 ? begins : begins + sooner });
    if (strayBefore === undefined) continue;
    const at = begins - strayBefore;
    mesh.sources.push({ edges, chance: () => 0.02, most: 0.02, begins: at, ends: at + 1 });
  }
  const names = new Set<string>();
  for (let look = 0; look < 60; look++) {
    mesh.advance(1);
    for (const finding of judge.judge(mesh.evidence()).findings) names.add(nameOf(finding));
    if (names.has(GROUP)) return { names: [...names], groupAfter: mesh.second - begins };
  }
  return { names: [...names], groupAfter: Number.POSITIVE_INFINITY };
}

const GROUP = "IN-GROUP-LOSS node-2,node-6,node-7";

describe("a hidden group that loses half, told of one member some seconds sooner than of the others", () => {
  test.each([0, 1, 2, 3])("by %i seconds: that member is not named alone", (sooner) => {
    for (const seed of SEEDS) expect([seed, judged(seed, { sooner }).names]).toEqual([seed, [GROUP]]);
  });

  test("is named as soon as two judgements have seen it", () => {
    for (const seed of SEEDS) expect(judged(seed).groupAfter).toBeLessThanOrEqual(9);
  });

  test.each([6, 9, 12])("nor does a packet lost %i seconds before hold it up", (strayBefore) => {
    for (const seed of SEEDS) expect([seed, judged(seed, { strayBefore }).groupAfter <= 9]).toEqual([seed, true]);
  });
});
