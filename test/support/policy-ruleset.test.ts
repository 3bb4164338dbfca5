import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { policyRuleset, type NetworkPolicy } from "./policy-ruleset.ts";
import { needs } from "./needs.ts";

const { test: labTest } = await needs("namespaces");

const AGENTS = { matchLabels: { app: "internode" } };
const spec = (...ingress: NetworkPolicy["spec"]["ingress"]): NetworkPolicy["spec"] => ({
  podSelector: AGENTS,
  policyTypes: ["Ingress"],
  ingress,
});
const rulesOf = (script: string, chain = "ingress"): string[] =>
  new RegExp(`chain ${chain} \\{\\n([^}]*)\\}`)
    .exec(script)![1]!
    .trim()
    .split("\n")
    .map((line) => line.trim());

test("peers without ports may send anything, ports without peers are open to everyone, all else is dropped", () => {
  const other = { matchLabels: { app: "prometheus" } };
  const { selectors, script } = policyRuleset(
    spec({ from: [{ podSelector: other }] }, { ports: [{ port: 9843 }, { port: 53, protocol: "UDP" }] }),
  );
  expect(selectors).toEqual([AGENTS, other]);
  expect(rulesOf(script)).toEqual([
    "ip saddr @pods1 accept",
    "tcp dport 9843 accept",
    "udp dport 53 accept",
    "counter drop",
  ]);
});

test("ports of a peer are open to that peer alone", () => {
  expect(rulesOf(policyRuleset(spec({ from: [{ podSelector: AGENTS }], ports: [{ port: 7843 }] })).script)).toEqual([
    "ip saddr @pods1 tcp dport 7843 accept",
    "counter drop",
  ]);
});

test("a policy without rules drops everything", () => {
  expect(rulesOf(policyRuleset(spec()).script)).toEqual(["counter drop"]);
});

const BOTH: NetworkPolicy["spec"] = {
  ...spec({ from: [{ podSelector: AGENTS }] }, { ports: [{ port: 9843 }] }),
  policyTypes: ["Ingress", "Egress"],
  egress: [
    { to: [{ podSelector: AGENTS }] },
    { to: [{ ipBlock: { cidr: "10.0.0.0/16" } }, { ipBlock: { cidr: "fd00::/48" } }] },
    { ports: [{ port: 53, protocol: "UDP" }] },
  ],
};

test("what may leave is let in only where it may enter, too, and IPv6 ranges say nothing of IPv4", () => {
  const { selectors, script } = policyRuleset(BOTH);
  expect(selectors).toEqual([AGENTS, AGENTS, AGENTS]);
  expect(rulesOf(script, "egress")).toEqual([
    "ip daddr @pods1 return",
    "ip daddr 10.0.0.0/16 return",
    "udp dport 53 return",
    "counter drop",
  ]);
  expect(rulesOf(script)).toEqual(["ip saddr @pods2 accept", "tcp dport 9843 accept", "counter drop"]);
  expect(rulesOf(script, "forward").slice(-2)).toEqual(["ip saddr @pods0 jump egress", "ip daddr @pods0 jump ingress"]);
});

test("a policy of ingress alone drops nothing that leaves", () => {
  expect(rulesOf(policyRuleset(spec()).script, "egress")).toEqual(["counter return"]);
});

labTest("nft understands what is written", () => {
  const { script } = policyRuleset(BOTH);
  expect(() =>
    execFileSync("unshare", ["-n", "nft", "--check", "-f", "-"], {
      input: script,
      stdio: ["pipe", "ignore", "pipe"],
    }),
  ).not.toThrow();
});

test.each<[string, NetworkPolicy["spec"], string]>([
  ["egress alone", { ...spec(), policyTypes: ["Egress"] }, "types Egress cannot be laid"],
  [
    "a range with exceptions",
    spec({ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: [] } as { cidr: string } }] }),
    "cannot be laid",
  ],
  ["a list of no peers", spec({ from: [] }), "an empty list of peers"],
  ["a peer that is no selector of pods", spec({ from: [{}] }), "cannot be laid"],
])("%s is refused, not laid wrongly", (_, policy, complaint) => {
  expect(() => policyRuleset(policy)).toThrow(complaint);
});
