import { expect, test } from "vitest";
import { withFresh } from "../../agent/cli/matrix-now.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

test("the cells are of the fresh probes alone, and a row that did not come is missing with its reason", () => {
  const snapshot = sampleSnapshot({ nodes: 4, zones: 2 });
  const [first, second, third, fourth] = snapshot.nodes;
  const rowOf = (name: string) => snapshot.rows.find(({ source }) => source.name === name)!;
  const own = rowOf(first!.name)
    .pairs.slice(0, 1)
    .map((pair) => ({ ...pair, window: { ...pair.window, probes: 3 } }));
  const fresh = [
    { source: first!, pairs: own },
    { source: second!, pairs: [] },
  ];
  const now = withFresh(snapshot, fresh, [{ node: third!, reason: "it is busy" }]);
  expect(now.rows.map(({ source, pairs }) => [source.name, pairs])).toEqual([
    [first!.name, own],
    [second!.name, []],
  ]);
  expect(now.missing).toEqual([
    { node: third, reason: "it is busy" },
    { node: fourth, reason: expect.stringContaining("was not asked") },
  ]);
  expect(now.nodes).toEqual(snapshot.nodes);
});
