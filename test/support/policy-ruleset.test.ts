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
const rulesOf = (script: string): string[] =>
  /chain ingress \{\n([^}]*)\}/
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

labTest("nft understands what is written", () => {
  const { script } = policyRuleset(spec({ from: [{ podSelector: AGENTS }] }, { ports: [{ port: 9843 }] }));
  expect(() =>
    execFileSync("unshare", ["-n", "nft", "--check", "-f", "-"], {
      input: script,
      stdio: ["pipe", "ignore", "pipe"],
    }),
  ).not.toThrow();
});

test.each<[string, NetworkPolicy["spec"], string]>([
  ["egress", { ...spec(), policyTypes: ["Ingress", "Egress"] }, "only Ingress"],
  ["a list of no peers", spec({ from: [] }), "an empty list of peers"],
  ["a peer that is no selector of pods", spec({ from: [{}] }), "cannot be laid"],
])("%s is refused, not laid wrongly", (_, policy, complaint) => {
  expect(() => policyRuleset(policy)).toThrow(complaint);
});
