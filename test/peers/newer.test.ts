import { expect, test } from "vitest";
import { withoutUnknown } from "../../agent/peers/newer.ts";
import { parseRow, RowError } from "../../agent/peers/schema.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";

const MESH = { nodes: 3, zones: 1 };
const [NODE] = sampleNodes(MESH);
const ROW = sampleRow(MESH, NODE!);
const parse = (row: object) => parseRow(JSON.stringify(row), NODE!);

test("a row without anything new is the same object", () => {
  expect(withoutUnknown(ROW)).toEqual({ row: ROW, leftOut: [] });
  expect(withoutUnknown(ROW).row).toBe(ROW);
  expect(parse(ROW).leftOut).toBeUndefined();
});

test.each([
  ["a protocol", { pairs: [{ ...ROW.pairs[0]!, protocol: "quic" }, ...ROW.pairs] }, "protocol quic"],
  ["a network", { pairs: [...ROW.pairs, { ...ROW.pairs[0]!, network: "storage" }] }, "network storage"],
  ["a family of a path MTU", { pathMtu: [...ROW.pathMtu, { ...ROW.pathMtu[0]!, family: "ipv8" }] }, "family ipv8"],
  [
    "a protocol that is unavailable",
    { health: { ...ROW.health, unavailable: [{ network: "pod", protocol: "quic", reason: "no" }] } },
    "protocol quic",
  ],
  ["stamps of a protocol", { health: { ...ROW.health, stamps: { icmp: "kernel", quic: "kernel" } } }, "protocol quic"],
])("%s that is not known here is left out and named, and the rest stays", (_, change, told) => {
  const row = parse({ ...ROW, ...change });
  expect(row.leftOut).toEqual([told]);
  expect(row.pairs).toHaveLength(ROW.pairs.length);
  expect(row.pathMtu).toHaveLength(ROW.pathMtu.length);
});

test("a failure for a reason that is not known here stays a failure", () => {
  const [first, ...rest] = ROW.pairs;
  const window = { ...first!.window, failures: 3, reasons: { timeout: 1, eaten: 2 }, rttMeanNs: undefined };
  const row = parse({ ...ROW, pairs: [{ ...first!, window }, ...rest] });
  expect(row.pairs[0]!.window).toMatchObject({ failures: 3, reasons: { timeout: 1 } });
  expect(row.leftOut).toEqual(["reason eaten"]);
});

test.each([["<b>x</b>"], ["ICMP"], [""], [7], [null], ["x".repeat(40)]])(
  "%j is no word of a newer agent, and the row is invalid",
  (protocol) => {
    expect(() => parse({ ...ROW, pairs: [{ ...ROW.pairs[0]!, protocol }] })).toThrow(RowError);
  },
);

test("of many new words a few are named", () => {
  const pairs = Array.from({ length: 50 }, (_, i) => ({ ...ROW.pairs[0]!, protocol: `p${i}` }));
  expect(parse({ ...ROW, pairs: [...ROW.pairs, ...pairs] }).leftOut).toHaveLength(8);
});
