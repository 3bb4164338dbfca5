import { describe, expect, test } from "vitest";
import { cellOf, renderMatrix } from "../../agent/cli/matrix-table.ts";
import { MeshGrid, type Reading } from "../../agent/diagnosis/notes/mesh-grid.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";
import { sampleSnapshot, type SampleMesh } from "../support/sample-mesh.ts";

const FINE: Reading = {
  probes: 60,
  failures: 0,
  refusals: 0,
  retransmits: 0,
  lostForward: 0,
  lostReverse: 0,
  rttMeanNs: 210_000,
  rttMaxNs: 1_250_000,
  jitterNs: 12_000,
};
const ANY_WIDTH = { path: 0, show: "both", width: Infinity } as const;
const grid = (mesh: SampleMesh): MeshGrid => new MeshGrid(sampleSnapshot(mesh));
const longest = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe("a cell", () => {
  test.each([
    ["nothing lost", {}, "210 µs", "fine"],
    ["some lost", { failures: 6 }, "10% 210 µs", "lossy"],
    ["all lost", { failures: 60, rttMeanNs: Number.NaN }, "FAIL", "failing"],
    ["a closed port", { refusals: 60, rttMeanNs: Number.NaN }, "refused", "refused"],
    ["answers without a delay", { rttMeanNs: Number.NaN }, "-", "fine"],
    [
      "retransmitted SYNs, which are lost packets of answered probes",
      { probes: 12, retransmits: 4, rttMeanNs: 300_000 },
      "25% 300 µs",
      "lossy",
    ],
  ])("with %s says so", (_, reading, text, health) => {
    expect(cellOf({ ...FINE, ...reading }, "both")).toEqual({ text, health });
  });

  test("of a pair nobody measured is no data, never health", () => {
    expect(cellOf(undefined, "both")).toEqual({ text: "?", health: "no data" });
    expect(cellOf({ ...FINE, probes: 0 }, "loss")).toEqual({ text: "?", health: "no data" });
  });

  test.each([
    ["loss", "0%"],
    ["mean", "210 µs"],
    ["max", "1.25 ms"],
    ["jitter", "12 µs"],
  ] as const)("shows %s alone when that is asked for", (show, text) => {
    expect(cellOf(FINE, show).text).toBe(text);
  });
});

test("the matrix has one order on both axes, and a row that did not come has one short line", () => {
  const table = renderMatrix(
    grid({ nodes: 3, zones: 2, dead: { "node-2": "no answer from 10.244.2.2:8843 within 1 s" } }),
    {
      ...ANY_WIDTH,
      show: "loss",
    },
  );
  expect(table.split("\n")).toEqual([
    "from \\ to        node-1  node-2  node-3",
    "node-1 (zone-a)       ·    100%      0%",
    "node-2 (zone-a)  no row: see below",
    "node-3 (zone-b)      0%    100%       ·",
  ]);
});

describe("a terminal", () => {
  const mesh: SampleMesh = { nodes: 40, zones: 4, loss: [{ from: "node-7", to: "node-31", ratio: 0.5 }] };

  test("that is wide enough has the names of columns", () => {
    const table = renderMatrix(grid({ nodes: 6, zones: 3 }), { ...ANY_WIDTH, width: 80 });
    expect(table.split("\n")[0]).toContain("node-6");
    expect(longest(table)).toBeLessThanOrEqual(80);
  });

  test("that is narrower has their numbers, which stand before the rows too", () => {
    const table = renderMatrix(
      grid({ nodes: 6, zones: 3, names: Array.from({ length: 6 }, (_, i) => `ip-10-0-1-${i}.eu-west-1`) }),
      { ...ANY_WIDTH, width: 90 },
    );
    expect(table).toMatch(/^from \\ to +1 +2 +3 +4 +5 +6\n1 ip-10/);
    expect(longest(table)).toBeLessThanOrEqual(90);
  });

  test.each([80, 120, 200])(
    "of %i columns has the nodes that lose most when there are too many, and says so",
    (width) => {
      const table = renderMatrix(grid(mesh), { ...ANY_WIDTH, width });
      expect(longest(table)).toBeLessThanOrEqual(width);
      expect(table).toMatch(/\n7 node-7 .*\n/);
      expect(table).toMatch(/\n31 node-31 .*\n/);
      expect(table).toMatch(/\nThe \d+ nodes of 40 that lose most; a wider terminal, or '-o wide', shows more\.$/);
    },
  );

  test("of any width shows at least two nodes", () => {
    expect(renderMatrix(grid(mesh), { ...ANY_WIDTH, width: 10 }).split("\n")).toHaveLength(3);
  });

  test("that is none, as in a pipe, has them all", () => {
    expect(renderMatrix(grid(mesh), ANY_WIDTH).split("\n")).toHaveLength(41);
  });
});

test.each(Object.entries(HOSTILE))("%s in a name or a zone does nothing to the terminal", (_what, text) => {
  const snapshot = sampleSnapshot({ nodes: 3, zones: 1, names: [text] });
  const hostile = { ...snapshot, nodes: snapshot.nodes.map((node) => ({ ...node, zone: text })) };
  const lines = renderMatrix(new MeshGrid(hostile), ANY_WIDTH).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines.filter((line) => OBEYED.test(line))).toEqual([]);
});

describe("of chosen sources", () => {
  const many = grid({ nodes: 40, zones: 1 });
  const only = (name: string) => ({ ...ANY_WIDTH, width: 80, from: new Set([name]) });

  test.each(["node-1", "node-39"])("a narrow terminal shows the row of %s, though others lose more", (name) => {
    const lines = renderMatrix(many, only(name)).split("\n");
    expect(lines[1]).toContain(`${name} `);
    expect(lines[1]).toContain(" µs");
  });

  test("every number over a column has its name, by its row or below", () => {
    const [head = "", row = "", ...rest] = renderMatrix(many, only("node-1")).split("\n");
    const key = rest.find((line) => line.startsWith("Columns: ")) ?? "";
    const named = [...`${row} ${key}`.matchAll(/(\d+) node-\d+/g)].map(([, number]) => number);
    expect(named).toEqual(expect.arrayContaining(head.replace("from \\ to", "").trim().split(/ +/)));
  });
});
