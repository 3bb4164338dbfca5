// In a large mesh some node is deaf for a second or three every minute: it froze, or its link flapped. Several of them in
// five minutes are no group that shares something, though one group would explain all that they lost.
import { describe, expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { SimMesh } from "../diagnosis/sim/mesh.ts";
import { tuningRandom } from "../diagnosis/sim/random.ts";
import { nameOf } from "../support/finding-names.ts";

const NODES = 200;
const LOOKS = 36;

/** Seconds after the first look at which a node loses `chance` of its packets, for so long. */
interface Burst {
  readonly nodes: readonly number[];
  readonly at: number;
  readonly seconds: number;
  readonly chance: number;
}

/** The names of all that was open at any time, and of what was open at the end. */
function judged(
  bursts: readonly Burst[],
  seed = 1,
  everySeconds = 10,
  noisyPairs = 0,
): { readonly open: readonly string[]; readonly last: readonly string[] } {
  const nodes = Array.from({ length: NODES }, (_, i) => ({ name: `node-${i + 1}`, zone: `zone-${"abc"[i % 3]}` }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(seed) });
  mesh.sources.push({ edges: mesh.directed(() => true), chance: () => 3e-5, most: 3e-5 });
  for (const edge of mesh.directed((from) => from === 20).slice(0, noisyPairs))
    mesh.sources.push({ edges: Int32Array.of(edge, edge ^ 1), chance: () => 0.06, most: 0.06 });
  const judge = new Judge();
  const start = mesh.second + 60;
  for (const { nodes: members, at, seconds, chance } of bursts) {
    const edges = mesh.directed((from, to) => members.includes(from) !== members.includes(to));
    const begins = start + at;
    mesh.sources.push({ edges, chance: () => chance, most: chance, begins, ends: begins + seconds });
  }
  mesh.advance(60);
  const open = new Set<string>();
  let last: readonly string[] = [];
  for (let look = 0; look < LOOKS; look++) {
    last = judge.judge(mesh.evidence()).findings.map(nameOf);
    for (const name of last) open.add(name);
    mesh.advance(everySeconds);
  }
  return { open: [...open], last };
}

const deaf = (node: number, at: number, seconds = 3, chance = 0.8): Burst => ({ nodes: [node], at, seconds, chance });
const GROUP = "IN-GROUP-LOSS node-11,node-12,node-13,node-14";
const UPLINK = [10, 11, 12, 13];

describe("nodes that are deaf for a moment, each at another", () => {
  test.each([
    ["three in half a minute", [deaf(20, 5), deaf(120, 20), deaf(180, 35)]],
    ["four in a minute", [deaf(20, 5, 3, 0.6), deaf(71, 21, 3, 0.9), deaf(120, 38, 3, 0.9), deaf(180, 52, 3, 0.6)]],
    [
      "eight in five minutes",
      Array.from({ length: 8 }, (_, i) => deaf(10 + 21 * i, 5 + 35 * i, 1 + (i % 3), 0.4 + 0.07 * i)),
    ],
    ["one twice and two once", [deaf(20, 5), deaf(20, 90), deaf(120, 40), deaf(180, 60)]],
  ])("%s: nothing is found", (_, bursts) => {
    for (let seed = 1; seed <= 2; seed++) expect([seed, judged(bursts, seed).open]).toEqual([seed, []]);
  });

  test("one for three seconds, and again ten seconds later, is nothing to a judge that looks often meanwhile", () => {
    const bursts = [deaf(20, 5, 3, 1), deaf(20, 17, 3, 0.7)];
    for (let seed = 1; seed <= 2; seed++) expect([seed, judged(bursts, seed, 2).open]).toEqual([seed, []]);
  });

  test("one with three pairs that lose by themselves all the time is not named beside them", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { open } = judged([deaf(20, 60 + seed, 3, 0.22)], seed, 3, 3);
      expect([seed, open.filter((name) => !name.startsWith("IN-PAIR-LOSS"))]).toEqual([seed, []]);
    }
  });

  test("and are no members of a group that loses 1 % all the time", () => {
    const group = { nodes: UPLINK, at: 30, seconds: 400, chance: 0.01 };
    const { open } = judged([deaf(20, 5), deaf(120, 40), deaf(180, 80), deaf(77, 120), group]);
    expect(open).toEqual([GROUP]);
  });

  test("a member of such a group that was deaf for a moment before is a member in the end", () => {
    const group = { nodes: UPLINK, at: 30, seconds: 400, chance: 0.01 };
    expect(judged([deaf(11, 5), group]).last).toEqual([GROUP]);
  });
});

describe("an uplink", () => {
  const burst = (at: number, seconds: number): Burst => ({ nodes: UPLINK, at, seconds, chance: 0.9 });

  test("that drops for a moment, once or twice, is nothing", () => {
    expect(judged([burst(10, 3), burst(130, 2)]).open).toEqual([]);
  });

  test("that drops every twenty seconds is found with all that hang on it", () => {
    expect(judged(Array.from({ length: 20 }, (_, i) => burst(10 + 20 * i, 2))).last).toContain(GROUP);
  });

  test("that is gone is found with all that hang on it", () => {
    expect(judged([burst(10, 400)]).last).toContain(GROUP);
  });
});
