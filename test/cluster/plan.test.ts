import { expect, test } from "vitest";
import { isIPv6, planCluster, planNode, type Families } from "./plan.ts";

test("six nodes in three zones are dealt out evenly, each with addresses of its own", () => {
  const { nodes } = planCluster({ nodes: 6, zones: 3 });
  expect(nodes.map(({ zone }) => zone)).toEqual(["zone-a", "zone-b", "zone-c", "zone-a", "zone-b", "zone-c"]);
  expect(new Set(nodes.flatMap(({ addresses, podCidrs }) => [...addresses, ...podCidrs])).size).toBe(12);
});

test("a cluster has the address families asked for, in nodes, pods and services", () => {
  const addressesOf = (families: Families) => {
    const { nodes, podCidrs, serviceCidrs, controlPlane, apiServiceAddress, dnsServiceAddress } = planCluster({
      families,
    });
    expect(serviceCidrs).toHaveLength(podCidrs.length);
    expect([apiServiceAddress, dnsServiceAddress].map(isIPv6)).toEqual([families === "ipv6", families === "ipv6"]);
    return [controlPlane.addresses, nodes[1]!.addresses, nodes[1]!.podCidrs];
  };
  const ipv4 = ["10.100.0.10", "10.100.0.102", "10.244.2.0/24"];
  const ipv6 = ["fd00:10:100::10", "fd00:10:100::102", "fd00:10:244:2::/64"];
  expect(addressesOf("ipv4")).toEqual(ipv4.map((one) => [one]));
  expect(addressesOf("ipv6")).toEqual(ipv6.map((one) => [one]));
  expect(addressesOf("both")).toEqual(ipv4.map((one, i) => [one, ipv6[i]]));
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
  [{ families: "ipv5" as Families }, "families 'ipv5'"],
])("%o is refused with what was wrong", (options, said) => {
  expect(() => planCluster(options)).toThrow(said);
});
