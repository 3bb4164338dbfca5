// What is lost to a full table of connections: new connections fail, and flows that the node knows go on.
import { expect, test } from "vitest";
import { Judge } from "../../../agent/diagnosis/judge.ts";
import { subjectName } from "../../../agent/model/finding.ts";
import { SimMesh } from "../sim/mesh.ts";
import { tuningRandom } from "../sim/random.ts";

test.each([
  { nodes: 3, chance: 1 },
  { nodes: 9, chance: 1 },
  { nodes: 6, chance: 0.6 },
  { nodes: 9, chance: 0.2 },
])("of $nodes nodes one loses $chance of TCP alone: its table is the first cause", ({ nodes, chance }) => {
  const names = Array.from({ length: nodes }, (_, i) => ({ name: `node-${i + 1}`, zone: "" }));
  const mesh = new SimMesh({ nodes: names, random: tuningRandom(3) });
  const judge = new Judge();
  mesh.advance(300);
  judge.judge(mesh.evidence());
  const edges = mesh.directed((from, to) => from === 1 || to === 1);
  mesh.sources.push({ edges, chance: () => chance, most: chance, protocol: "tcp", begins: mesh.second + 10 });
  const said = new Set<string>();
  for (let i = 0; i < 10; i++) {
    mesh.advance(10);
    for (const { subject, causes } of judge.judge(mesh.evidence()).findings)
      said.add(`${subjectName(subject)} ${causes[0]!.kind}`);
  }
  expect([...said]).toEqual(["node-2 conntrack-full"]);
});
