// Of a group, the edges between its members and all others.
import { expect, test } from "vitest";
import { atOnce } from "../../../agent/base/slices.ts";
import { cutEdges } from "../../../agent/diagnosis/locate/candidate.ts";
import { topologyOf } from "../../../agent/diagnosis/locate/topology.ts";
import { SimMesh } from "../sim/mesh.ts";
import { tuningRandom } from "../sim/random.ts";

/** Of a mesh that is measured in full, and of one that is sampled. */
function topology(count: number) {
  const nodes = Array.from({ length: count }, (_, i) => ({ name: `node-${i}`, zone: "" }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(count) });
  mesh.advance(1);
  const evidence = mesh.evidence();
  return atOnce(topologyOf(evidence.nodes, evidence.pairs));
}

test.each([12, 300])(
  "in a mesh of %i nodes they are all that have one end inside, in order, of few and of many",
  (count) => {
    const mesh = topology(count);
    for (const size of [1, 2, 5, 20, 150].filter((n) => n <= count / 2)) {
      // Neither in order nor beside each other.
      const members = Array.from({ length: size }, (_, i) => (i * 7 + 3) % count).toReversed();
      const isInside = (node: number): boolean => members.includes(node);
      const expected = [...mesh.all].filter((e) => isInside(mesh.low[e]!) !== isInside(mesh.high[e]!));
      expect([...cutEdges(mesh, members)], `${size} members`).toEqual(expected);
      expect([...cutEdges(mesh, [...members, members[0]!])], `${size} members, one named twice`).toEqual(expected);
    }
  },
);
