import { expect, test } from "vitest";
import { detectionFloor } from "../../agent/diagnosis/floor.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

test("with five nodes and the default schedule it is what was measured", () => {
  const floor = detectionFloor(sampleSnapshot({ nodes: 5, zones: 1, udp: true }))!;
  expect(floor.inMinute).toBeCloseTo(0.0114, 4);
  expect(floor.inFiveMinutes).toBeCloseTo(0.0019, 4);
});

test("it falls with the packets that a node has, and rises without them", () => {
  const of = (nodes: number) => detectionFloor(sampleSnapshot({ nodes, zones: 1, udp: true }))!.inMinute;
  expect(of(9)).toBeCloseTo(of(5) / 2, 5);
  expect(of(3)).toBeCloseTo(of(5) * 2, 5);
});

test("of a mesh that tells nothing there is none", () => {
  expect(detectionFloor({ ...sampleSnapshot({ nodes: 3, zones: 1 }), rows: [] })).toBeUndefined();
});
