// What is told apart with difficulty where there are few nodes: places that have the same pairs, equal paths of a handful
// of flows, and bursts that share a pair.
import { describe, expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName } from "../../agent/model/finding.ts";
import { SimMesh, type LossSource } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

const EVERY_S = 10;

function meshOf(zones: string, seed: number): SimMesh {
  const nodes = Array.from(zones, (zone, i) => ({ name: `node-${i + 1}`, zone }));
  return new SimMesh({ nodes, random: tuningRandom(seed) });
}

/** Everything that was open at any moment, as code and subject. */
function opened(mesh: SimMesh, seconds: number, before: (second: number) => void = () => {}): string[] {
  const judge = new Judge();
  const seen = new Set<string>();
  for (let second = 0; second < seconds; second += EVERY_S) {
    before(second);
    mesh.advance(EVERY_S);
    for (const { code, subject } of judge.judge(mesh.evidence()).findings) seen.add(`${code} ${subjectName(subject)}`);
  }
  return [...seen];
}

function loses(
  mesh: SimMesh,
  chance: number,
  between: (from: number, to: number) => boolean,
  rest: Partial<LossSource> = {},
): void {
  mesh.sources.push({ edges: mesh.directed(between), chance: () => chance, most: chance, ...rest });
}

test("where all nodes are in one zone, loss everywhere is the mesh's", () => {
  const mesh = meshOf("aaaa", 1);
  loses(mesh, 0.05, () => true);
  expect(opened(mesh, 60)).toEqual(["IN-MESH-LOSS mesh"]);
});

test("a zone of two among five nodes is called by its name, though it is a group as well", () => {
  const mesh = meshOf("aabcd", 2);
  loses(mesh, 0.05, (from, to) => from < 2 !== to < 2);
  expect(opened(mesh, 60)).toEqual(["IN-ZONE-LOSS zone:a"]);
});

describe.each(["aaaaaaabbbbc", "aaaaaaaabbbc", "aaaaaaaaabbc", "aaaaaaaabbcc", "aaaaaabbbccc"])(
  "in zones %s, where a zone with all others has hardly more pairs than two zones",
  (zones) => {
    const [a, b] = [zones.lastIndexOf("a") + 1, zones.lastIndexOf("b") + 1];
    const isB = (node: number): boolean => node >= a && node < b;

    test.each([1, 2, 3])(
      "two that lose some packets of each other are named in a minute, and no other place, seed %i",
      (seed) => {
        const mesh = meshOf(zones, seed);
        loses(mesh, 0.005, (from, to) => (from < a && isB(to)) || (to < a && isB(from)));
        expect(opened(mesh, 60)).toEqual(["IN-ZONE-PAIR-LOSS zone:a,b"]);
      },
    );

    test.each([1, 2, 3])("one that loses some with all others is named by itself at last, seed %i", (seed) => {
      const mesh = meshOf(zones, seed);
      loses(mesh, 0.02, (from, to) => isB(from) !== isB(to));
      expect(opened(mesh, 120).at(-1)).toBe("IN-ZONE-LOSS zone:b");
    });
  },
);

describe.each([1, 2, 3])("of four equal paths one is bad, seed %i", (seed) => {
  test("between two of five nodes and the others: it is that group", () => {
    const mesh = meshOf("abcde", seed);
    loses(mesh, 1, (from, to) => from < 2 !== to < 2, { equalPaths: 4 });
    expect(opened(mesh, 90).some((name) => name.startsWith("IN-SOME-PATHS group"))).toBe(true);
  });
});

test("two nodes that are deaf for three seconds, minutes apart, open nothing, and neither does their pair", () => {
  const mesh = meshOf("abcabcabcabc", 4);
  const deaf = (node: number, begins: number) =>
    loses(mesh, 1, (from, to) => (from === node) !== (to === node), { begins, ends: begins + 3 });
  deaf(7, mesh.second + 100);
  deaf(10, mesh.second + 340);
  expect(opened(mesh, 700)).toEqual([]);
});

test.each([1, 2, 3])(
  "two of six nodes that die in the same second are two dead nodes and no group, seed %i",
  (seed) => {
    const mesh = meshOf("aabbcc", seed);
    const dies = mesh.second + 60;
    loses(mesh, 1, (from, to) => [1, 4].includes(from) || [1, 4].includes(to), { begins: dies });
    const opens = opened(mesh, 150, () => {
      for (const node of [1, 4]) if (mesh.second >= dies) mesh.silentUntil.set(node, mesh.second + EVERY_S + 1);
    });
    expect(opens.sort()).toEqual(["IN-NODE-DOWN node-2", "IN-NODE-DOWN node-5"]);
  },
);

test("an agent whose row misses every other look is not down", () => {
  const mesh = meshOf("abcde", 5);
  const opens = opened(mesh, 300, (second) => {
    if ((second / EVERY_S) % 2 === 1) mesh.silentUntil.set(3, mesh.second + EVERY_S + 1);
  });
  expect(opens).toEqual([]);
});
