import { describe, expect, test } from "vitest";
import { UsageError } from "../../agent/cli/command.ts";
import { select, type Filter } from "../../agent/cli/matrix-filter.ts";
import { judgeSnapshot } from "../../agent/diagnosis/judge-snapshot.ts";
import { MeshGrid } from "../../agent/diagnosis/notes/mesh-grid.ts";
import { summarize } from "../../agent/diagnosis/notes/summary.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

const ALL: Filter = { from: [], to: [], zone: [] };
const snapshot = sampleSnapshot({
  nodes: 6,
  zones: 3,
  dead: { "node-6": "switched off" },
  loss: [{ from: "node-1", to: "node-3", ratio: 0.5 }],
  mtuShortfall: [{ from: "node-2", to: "node-5", passesBytes: 1_200 }],
});
const verdict = judgeSnapshot(snapshot);
const summaryOf = (filter: Partial<Filter>) =>
  summarize(new MeshGrid(select(snapshot, { ...ALL, ...filter }).snapshot), verdict);

test("no filter leaves the snapshot as it is", () => {
  expect(select(snapshot, ALL).snapshot).toEqual(snapshot);
});

test("a path is chosen by network, protocol and family", () => {
  const { rows } = select(snapshot, { ...ALL, network: "pod", protocol: "udp", family: "ipv4" }).snapshot;
  const paths = rows.flatMap((r) => r.pairs.map((p) => `${p.network} ${p.protocol} ${p.family}`));
  expect(new Set(paths)).toEqual(new Set(["pod udp ipv4"]));
});

test("a source and a destination leave the row of the one and the pairs to the other", () => {
  const { snapshot: part, from, to } = select(snapshot, { ...ALL, from: ["node-1"], to: ["node-3", "node-4"] });
  expect(part.rows.map((r) => r.source.name)).toEqual(["node-1"]);
  expect(new Set(part.rows[0]!.pairs.map((p) => p.destination.name))).toEqual(new Set(["node-3", "node-4"]));
  expect(part.nodes.map((n) => n.name)).toEqual(["node-1", "node-3", "node-4"]);
  expect([[...from], [...to]]).toEqual([["node-1"], ["node-3", "node-4"]]);
});

describe("the verdict is that of what was asked for", () => {
  test("a fault elsewhere is none", () => {
    expect(summaryOf({ zone: ["zone-a"] })).toMatchObject({ state: "fine", isFault: false, notes: [] });
    expect(summaryOf({ from: ["node-4"], to: ["node-5"] }).isFault).toBe(false);
  });

  test("a fault elsewhere is said to be elsewhere", () => {
    expect(summaryOf({ zone: ["zone-a"] }).headline).toMatch(
      /^Nothing is wrong in what is shown, as far as can be seen; \d findings? elsewhere in the mesh\.$/,
    );
    expect(summaryOf({ from: ["node-6"] }).headline).toMatch(/^Node node-6 is gone: .* elsewhere in the mesh\.$/);
  });

  test("a fault within is told", () => {
    expect(summaryOf({ zone: ["zone-a", "zone-b"] }).isFault).toBe(true);
    expect(summaryOf({ from: ["node-6"] }).isFault).toBe(true);
    expect(summaryOf({ from: ["node-2"], to: ["node-5"] }).isFault).toBe(true);
  });
});

test.each<[Partial<Filter>, RegExp]>([
  [{ from: ["node-9"] }, /^there is no node 'node-9' in this mesh; there are node-1, node-2, .*node-6$/],
  [{ to: ["node-1", "nod"] }, /^there is no node 'nod'/],
  [{ zone: ["zone-z"] }, /^there is no zone 'zone-z' in this mesh; there are zone-a, zone-b, zone-c$/],
])("%j names what there is not", (filter, said) => {
  expect(() => select(snapshot, { ...ALL, ...filter })).toThrow(said);
  expect(() => select(snapshot, { ...ALL, ...filter })).toThrow(UsageError);
});
