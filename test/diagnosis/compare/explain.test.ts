// A finding and what the kernels say: whose sentence becomes its first cause, and whose does not.
import { describe, expect, test } from "vitest";
import { explainedBy, nodesToAsk } from "../../../agent/diagnosis/compare/explain.ts";
import type { Difference } from "../../../agent/diagnosis/compare/difference.ts";
import type { Finding, FindingCode, Subject } from "../../../agent/model/finding.ts";

const finding = (code: FindingCode, subject: Subject): Finding => ({
  id: "1",
  code,
  subject,
  scope: { network: "pod" },
  text: "something",
  figures: {},
  confidence: 0.9,
  since: "2026-11-27T09:00:00Z",
  causes: [{ kind: "cni", text: "The overlay or CNI.", for: [], against: [] }],
  next: "kubectl get pods",
  cure: "Look at it.",
  runbook: "runbooks/x.md",
});
const difference = (other: Partial<Difference> = {}): Difference => ({
  kind: "route-missing",
  part: "routes",
  node: "node-1",
  towards: "node-3",
  isFault: true,
  text: "node-1 has no route to 10.244.3.0/24 of node-3 (every other node has one, by 10.88.0.3)",
  ...other,
});
/** As the kernels of these tell, all in one zone. */
const NODES = ["node-1", "node-2", "node-3", "node-4"].map((name) => ({ name, zone: "zone-a" }));
const explained = (found: Finding, differences: readonly Difference[], asked = NODES): Finding =>
  explainedBy([found], differences, asked)[0]!;
const node = (name: string): Subject => ({ kind: "node", node: name });
const pair = (a: string, b: string): Subject => ({ kind: "pair", nodes: [a, b] });

describe("a finding of loss", () => {
  test.each([
    ["the pair", pair("node-3", "node-1")],
    ["the node without the route", node("node-1")],
    ["the node that is not reached", node("node-3")],
  ])("of %s has the missing route as its first cause, and the command that shows it", (_, subject) => {
    const told = explained(finding("IN-PAIR-CUT", subject), [difference()]);
    expect(told.causes.map(({ text }) => text)).toEqual([`${difference().text}.`, "The overlay or CNI."]);
    expect(told).toMatchObject({ next: "internode routes node-1 node-3" });
    expect(told.cure).not.toBe("Look at it.");
  });

  test.each<[string, Finding, Difference]>([
    ["of other nodes", finding("IN-PAIR-CUT", pair("node-2", "node-3")), difference()],
    ["of one end with a third node", finding("IN-PAIR-CUT", pair("node-1", "node-2")), difference()],
    ["that is no fault", finding("IN-PAIR-CUT", pair("node-1", "node-3")), difference({ isFault: false })],
    ["of sizes, which lose nothing small", finding("IN-PAIR-CUT", node("node-1")), difference({ kind: "mtu-differs" })],
    ["of a sign", finding("IN-PAIR-CUT", node("node-1")), difference({ kind: "neighbour-unresolved" })],
    ["of loss, where DNS fails", finding("IN-DNS", node("node-1")), difference()],
    ["of loss, where it is slow", finding("IN-LATENCY", node("node-1")), difference()],
    ["of delay, where names are not looked up", finding("IN-DNS", node("node-1")), difference({ kind: "queue-drops" })],
    ["of a whole mesh", finding("IN-MESH-LOSS", { kind: "mesh" }), difference()],
  ])("is left as it is by a difference %s", (_, found, other) => {
    expect(explained(found, [other])).toBe(found);
  });
});

test.each<[FindingCode, Difference["kind"]]>([
  ["IN-PAIR-LOSS", "queue-drops"],
  ["IN-NODE-LOSS", "interface-drops"],
  ["IN-NODE-LOSS", "softnet-drops"],
  ["IN-DROPPED", "conntrack-full"],
  ["IN-SOME-PEERS", "neighbours-full"],
  ["IN-LATENCY", "queue-drops"],
  ["IN-LATENCY", "softnet-squeezes"],
  ["IN-DNS", "conntrack-full"],
  ["IN-SERVICE-PATH", "conntrack-full"],
])("%s of a node has what its kernel says of %s as its first cause", (code, kind) => {
  const isFault = kind !== "softnet-squeezes";
  const { towards: _, ...ofNode } = difference({
    kind,
    part: "counters",
    isFault,
    text: "the kernel of node-1 says so",
  });
  const subject = code === "IN-PAIR-LOSS" ? pair("node-1", "node-2") : node("node-1");
  const told = explained(finding(code, subject), [ofNode]);
  expect(told.causes[0]!.text).toBe("the kernel of node-1 says so.");
  expect(told.next).toBe("internode counters node-1");
});

