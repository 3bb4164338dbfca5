// A node whose row does not come, and that each of its peers has lost in part only: it is there.
import { expect, test } from "vitest";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { subjectName } from "../../agent/model/finding.ts";
import { SimMesh, type LossSource } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

/** All that is ever told of three nodes, the last of which loses to each of the others what is said here. */
function told(lost: readonly Pick<LossSource, "network" | "protocol">[]): string[] {
  const nodes = Array.from("abc", (zone, i) => ({ name: `node-${i + 1}`, zone }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(4) });
  const begins = mesh.second + 60;
  for (const [peer, what] of lost.entries())
    mesh.sources.push({
      edges: mesh.directed((from, to) => [from, to].includes(peer) && [from, to].includes(2)),
      chance: () => 1,
      most: 1,
      begins,
      ...what,
    });
  const judge = new Judge();
  const ever = new Set<string>();
  while (mesh.second < begins + 120) {
    mesh.advance(5);
    if (mesh.second >= begins) mesh.silentUntil.set(2, mesh.second + 1);
    for (const { code, subject } of judge.judge(mesh.evidence()).findings) ever.add(`${code} ${subjectName(subject)}`);
  }
  return [...ever].sort();
}

test.each([
  [[{ network: "pod" }, { network: "node", protocol: "icmp" }]],
  [[{ network: "node" }, { network: "pod" }]],
  [[{}, { network: "pod" }]],
] as const)("a node that its peers have lost by %j is not gone", (lost) => {
  const found = told(lost);
  expect(found.length).toBeGreaterThan(0);
  expect(found).not.toContain("IN-NODE-DOWN node-3");
});

test("one that both have lost entirely is", () => {
  expect(told([{}, {}])).toContain("IN-NODE-DOWN node-3");
});
