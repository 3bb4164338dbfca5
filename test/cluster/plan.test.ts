import { expect, test } from "vitest";
import { planCluster, planNode } from "./plan.ts";

test("six nodes in three zones are dealt out evenly, each with addresses of its own", () => {
  const { nodes } = planCluster({ nodes: 6, zones: 3 });
  expect(nodes.map(({ zone }) => zone)).toEqual(["zone-a", "zone-b", "zone-c", "zone-a", "zone-b", "zone-c"]);
  expect(new Set(nodes.flatMap(({ address4, podCidr4 }) => [address4, podCidr4])).size).toBe(12);
});

test("only a dual-stack cluster has IPv6 addresses", () => {
  const single = planCluster();
  expect(single.nodes.map(({ address6, podCidr6 }) => address6 ?? podCidr6)).toEqual([undefined, undefined, undefined]);
  expect(single.podCidrs).toHaveLength(1);
  const dual = planCluster({ dualStack: true });
  expect(dual.nodes[1]).toMatchObject({ address6: "fd00:10:100::102", podCidr6: "fd00:10:244:2::/64" });
  expect(dual.serviceCidrs).toHaveLength(2);
});

test("a node that comes back under its number has its old addresses", () => {
  const plan = planCluster({ nodes: 4 });
  expect(planNode(4, plan)).toEqual(plan.nodes[3]);
});

test("no cluster's prefix is the start of another's", () => {
  const prefixes = ["a", "ab", "abc"].map((name) => planCluster({ name }).prefix);
  for (const prefix of prefixes) expect(prefixes.filter((other) => other.startsWith(prefix))).toEqual([prefix]);
});

test.each([
  [{ name: "Upper" }, "cluster name 'Upper'"],
  [{ name: "with-dash" }, "cluster name 'with-dash'"],
  [{ nodes: 0 }, "0 nodes"],
  [{ nodes: 2.5 }, "2.5 nodes"],
  [{ nodes: Number.NaN }, "NaN nodes"],
  [{ zones: 27 }, "27 zones"],
])("%o is refused with what was wrong", (options, said) => {
  expect(() => planCluster(options)).toThrow(said);
});
