import { expect, test } from "vitest";
import { detectionFloor } from "../../agent/diagnosis/floor.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

const floorOf = (nodes: number) => detectionFloor(sampleSnapshot({ nodes, zones: 1, udp: true }))!;

test.each([
  [3, 0.0347],
  [5, 0.0142],
  [8, 0.0073],
  [12, 0.0058],
  [30, 0.0024],
])("with %i nodes and the default schedule it is what was measured", (nodes, least) => {
  expect(floorOf(nodes).inMinute).toBeCloseTo(least, 4);
});

test("it falls with every node, between the measured sizes and beyond them", () => {
  const floors = [2, 3, 4, 5, 8, 12, 30].map(floorOf);
  for (const of of ["inMinute", "inFiveMinutes"] as const) {
    const least = floors.map((floor) => floor[of]);
    expect(least).toEqual([...least].sort((a, b) => b - a));
  }
  expect(floorOf(59).inMinute).toBeCloseTo(floorOf(30).inMinute / 2, 6);
});

test("of a mesh that tells nothing there is none", () => {
  expect(detectionFloor({ ...sampleSnapshot({ nodes: 3, zones: 1 }), rows: [] })).toBeUndefined();
});
