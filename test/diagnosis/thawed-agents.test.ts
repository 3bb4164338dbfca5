// An agent that stands still for a while, as when its process is stopped, and goes on where it stood: the same life.
import { expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName } from "../../agent/model/finding.ts";
import { SimMesh } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

const BEGINS = 60;

interface Told {
  readonly frozenSeconds: number;
  readonly seed: number;
  /** UDP is lost for this much longer than the row is missing. */
  readonly stillLostSeconds?: number;
}

/** All that is ever found from the moment its row comes again, in a mesh of six. */
function foundAfter({ frozenSeconds, seed, stillLostSeconds = 0 }: Told): string[] {
  const nodes = Array.from("aabbcc", (zone, i) => ({ name: `node-${i + 1}`, zone }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(seed) });
  const begins = mesh.second;
  const of = mesh.directed((from, to) => from === 2 || to === 2);
  const ends = begins + BEGINS + frozenSeconds + stillLostSeconds;
  mesh.sources.push({
    edges: of,
    chance: () => 1,
    most: 1,
    network: "pod",
    protocol: "udp",
    begins: begins + BEGINS,
    ends,
  });
  const judge = new Judge();
  const ever = new Set<string>();
  while (mesh.second < begins + BEGINS + frozenSeconds + 240) {
    mesh.advance(5);
    const after = mesh.second - begins - BEGINS;
    if (after >= 0 && after < frozenSeconds) mesh.silentUntil.set(2, mesh.second + 1);
    const { findings } = judge.judge(mesh.evidence());
    if (after >= frozenSeconds) for (const { code, subject } of findings) ever.add(`${code} ${subjectName(subject)}`);
  }
  return [...ever];
}

test.each([15, 30, 60, 110, 200])(
  "what is lost to an agent that stands still for %i s is no loss of its node",
  (seconds) => {
    const found = [1, 2, 3].flatMap((seed) => foundAfter({ frozenSeconds: seconds, seed }));
    expect(found.filter((one) => !one.startsWith("IN-AGENT"))).toEqual([]);
  },
);

test("what goes on to be lost when its row comes again is told", () => {
  const found = foundAfter({ frozenSeconds: 60, seed: 1, stillLostSeconds: 120 });
  expect(found).toContain("IN-DROPPED node-3");
});
