import { expect, test } from "vitest";
import { parseFault } from "../../../lab/faults/grammar.ts";
import { anyPacket, dropRuleset, protocolCondition } from "../../../lab/faults/packet-rules.ts";
import { planLab } from "../../../lab/plan.ts";

function ruleset(text: string, { ipv6 = false, condition = anyPacket("") } = {}): string[] {
  const fault = parseFault(text, planLab("00beef", { nodes: 3, zones: 1, ipv6 }).nodes);
  if (!("links" in fault)) throw new Error(`${text} is no fault of links`);
  return dropRuleset("fault_1", { links: fault.links, on: fault.on, condition })
    .split("\n")
    .map((line) => line.trim());
}

test("one way is one rule at the source's own port, and nothing at any other", () => {
  const rules = ruleset("drop node-1->node-2");
  expect(rules.filter((line) => line.includes("hook"))).toEqual([
    'type filter hook ingress device "port-1" priority 0; policy accept;',
  ]);
  expect(rules).toContain("ip saddr 10.10.0.1 ip daddr { 10.10.0.2 }  jump lost");
});

test("a fault of the pod network touches VXLAN only, one of the node network everything else", () => {
  const pod = ruleset("drop node-1->node-2 on pod");
  expect(pod.filter((line) => line.endsWith("jump lost"))).toEqual([
    "ip saddr 10.10.0.1 ip daddr { 10.10.0.2 } udp dport 8472  jump lost",
  ]);
  const node = ruleset("drop node-1->node-2 on node");
  const accept = node.indexOf("ip saddr 10.10.0.1 ip daddr { 10.10.0.2 } udp dport 8472 accept");
  expect(accept).toBeGreaterThan(0);
  expect(node.findIndex((line) => line.endsWith("jump lost"))).toBeGreaterThan(accept);
});

test("a fault of paths is where packets leave these, for every source, and nowhere else", () => {
  const { nodes, paths } = planLab("00beef", { nodes: 3, zones: 1, ipv6: false, paths: 4 });
  const fault = parseFault("drop all->node-3 via path-2,path-3", nodes, paths);
  if (!("links" in fault) || !("via" in fault)) throw new Error("it has neither links nor paths");
  const { links, on, via } = fault;
  const rules = dropRuleset("fault_1", { links, on, via, condition: anyPacket("") }).split("\n");
  expect(rules.filter((line) => line.includes("hook")).map((line) => /device "(.*?)"/.exec(line)![1])).toEqual([
    "path-2",
    "path-3",
  ]);
  for (const source of [1, 2])
    expect(rules.filter((line) => line.includes(`saddr 10.10.0.${source} `) && line.endsWith("accept"))).toHaveLength(
      2,
    );
});

test("the node's IPv6 address is hit where the lab has one, and not named where it has none", () => {
  expect(
    ruleset("drop node-1->node-2", { ipv6: true }).some((line) =>
      line.startsWith("ip6 saddr fd00:10:10::1 ip6 daddr { fd00:10:10::2 }"),
    ),
  ).toBe(true);
  expect(ruleset("drop node-1->node-2").some((line) => line.includes("ip6 saddr"))).toBe(false);
});

test("every packet of a link is counted once, however many expressions the condition has", () => {
  const rules = ruleset("drop node-1->node-2 on pod", { condition: protocolCondition("icmp") });
  expect(rules.filter((line) => line.endsWith("counter name matched"))).toHaveLength(1);
  expect(rules.filter((line) => line.endsWith("jump lost"))).toHaveLength(2);
});
