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
const node = (name: string): Subject => ({ kind: "node", node: name });
const pair = (a: string, b: string): Subject => ({ kind: "pair", nodes: [a, b] });

describe("a finding of loss", () => {
  test.each([
    ["the pair", pair("node-3", "node-1")],
    ["the node without the route", node("node-1")],
    ["the node that is not reached", node("node-3")],
  ])("of %s has the missing route as its first cause, and the command that shows it", (_, subject) => {
    const [told] = explainedBy([finding("IN-PAIR-CUT", subject)], [difference()]);
    expect(told!.causes.map(({ text }) => text)).toEqual([`${difference().text}.`, "The overlay or CNI."]);
    expect(told).toMatchObject({ next: "internode routes node-1 node-3" });
    expect(told!.cure).not.toBe("Look at it.");
  });

  test.each<[string, Finding, Difference]>([
    ["of other nodes", finding("IN-PAIR-CUT", pair("node-2", "node-3")), difference()],
    ["of one end with a third node", finding("IN-PAIR-CUT", pair("node-1", "node-2")), difference()],
    ["that is no fault", finding("IN-PAIR-CUT", pair("node-1", "node-3")), difference({ isFault: false })],
    ["of sizes, which lose nothing small", finding("IN-PAIR-CUT", node("node-1")), difference({ kind: "mtu-differs" })],
    ["of a sign", finding("IN-PAIR-CUT", node("node-1")), difference({ kind: "neighbour-unresolved" })],
    ["of loss, where DNS fails", finding("IN-DNS", node("node-1")), difference()],
    ["of a whole mesh", finding("IN-MESH-LOSS", { kind: "mesh" }), difference()],
  ])("is left as it is by a difference %s", (_, found, other) => {
    expect(explainedBy([found], [other])).toEqual([found]);
  });
});

test("large packets that vanish are explained by sizes alone", () => {
  const sizes = difference({ kind: "tunnel-mtu", part: "interfaces", text: "flannel.1 of node-1 has MTU 1500" });
  const [told] = explainedBy([finding("IN-PATH-MTU", node("node-1"))], [difference(), sizes]);
  expect(told!.causes.map(({ kind }) => kind)).toEqual(["tunnel-mtu", "cni"]);
});

test("a node that lost all its routes has three of them as causes, and not a hundred", () => {
  const all = Array.from({ length: 100 }, (_, i) => difference({ towards: `node-${i + 2}` }));
  const [told] = explainedBy([finding("IN-POD-NETWORK", node("node-1"))], all);
  expect(told!.causes).toHaveLength(4);
});

test("the nodes that findings of loss name are asked, once", () => {
  expect(
    nodesToAsk([
      finding("IN-PAIR-CUT", pair("node-1", "node-3")),
      finding("IN-POD-NETWORK", node("node-3")),
      finding("IN-DNS", node("node-5")),
      finding("IN-MESH-LOSS", { kind: "mesh" }),
    ]),
  ).toEqual(["node-1", "node-3"]);
});
