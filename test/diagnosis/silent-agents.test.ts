// Agents that say nothing beside a node that is dead: few rows are left that see it, and it stays the one finding that it is.
import { describe, expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName } from "../../agent/model/finding.ts";
import { SimMesh } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

const EVERY_S = 10;
const FOREVER = 1e9;

interface Told {
  /** Node indexes that die after a minute, and come back after `backAfter`. */
  readonly dead: readonly number[];
  /** Rows that still come while others do not: from two minutes on. */
  readonly rows: readonly number[];
  readonly silentFrom?: number;
  readonly silentUntil?: number;
  readonly backAfter?: number;
  readonly seconds?: number;
}

/** What is open of what is lost, at the end and at any moment since rows are missing. */
function losses(
  zones: string,
  { dead, rows, silentFrom = 120, silentUntil = FOREVER, backAfter = FOREVER, seconds = 300 }: Told,
) {
  const nodes = Array.from(zones, (zone, i) => ({ name: `node-${i + 1}`, zone }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(11) });
  const judge = new Judge();
  const begins = mesh.second;
  const isDead = (node: number): boolean => dead.includes(node);
  mesh.sources.push({
    edges: mesh.directed((from, to) => isDead(from) || isDead(to)),
    chance: () => 1,
    most: 1,
    begins: begins + 60,
    ends: begins + backAfter,
  });
  const ever = new Set<string>();
  let last: string[] = [];
  while (mesh.second < begins + seconds) {
    mesh.advance(EVERY_S);
    const after = mesh.second - begins;
    for (const node of nodes.keys()) {
      const isGone = isDead(node) && after >= 60 && after < backAfter;
      const isSilent = after >= silentFrom && after < silentUntil && !rows.includes(node);
      if (isGone || isSilent) mesh.silentUntil.set(node, mesh.second + 1);
    }
    last = judge
      .judge(mesh.evidence())
      .findings.filter(({ code }) => code !== "IN-UNSEEN" && code !== "IN-AGENT-DOWN")
      .map(({ code, subject }) => `${code} ${subjectName(subject)}`);
    // Before that it is found, and told by the way it looks first.
    if (after >= 120) for (const name of last) ever.add(name);
  }
  return { last: last.sort(), ever: [...ever].sort() };
}

const down = (nodes: readonly number[]): string[] => nodes.map((node) => `IN-NODE-DOWN node-${node + 1}`);

describe.each(["aabb", "aabbc", "aaabbb", "abcabcabc"])("in a mesh of zones %s", (zones) => {
  const end = zones.length - 1;
  test.each([[[0]], [[0, 1]]])("a dead node stays the one finding that it is, when only rows %j are left", (rows) => {
    expect(losses(zones, { dead: [end], rows })).toEqual({ last: down([end]), ever: down([end]) });
  });

  test("it stays one for as long as the last row sees it", () => {
    expect(losses(zones, { dead: [end], rows: [0], seconds: 1_500 })).toEqual({ last: down([end]), ever: down([end]) });
  });

  test("what one row alone has seen of it becomes part of it when the others tell again", () => {
    const { last } = losses(zones, { dead: [end], rows: [0], silentFrom: 30, silentUntil: 200 });
    expect(last).toEqual(down([end]));
  });

  test("it is over when the last row sees it answer again", () => {
    const { last, ever } = losses(zones, { dead: [end], rows: [0], backAfter: 240, seconds: 400 });
    expect({ last, ever }).toEqual({ last: [], ever: down([end]) });
  });
});

test.each([[[0]], [[0, 1]]])("two dead nodes stay two, when only rows %j are left", (rows) => {
  expect(losses("abcabcabc", { dead: [7, 8], rows })).toEqual({ last: down([7, 8]), ever: down([7, 8]) });
});
