// One node dies right after another has come back: what the first has lost is still in the windows, and the two share a
// pair. Both are named, and neither their pair, a group of them nor the whole mesh.
import { describe, expect, test } from "vitest";
import { join } from "node:path";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName } from "../../agent/model/finding.ts";
import { evidenceOf, readRecording } from "./corpus/recording.ts";
import { SimMesh } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

const EVERY_S = 10;
const SECOND_DOWN_S = 200;
/** By then what the first has lost is no news any more. */
const SETTLED_S = 60;

test("as three real agents recorded it, two dead nodes are two dead nodes", () => {
  const { looks } = readRecording(join(import.meta.dirname, "recorded/3-two-die-in-turn.recording"));
  const judge = new Judge();
  const seen = new Set<string>();
  for (const look of looks)
    for (const { code, subject } of judge.judge(evidenceOf(look)).findings) seen.add(`${code} ${subjectName(subject)}`);
  // The machine was busy: two agents could not keep their schedule, and say so.
  expect([...seen].filter((name) => !name.startsWith("IN-AGENT-STARVED")).sort()).toEqual([
    "IN-NODE-DOWN node-2",
    "IN-NODE-DOWN node-3",
    "IN-NODE-LOSS node-3",
  ]);
});

describe.each([3, 4, 5])("in a mesh of %i nodes", (count) => {
  test.each([30, 60, 120, 240].flatMap((downS) => [0, 5, 10, 20, 40].map((gapS) => [downS, gapS] as const)))(
    "a node that was gone for %i s, and another that dies %i s later, are two dead nodes",
    (downS, gapS) => {
      const nodes = Array.from({ length: count }, (_, i) => ({ name: `node-${i + 1}`, zone: "a" }));
      const mesh = new SimMesh({ nodes, random: tuningRandom(downS + gapS) });
      const judge = new Judge();
      for (let i = 0; i < 30; i++) {
        mesh.advance(EVERY_S);
        judge.judge(mesh.evidence());
      }
      const [first, second] = [count - 1, count - 2];
      const dies = mesh.second + 3;
      const [returns, otherDies] = [dies + downS, dies + downS + gapS];
      const isGone = (node: number, begins: number, ends: number) => {
        const edges = mesh.directed((from, to) => from === node || to === node);
        mesh.sources.push({ edges, chance: () => 1, most: 1, begins, ends });
      };
      isGone(first, dies, returns);
      isGone(second, otherDies, otherDies + SECOND_DOWN_S);
      const [seen, settled] = [new Set<string>(), new Set<string>()];
      while (mesh.second < otherDies + SECOND_DOWN_S - EVERY_S) {
        mesh.advance(EVERY_S);
        const now = mesh.second;
        if (now > dies && now < returns) mesh.silentUntil.set(first, now + 1);
        if (now > otherDies) mesh.silentUntil.set(second, now + 1);
        if (now >= returns && mesh.startedAt[first]! < dies) mesh.startedAt[first] = returns;
        const { findings } = judge.judge(mesh.evidence());
        const names = findings.map(({ code, subject }) => `${code} ${subjectName(subject)}`);
        for (const name of names) seen.add(name);
        if (now > otherDies + SETTLED_S) settled.add(names.join("; "));
      }
      const isOfTheTwo = (name: string): boolean =>
        [first, second].some((node) => new RegExp(`^IN-NODE-(DOWN|LOSS) node-${node + 1}$`).test(name));
      expect([...seen].filter((name) => !isOfTheTwo(name))).toEqual([]);
      expect([...settled]).toEqual([`IN-NODE-DOWN node-${second + 1}`]);
      expect([...seen]).toContain(`IN-NODE-DOWN node-${first + 1}`);
    },
  );
});
