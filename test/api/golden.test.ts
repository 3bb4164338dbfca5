// The frozen /api/v1/mesh document: what the command line, the page and diagnosis are written from.
import { expect, test } from "vitest";
import { rowSchema } from "../../agent/peers/schema.ts";
import { inDisplayOrder } from "../../agent/model/order.ts";
import type { Snapshot } from "../../agent/model/snapshot.ts";
import { goldenSnapshot } from "./golden.ts";

const golden = goldenSnapshot();
const windowOf = (from: string, to: string, protocol: string, network = "pod") =>
  golden.rows
    .find((r) => r.source.name === from)!
    .pairs.find((p) => p.destination.name === to && p.protocol === protocol && p.network === network)!.window;

test("the frozen document has six nodes in three zones, in the order of display, and each is a row or missing by name", () => {
  expect(golden.nodes).toEqual(inDisplayOrder(golden.nodes));
  expect(new Set(golden.nodes.map(({ zone }) => zone)).size).toBe(3);
  expect([...golden.rows.map((r) => r.source.name), ...golden.missing.map((m) => m.node.name)].sort()).toEqual([
    "node-1",
    "node-2",
    "node-3",
    "node-4",
    "node-5",
    "node-6",
  ]);
  expect(golden.missing[0]).toMatchObject({ node: { name: "node-6" }, reason: expect.stringContaining("no answer") });
});

test("the frozen document shows loss on one way of a link in both rows, and only UDP tells which way", () => {
  expect(windowOf("node-2", "node-4", "icmp").failures).toBeGreaterThan(0);
  expect(windowOf("node-4", "node-2", "icmp").failures).toBeGreaterThan(0);
  expect(windowOf("node-2", "node-4", "udp")).toMatchObject({ lostForward: 2, lostReverse: 0 });
  expect(windowOf("node-4", "node-2", "udp")).toMatchObject({ lostForward: 0, lostReverse: 2 });
});

test("the frozen document has a refused protocol that is no loss, a path MTU shortfall, and no RTT where nothing answered", () => {
  expect(windowOf("node-1", "node-5", "tcp")).toMatchObject({ probes: 12, failures: 0, refusals: 12 });
  expect(windowOf("node-1", "node-5", "tcp").rttMeanNs).toBeUndefined();
  expect(windowOf("node-1", "node-6", "icmp")).toMatchObject({ probes: 60, failures: 60 });
  expect(windowOf("node-1", "node-6", "icmp").rttMeanNs).toBeUndefined();
  expect(
    golden.rows.flatMap((r) =>
      r.pathMtu
        .filter((m) => m.shortfallBytes > 0)
        .map((m) => [r.source.name, m.destination.name, m.passesBytes, m.shortfallBytes]),
    ),
  ).toEqual([["node-1", "node-5", 1_400, 50]]);
});

const lies: readonly [string, (row: Snapshot["rows"][number]) => unknown][] = [
  ["more failures than probes", (row) => withWindow(row, { failures: 61 })],
  ["a negative count", (row) => withWindow(row, { retransmits: -1 })],
  ["a delay that is no number", (row) => withWindow(row, { rttMeanNs: "94289" })],
  ["a mean above the maximum", (row) => withWindow(row, { rttMeanNs: 9e8 })],
  ["a delay without an answer", (row) => withWindow(row, { failures: 60 })],
  ["the same slot twice", (row) => ({ ...row, pairs: [...row.pairs, row.pairs[0]] })],
  ["a pair to itself", (row) => ({ ...row, pairs: [{ ...row.pairs[0], destination: row.source }] })],
  ["an address that is none", (row) => ({ ...row, pairs: [{ ...row.pairs[0], address: "javascript:alert(1)" }] })],
  ["an unknown protocol", (row) => ({ ...row, pairs: [{ ...row.pairs[0], protocol: "sctp" }] })],
];
function withWindow(row: Snapshot["rows"][number], lie: object): unknown {
  const [first, ...rest] = row.pairs;
  return { ...row, pairs: [{ ...first, window: { ...first!.window, ...lie } }, ...rest] };
}

test.each(lies)("a row with %s is refused", (_name, lie) => {
  expect(rowSchema.safeParse(golden.rows[0]).success).toBe(true);
  expect(rowSchema.safeParse(lie(golden.rows[0]!)).success).toBe(false);
});
