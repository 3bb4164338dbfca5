// In a large mesh a pair is probed in one order only, so that one of two equal paths shows in fewer flows.
import { expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName } from "../../agent/model/finding.ts";
import { SimMesh, type LossSource } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

/** What is said of a pair of 30 nodes that loses like this, after so many seconds. */
function saidOf(seed: number, seconds: number, loss: Pick<LossSource, "equalPaths" | "most">): string[] {
  const nodes = Array.from({ length: 30 }, (_, i) => ({ name: `node-${i + 1}`, zone: `zone-${"abc"[i % 3]!}` }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(seed), fullMeshLimit: 10, sampleSize: 8 });
  const edge = 2 * seed;
  const [a, b] = [mesh.from[edge]!, mesh.to[edge]!];
  expect([mesh.slotOf[edge]!, mesh.slotOf[edge + 1]!]).toContain(-1);
  mesh.sources.push({ ...loss, edges: Int32Array.of(edge, edge + 1), chance: () => loss.most });
  const judge = new Judge();
  let said: string[] = [];
  for (let second = 0; second < seconds; second += 10) {
    mesh.advance(10);
    said = judge.judge(mesh.evidence()).findings.map(({ code, subject }) => `${code} ${subjectName(subject)}`);
  }
  return said.map((text) => text.replace(`node-${a + 1},node-${b + 1}`, "a,b"));
}

const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

test("one of two equal paths that is bad is told in five minutes, also where nearly all flows go by it", () => {
  const said = SEEDS.map((seed) => saidOf(seed, 300, { equalPaths: 2, most: 1 }));
  expect(said).toEqual(SEEDS.map(() => ["IN-SOME-PATHS a,b"]));
});

test.each([0.3, 0.7, 0.95, 1])("a pair that loses %d of all packets alike has no good path", (most) => {
  const codes = SEEDS.slice(0, 4).flatMap((seed) => saidOf(seed, 300, { most }).map((text) => text.split(" ")[0]!));
  expect(codes.length).toBe(4);
  for (const code of codes) expect(["IN-PAIR-LOSS", "IN-PAIR-CUT"]).toContain(code);
});
