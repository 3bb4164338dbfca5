// What a judge makes of the rows that it is given.
import { expect, test } from "vitest";
import { gatherEvidence } from "../../agent/judge/gather.ts";
import type { EvidenceAnswer } from "../../agent/peers/rows.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { sampleNodes, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";

const MESH: SampleMesh = { nodes: 5, zones: 2, loss: [] };

/** The rows of all others, which come in this order. */
function gathered(order: readonly number[]) {
  const [self, ...others] = sampleNodes(MESH);
  const apis = others.map((node) => ({ node, url: "http://127.0.0.1:1", serving: true }));
  const row = (of: typeof self) => sampleRow(MESH, of!, sampleNodes(MESH));
  const waiting = new Map<string, () => void>();
  const evidence = gatherEvidence({
    clock: new FakeClock(),
    sources: {
      node: self!,
      peers: () => others.map((node) => ({ node, addresses: { pod: {}, node: {} }, serving: true })),
      peerApis: () => apis,
      isReadinessTold: true,
      row: () => row(self),
      identity: () => ({ podAddresses: {}, nodeAddresses: {} }),
    },
    rows: {
      evidence: ({ node }) =>
        new Promise<EvidenceAnswer>((resolve) =>
          waiting.set(node.name, () => resolve({ kind: "row", node, json: Buffer.alloc(0), row: row(node) })),
        ),
    },
  });
  for (const i of order) waiting.get(others[i]!.name)!();
  return evidence;
}

// Were it otherwise, a judge would lay out the mesh, and all that it remembers, anew each time.
test("pairs stand in the same order in whichever order rows come", async () => {
  const [first, second] = [await gathered([0, 1, 2, 3]), await gathered([3, 1, 0, 2])];
  expect(first.pairs.count).toBe(20);
  expect(second).toEqual(first);
});
