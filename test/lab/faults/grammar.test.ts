import { expect, test } from "vitest";
import { FaultSyntaxError, GRAMMAR, parseFault } from "../../../lab/faults/grammar.ts";
import { FAULTS } from "../../../lab/faults/table.ts";
import { planLab } from "../../../lab/plan.ts";

const { nodes } = planLab("00beef", { nodes: 6, zones: 3, ipv6: false });
const parse = (text: string) => parseFault(text, nodes);
const linksOf = (text: string): string[] => {
  const fault = parse(text);
  return "links" in fault ? fault.links.map(({ from, to }) => `${from.number}>${to.number}`).sort() : [];
};

test("an arrow is one way, a double arrow both, and a node alone is all of its links both ways", () => {
  expect(linksOf("loss node-2->node-4 20%")).toEqual(["2>4"]);
  expect(linksOf("loss node-2<-node-4 20%")).toEqual(["4>2"]);
  expect(linksOf("loss node-2<->node-4 20%")).toEqual(["2>4", "4>2"]);
  expect(linksOf("loss node-2 20%")).toEqual(["1>2", "2>1", "2>3", "2>4", "2>5", "2>6", "3>2", "4>2", "5>2", "6>2"]);
});

test("a zone stands for its nodes, and 'all' for everyone, without a link from a node to itself and none twice", () => {
  expect(linksOf("drop zone-a->zone-b")).toEqual(["1>3", "1>4", "2>3", "2>4"]);
  expect(linksOf("drop all")).toHaveLength(30);
  expect(new Set(linksOf("drop all<->all")).size).toBe(30);
  expect(linksOf("drop all<->all")).toHaveLength(30);
  expect(linksOf("drop zone-a->all")).toHaveLength(10);
});

test.each([
  ["loss node-1->node-2 0.1%", { kind: "loss", ratio: 0.001, on: ["pod", "node"] }],
  ["loss node-1->node-2 20% on pod", { kind: "loss", ratio: 0.2, on: ["pod"] }],
  ["drop node-1 on node", { kind: "drop", on: ["node"] }],
  ["delay node-1->node-2 20ms", { kind: "delay", delayMs: 20, on: ["pod", "node"] }],
  ["delay node-1->node-2 1.5s on node", { kind: "delay", delayMs: 1_500, on: ["node"] }],
  ["reorder all 5%", { kind: "reorder", ratio: 0.05 }],
  ["duplicate node-1->node-2 100%", { kind: "duplicate", ratio: 1 }],
  ["corrupt node-1->node-2 5%", { kind: "corrupt", ratio: 0.05, isSilent: false, on: ["pod", "node"] }],
  ["corrupt node-1->node-2 5% silent on pod", { kind: "corrupt", isSilent: true, on: ["pod"] }],
  ["mtu node-1 1300", { kind: "mtu", bytes: 1_300, on: ["pod"] }],
  ["mtu node-1->node-2 1499 on node", { kind: "mtu", bytes: 1_499, on: ["node"] }],
  ["neighbours-full node-1->node-2", { kind: "neighbours-full", links: [{ from: nodes[0], to: nodes[1] }] }],
  ["softnet node-1->node-2 drops", { kind: "softnet", effect: "drops", links: [{ from: nodes[0], to: nodes[1] }] }],
  ["softnet node-1->node-2 squeezes", { kind: "softnet", effect: "squeezes" }],
  ["link-mtu node-1 1400", { kind: "link-mtu", bytes: 1_400 }],
  ["throttle zone-a 64kbit", { kind: "throttle", bitsPerSecond: 64_000 }],
  ["throttle node-1 1.5mbit", { kind: "throttle", bitsPerSecond: 1_500_000 }],
  ["filter all udp", { kind: "filter", protocol: "udp", on: ["pod", "node"] }],
  ["reject all tcp", { kind: "reject", protocol: "tcp", on: ["pod"] }],
  ["unroute node-1->node-2", { kind: "unroute", on: ["pod"] }],
  ["misdirect zone-a<->zone-b", { kind: "misdirect", on: ["pod"] }],
  ["starve node-1 5%", { kind: "starve", ratio: 0.05 }],
  [
    "loss node-1->node-2 30% on pod for 2s every 10s",
    { ratio: 0.3, on: ["pod"], pulse: { forMs: 2_000, everyMs: 10_000 } },
  ],
  ["dns node-2 silent", { kind: "dns", answer: { kind: "silent" } }],
  ["dns zone-a servfail", { kind: "dns", answer: { kind: "servfail" } }],
  ["dns node-2 2s for 10s every 60s", { answer: { kind: "late", afterMs: 2_000 }, pulse: { forMs: 10_000 } }],
  ["unroute node-1 for 500ms every 5s", { kind: "unroute", pulse: { forMs: 500, everyMs: 5_000 } }],
])("'%s' is understood", (text, expected) => {
  expect(parse(text)).toMatchObject(expected);
});

test.each(["freeze", "kill", "service-path", "conntrack-full"])("%s takes a node, a zone or all", (kind) => {
  expect(parse(`${kind} zone-b`)).toMatchObject({ kind, nodes: [nodes[2], nodes[3]] });
});