test("what says why packets die comes before an interface's count of those that died, whichever node is named first", () => {
  const dropped = difference({
    kind: "interface-drops",
    part: "counters",
    text: "vxlan0 of node-1 dropped 212 packets",
  });
  const full = difference({ kind: "neighbours-full", part: "counters", node: "node-3", text: "the table is full" });
  const { towards: _, ...ofNode1 } = dropped;
  const { towards: __, ...ofNode3 } = full;
  const told = explained(finding("IN-PAIR-CUT", pair("node-1", "node-3")), [ofNode1, ofNode3]);
  expect(told.causes.map(({ kind }) => kind)).toEqual(["neighbour-full", "node-link", "cni"]);
  expect(told.next).toBe("internode counters node-3");
});

test("large packets that vanish are explained by sizes alone", () => {
  const sizes = difference({ kind: "tunnel-mtu", part: "interfaces", text: "flannel.1 of node-1 has MTU 1500" });
  const told = explained(finding("IN-PATH-MTU", node("node-1")), [difference(), sizes]);
  expect(told.causes.map(({ kind }) => kind)).toEqual(["tunnel-mtu", "cni"]);
});

test("a node that lost all its routes has three of them as causes, and not a hundred", () => {
  const all = Array.from({ length: 100 }, (_, i) => difference({ towards: `node-${i + 2}` }));
  const told = explained(finding("IN-POD-NETWORK", node("node-1")), all);
  expect(told.causes).toHaveLength(4);
});

describe("what kernels of many nodes tell alike", () => {
  const dropped = (name: string): Difference => {
    const { towards: _, ...own } = difference({ kind: "softnet-drops", part: "counters", node: name });
    return { ...own, text: `the kernel of ${name} dropped 100 packets in 30 s` };
  };
  const mesh: Subject = { kind: "mesh" };
  const zone: Subject = { kind: "zone", zone: "zone-b" };
  const inZones = ["zone-a", "zone-a", "zone-b", "zone-b"].map((name, i) => ({ name: `node-${i + 1}`, zone: name }));

  test("is the cause of what is lost everywhere, when most of them say so", () => {
    const told = explained(finding("IN-MESH-LOSS", mesh), ["node-1", "node-2", "node-4"].map(dropped));
    expect(told.causes[0]).toMatchObject({
      kind: "queue",
      text: "the kernel of node-1 dropped 100 packets in 30 s.",
      for: ["the kernels of the nodes say so", "2 more of its kind"],
    });
    expect(told.next).toBe("internode counters node-1");
  });

  test.each<[string, Subject, readonly string[]]>([
    ["half of the mesh", mesh, ["node-1", "node-2"]],
    ["one node", mesh, ["node-1"]],
    ["another zone", zone, ["node-1", "node-2"]],
    ["half of a zone", zone, ["node-1", "node-2", "node-3"]],
  ])("is no cause of it, of %s", (_, subject, names) => {
    const found = finding("IN-ZONE-LOSS", subject);
    expect(explained(found, names.map(dropped), inZones)).toBe(found);
  });

  test.each<[string, Subject]>([
    ["the zone", zone],
    ["what it has to do with another", { kind: "zone-pair", zones: ["zone-a", "zone-b"] }],
  ])("in a zone is the cause of what is lost by %s", (_, subject) => {
    const told = explained(finding("IN-ZONE-LOSS", subject), ["node-3", "node-4"].map(dropped), inZones);
    expect(told.causes[0]!.text).toBe("the kernel of node-3 dropped 100 packets in 30 s.");
  });
});

test("the nodes that findings of loss name are asked first and once, then those of the places that they name", () => {
  const nodes = Array.from({ length: 8 }, (_, i) => ({ name: `node-${i + 1}`, zone: i < 6 ? "zone-a" : "zone-b" }));
  const named = [
    finding("IN-PAIR-CUT", pair("node-1", "node-3")),
    finding("IN-POD-NETWORK", node("node-3")),
    finding("IN-DNS", node("node-5")),
    finding("IN-MASQUERADE", node("node-6")),
  ];
  expect(nodesToAsk(named, nodes)).toEqual(["node-1", "node-3", "node-5"]);
  const inZone = finding("IN-ZONE-LOSS", { kind: "zone", zone: "zone-b" });
  expect(nodesToAsk([inZone, ...named], nodes)).toEqual(["node-1", "node-3", "node-5", "node-7", "node-8"]);
  expect(nodesToAsk([finding("IN-MESH-LOSS", { kind: "mesh" })], nodes)).toHaveLength(8);
});
