import { expect, test } from "vitest";
import { inDisplayOrder } from "../../agent/model/order.ts";

const node = (name: string, zone: string) => ({ name, zone });
const names = (...nodes: ReturnType<typeof node>[]) => inDisplayOrder(nodes).map(({ name }) => name);

test("nodes are ordered by zone, then by name with numbers counted", () => {
  expect(names(node("node-10", "b"), node("node-2", "b"), node("node-30", "a"))).toEqual([
    "node-30",
    "node-2",
    "node-10",
  ]);
});

test("zones are ordered with numbers counted too, and nodes without a zone come last", () => {
  expect(names(node("x", ""), node("y", "zone-10"), node("z", "zone-9"))).toEqual(["z", "y", "x"]);
});

test("names that differ only in case have one order whatever they came in", () => {
  expect(names(node("Node-1", "a"), node("node-1", "a"))).toEqual(names(node("node-1", "a"), node("Node-1", "a")));
});