test("several places stand for their nodes, each once", () => {
  expect(linksOf("drop node-1,node-2->node-4")).toEqual(["1>4", "2>4"]);
  expect(linksOf("drop zone-a,node-2->node-4,node-2")).toEqual(["1>2", "1>4", "2>4"]);
  expect(parse("rack node-5,node-2,zone-a 5%")).toMatchObject({
    kind: "rack",
    ratio: 0.05,
    nodes: [nodes[0], nodes[1], nodes[4]],
  });
  expect(() => parse("rack node-2,node-9 5%")).toThrow("no node or zone 'node-9'");
});

test("a path is one of a lab with several, and several may be named", () => {
  const { nodes, paths } = planLab("00beef", { nodes: 3, zones: 1, ipv6: false, paths: 4 });
  const viaOf = (text: string): readonly string[] => {
    const fault = parseFault(text, nodes, paths);
    return "via" in fault ? fault.via.map(({ name }) => name) : [];
  };
  expect(viaOf("drop all via path-2")).toEqual(["path-2"]);
  expect(viaOf("loss node-1 5% on pod via path-1,path-4")).toEqual(["path-1", "path-4"]);
  expect(viaOf("drop all")).toEqual([]);
  expect(() => viaOf("drop all via path-5")).toThrow("no path 'path-5'; there are path-1, path-2, path-3, path-4");
  expect(() => viaOf("delay all 5ms via path-1")).toThrow("'via path-1' at its end means nothing");
  expect(() => parse("drop all via path-1")).toThrow("there is one way only; a lab with '--paths 4'");
});

test("spaces around an arrow and a typeset arrow mean the same, and the text is kept tidy", () => {
  expect(parse("  loss  node-1 ->  node-2   5% ").text).toBe("loss node-1->node-2 5%");
  expect(linksOf("loss node-1→node-2 5%")).toEqual(["1>2"]);
  expect(linksOf("loss node-1 ↔ node-2 5%")).toEqual(["1>2", "2>1"]);
});

test.each([
  ["", "a kind of fault"],
  ["lose node-1 5%", "'lose' is no kind of fault"],
  ["loss", "where: A->B"],
  ["loss node-1->node-2", "a percentage such as 20%"],
  ["loss node-1->node-2 20", "'20' is no percentage"],
  ["loss node-1->node-2 0%", "'0%' is no percentage"],
  ["loss node-1->node-2 101%", "'101%' is no percentage"],
  ["loss node-1->node-2 -5%", "'-5%' is no percentage"],
  ["loss node-9->node-2 5%", "no node or zone 'node-9'; there are node-1, node-2"],
  ["loss node-1-> 5%", "no node or zone"],
  ["loss node-1- 5%", "put the fault in quotes"],
  ["loss node-1->node-1 5%", "no link between them"],
  ["loss node-1->node-2 5% on both", "'both' is no network; there are pod and node"],
  ["loss node-1->node-2 5% on", "a network after 'on'"],
  ["loss node-1->node-2 5% silent", "'silent' at its end means nothing"],
  ["drop node-1 5%", "'5%' at its end means nothing"],
  ["delay node-1->node-2 20", "'20' is no delay"],
  ["delay node-1->node-2 0ms", "'0ms' is no delay"],
  ["delay node-1->node-2 2m", "'2m' is no delay"],
  ["softnet node-1->node-2", "drops or squeezes"],
  ["softnet all drops", "one node floods one other"],
  ["softnet node-1->node-2 loses", "'loses' is neither drops nor squeezes"],
  ["mtu node-1 1450", "'1450' is no size of IP packet from 68 to 1449"],
  ["mtu node-1 1500 on node", "less than the 1500 that pass now"],
  ["mtu node-1 67", "'67' is no size"],
  ["filter node-1 sctp", "'sctp' is no protocol; there are icmp, tcp, udp"],
  ["starve node-1 0.5%", "from 1% to 100%"],
  ["freeze node-1 node-2", "'node-2' at its end means nothing"],
  ["dns node-1", "how it answers: silent, servfail or a delay"],
  ["dns node-1 nxdomain", "'nxdomain' is no way to answer"],
  ["drop node-1 for 5s", "'every 30s' behind it"],
  ["drop node-1 for 5s every", "how often it comes"],
  ["drop node-1 for ever", "'ever' is no time from 0.2s to 3600s"],
  ["drop node-1 for 5s every 5s", "would not go in between"],
  ["drop node-1 every 5s", "'every 5s' at its end means nothing"],
  ["kill node-1->node-2", "no node or zone 'node-1->node-2'"],
])("'%s' is refused with what was not understood and with the grammar", (text, words) => {
  expect(() => parse(text)).toThrow(FaultSyntaxError);
  expect(() => parse(text)).toThrow(words);
  expect(() => parse(text)).toThrow(GRAMMAR);
});

test("every example and kind of the table is in the grammar", () => {
  for (const [kind, { example }] of Object.entries(FAULTS)) {
    expect(parse(example).kind).toBe(kind);
    expect(GRAMMAR).toContain(`${kind} `);
  }
});
