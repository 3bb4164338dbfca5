import { expect, test } from "vitest";
import { judgeOrder } from "../../agent/judge/order.ts";
import { sampleNodes } from "../support/sample-mesh.ts";

const NODES = sampleNodes({ nodes: 30, zones: 3 });
const names = (nodes: readonly { readonly name: string }[]) => nodes.map(({ name }) => name);

test("every agent puts the same names into the same order, however its discovery lists them", () => {
  expect(names(judgeOrder(NODES.toReversed(), undefined))).toEqual(names(judgeOrder(NODES, undefined)));
});

test("the second judge is in another zone than the first, and nobody is left out", () => {
  const order = judgeOrder(NODES, undefined);
  expect(order[1]!.zone).not.toBe(order[0]!.zone);
  expect(names(order).sort()).toEqual(names(NODES).sort());
});

test("with one zone there are two judges all the same", () => {
  expect(judgeOrder(sampleNodes({ nodes: 5, zones: 1 }), undefined)).toHaveLength(5);
  expect(judgeOrder(NODES.slice(0, 1), undefined)).toEqual(NODES.slice(0, 1));
  expect(judgeOrder([], undefined)).toEqual([]);
});

test("who comes or goes moves nobody else: a new node judges only if it ranks first", () => {
  const order = names(judgeOrder(NODES, undefined));
  const left = names(
    judgeOrder(
      NODES.filter(({ name }) => name !== order[9]),
      undefined,
    ),
  );
  expect(left).toEqual(order.filter((name) => name !== order[9]));
});

test("with a shared key the order is one that nobody without the key can foresee", () => {
  const first = new Set([1, 2, 3, 4, 5, 6].map((byte) => judgeOrder(NODES, Buffer.alloc(32, byte))[0]!.name));
  expect(first.size).toBeGreaterThan(2);
});
