import { expect, test } from "vitest";
import { fabricScript, nodeScript, podScript } from "../../lab/network.ts";
import { MAX_NODES, MAX_PATHS, planLab, underlayMac } from "../../lab/plan.ts";

const SIX = { nodes: 6, zones: 3, ipv6: false };

test("nodes are spread over the zones in runs of equal length", () => {
  expect(planLab("00beef", SIX).nodes.map((node) => node.zone)).toEqual([
    "zone-a",
    "zone-a",
    "zone-b",
    "zone-b",
    "zone-c",
    "zone-c",
  ]);
  expect(planLab("00beef", { nodes: 5, zones: 2, ipv6: false }).nodes.map((node) => node.zone)).toEqual([
    "zone-a",
    "zone-a",
    "zone-a",
    "zone-b",
    "zone-b",
  ]);
});

test("no two nodes of the largest lab share a namespace, a port or an address", () => {
  const { nodes, fabric } = planLab("00beef", { nodes: MAX_NODES, zones: 26, ipv6: true });
  const names = nodes.flatMap((node) => [
    node.nodeNamespace,
    node.podNamespace,
    node.port,
    ...node.nodeAddresses,
    ...node.podAddresses,
  ]);
  expect(new Set([...names, fabric]).size).toBe(MAX_NODES * 7 + 1);
  expect(new Set(nodes.map((node) => node.zone)).size).toBe(26);
});

test("routers of equal paths have names, addresses and hardware addresses that no node has", () => {
  const { nodes, paths } = planLab("00beef", { nodes: MAX_NODES, zones: 1, ipv6: true, paths: MAX_PATHS });
  const routers = [paths!.leaf, ...paths!.paths];
  const names = [
    ...routers.flatMap((router) => [router.namespace, router.port, router.mac, ...router.addresses]),
    ...nodes.flatMap((node) => [node.nodeNamespace, node.port, underlayMac(node.number), ...node.nodeAddresses]),
  ];
  expect(new Set(names).size).toBe((MAX_PATHS + 1 + MAX_NODES) * 5);
  expect(planLab("00beef", SIX).paths).toBeUndefined();
  expect(() => planLab("00beef", { ...SIX, paths: 9 })).toThrow("1 to 8 equal paths, not 9");
});

test("two labs share addresses but no name of a namespace", () => {
  const [one, other] = [planLab("00beef", SIX), planLab("00cafe", SIX)];
  expect(one.nodes[0]!.nodeAddresses).toEqual(other.nodes[0]!.nodeAddresses);
  const namespaces = [one, other].flatMap((plan) => [
    plan.fabric,
    ...plan.nodes.flatMap((node) => [node.nodeNamespace, node.podNamespace]),
  ]);
  expect(new Set(namespaces).size).toBe(namespaces.length);
  expect(namespaces.every((name) => /^inode-[0-9a-f]{6}-/.test(name))).toBe(true);
});

test.each([
  [{ ...SIX, nodes: 1 }, "2 to 250 nodes"],
  [{ ...SIX, nodes: 251 }, "2 to 250 nodes"],
  [{ ...SIX, nodes: 2.5 }, "2 to 250 nodes"],
  [{ ...SIX, zones: 0 }, "1 to 6 zones"],
  [{ ...SIX, zones: 7 }, "1 to 6 zones"],
])("a lab of shape %o is refused with the limits named", (shape, words) => {
  expect(() => planLab("00beef", shape)).toThrow(words);
});

test("every node knows a route, a permanent neighbour and a forwarding entry for every other node, and none for itself", () => {
  const plan = planLab("00beef", SIX);
  for (const node of plan.nodes) {
    const script = nodeScript(plan, node, { hostPort: undefined });
    for (const other of plan.nodes) {
      const expected = other === node ? 0 : 1;
      expect(
        script.ip.filter(
          (line) => line.startsWith(`route add 10.244.${other.number}.0/24 via`) && line.endsWith("dev vxlan0 onlink"),
        ),
      ).toHaveLength(expected);
      expect(
        script.ip.filter(
          (line) => line.startsWith(`neighbour add 10.244.${other.number}.0 `) && line.endsWith("nud permanent"),
        ),
      ).toHaveLength(expected);
      expect(script.bridge.filter((line) => line.endsWith(`dst ${other.nodeAddresses[0]}`))).toHaveLength(expected);
    }
  }
});

test.each([
  [20, 0],
  [21, 2 * 20],
])(
  "of %i nodes each is told %i hardware addresses of the others: more than 20 would fill the kernel's table by learning",
  (nodes, told) => {
    const plan = planLab("00beef", { ...SIX, nodes, ipv6: true });
    const { ip } = nodeScript(plan, plan.nodes[0]!, { hostPort: undefined });
    const lines = ip.filter((line) => /^neighbour add .* dev eth0 nud permanent$/.test(line));
    expect(lines).toHaveLength(told);
    // Only a device that is up keeps them.
    expect(lines.every((line) => ip.indexOf(line) > ip.indexOf("link set eth0 up"))).toBe(true);
  },
);

test("without IPv6 no script mentions an IPv6 address to add, and the family is switched off", () => {
  const plan = planLab("00beef", SIX);
  const scripts = [
    fabricScript(plan, { owner: "1:2:3" }),
    ...plan.nodes.flatMap((node) => [
      nodeScript(plan, node, { hostPort: undefined }),
      podScript(plan, node, { group: 0 }),
    ]),
  ];
  expect(scripts.flatMap((script) => script.ip).filter((line) => line.includes("fd00"))).toEqual([]);
  expect(scripts.every((script) => script.sysctls["net/ipv6/conf/all/disable_ipv6"] === "1")).toBe(true);
});

test("a host port is forwarded to the pod in both families", () => {
  const plan = planLab("00beef", { ...SIX, ipv6: true });
  const { nft } = nodeScript(plan, plan.nodes[1]!, { hostPort: 7843 });
  expect(nft).toContain("ip daddr 10.10.0.2 meta l4proto { tcp, udp } th dport 7843 dnat ip to 10.244.2.2");
  expect(nft).toContain("ip6 daddr fd00:10:10::2 meta l4proto { tcp, udp } th dport 7843 dnat ip6 to fd00:10:244:2::2");
});

test("every node sends a connection to the Service to any of all pods, in every family, when there is a Service", () => {
  const plan = planLab("00beef", { nodes: 3, zones: 3, ipv6: true });
  const nft = (servicePort: number | undefined) =>
    nodeScript(plan, plan.nodes[1]!, { hostPort: undefined, servicePort }).nft;
  expect(nft(7843)).toContain(
    "ip daddr 10.96.0.7 tcp dport 7843 dnat ip to numgen random mod 3 map { 0 : 10.244.1.2, 1 : 10.244.2.2, 2 : 10.244.3.2 }",
  );
  expect(nft(7843)).toContain("ip6 daddr fd00:10:96::7 tcp dport 7843 dnat ip6 to numgen random mod 3 map");
  expect(nft(undefined)).not.toContain("10.96.0.7");
});
