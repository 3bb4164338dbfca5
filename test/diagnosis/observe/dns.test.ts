// Cluster DNS as rows tell it: which nodes cannot look names up, and which names.
import { expect, test } from "vitest";
import { evidenceFromSnapshot } from "../../../agent/diagnosis/evidence/from-snapshot.ts";
import { Judge } from "../../../agent/diagnosis/judge.ts";
import { subjectName, type Finding } from "../../../agent/model/finding.ts";
import type { DnsWindow } from "../../../agent/model/snapshot.ts";
import { sampleSnapshot } from "../../support/sample-mesh.ts";

const MESH = sampleSnapshot({ nodes: 5, zones: 1 });

function judged(dnsOf: (node: string) => readonly DnsWindow[] | undefined, mesh = MESH): readonly Finding[] {
  const judge = new Judge();
  let findings: readonly Finding[] = [];
  for (let i = 0; i < 3; i++) {
    const at = new Date(Date.parse(mesh.at) + i * 10_000).toISOString();
    const rows = mesh.rows.map((row) => {
      const dns = dnsOf(row.source.name);
      return { ...row, at, ...(dns && { dns }) };
    });
    findings = judge.judge(evidenceFromSnapshot({ ...mesh, at, rows })).findings;
  }
  return findings;
}

const window = (failures: number, names = "cluster"): DnsWindow => ({ server: "pod", names, lookups: 12, failures });

test("a node whose lookups fail is that node's way to DNS, which others have not lost", () => {
  const findings = judged((node) => [window(node === "node-2" ? 12 : 0)]);
  expect(findings.map(({ code, subject }) => `${code} ${subjectName(subject)}`)).toEqual(["IN-DNS node-2"]);
  expect(findings[0]!.causes).toMatchObject([
    {
      kind: "dns-path",
      for: ["12 of 12 failed in a minute on 1 of 5 nodes", "what fails: cluster names at the server 'pod'"],
      against: [],
    },
  ]);
});

test("lookups have failed since as much of the minute as fails of them", () => {
  const [finding] = judged((node) => [window(node === "node-2" ? 6 : 0)]);
  const seconds = (Date.parse(MESH.at) + 10_000 - Date.parse(finding!.since)) / 1_000;
  // Half of twelve, by the first look or the second.
  expect(seconds).toBeGreaterThanOrEqual(29);
  expect(seconds).toBeLessThanOrEqual(41);
});

test("lookups that fail everywhere are the servers', and of other names than the cluster's only those that they ask on", () => {
  const findings = judged(() => [window(0), window(12, "external")]);
  expect(findings.map(({ code, subject }) => `${code} ${subjectName(subject)}`)).toEqual(["IN-DNS mesh"]);
  expect(findings[0]!.causes[0]).toMatchObject({ kind: "dns-server" });
  expect(findings[0]!.causes[0]!.for).toContain(
    "the cluster's own names are answered: it is where others are asked on",
  );
});

test("what a row says of servers and names is taken over where it is a word, and a few of them", () => {
  const words = Array.from({ length: 10 }, (_, i) => window(12, String.fromCodePoint(97 + i).repeat(3)));
  const findings = judged(() => [...words, window(12, "<b>reboot all</b>")]);
  expect(findings[0]!.causes[0]!.for.join()).toContain("ddd names at the server 'pod' and 6 more");
  expect(JSON.stringify(findings)).not.toContain("reboot");
});

test("one lookup that fails, and agents that tell nothing of DNS, are no finding", () => {
  expect(judged((node) => (node === "node-1" ? [window(1)] : undefined))).toEqual([]);
});

test("where a node reaches no pod its lookups fail for that, and where it reaches some, most of them do not", () => {
  const cut = (ratio: number) =>
    sampleSnapshot({
      nodes: 5,
      zones: 1,
      loss: ["node-1", "node-3", "node-4", "node-5"].flatMap((other) => [
        { from: "node-2", to: other, ratio },
        { from: other, to: "node-2", ratio },
      ]),
    });
  const codes = (ratio: number): readonly string[] =>
    judged((node) => [window(node === "node-2" ? 12 : 0)], cut(ratio)).map(({ code }) => code);
  expect(codes(1)).toEqual(["IN-NODE-LOSS"]);
  expect(codes(0.2).toSorted()).toEqual(["IN-DNS", "IN-NODE-LOSS"]);
});

const CLUSTER = { server: "cluster", address: "10.96.0.10", names: "cluster", lookups: 12 };
const POD = { server: "pod", address: "10.244.1.2", names: "cluster", lookups: 12 };

test("one pod behind cluster DNS that is going is no finding while its Service answers", () => {
  expect(
    judged(() => [
      { ...CLUSTER, failures: 0 },
      { ...POD, failures: 6 },
    ]),
  ).toEqual([]);
});

test("a Service of DNS that fails while its pods answer is the way to it, and not the servers", () => {
  const [finding] = judged((node) => [
    { ...CLUSTER, failures: node === "node-2" ? 12 : 0 },
    { ...POD, failures: 0 },
  ]);
  expect(finding!.causes[0]).toMatchObject({ kind: "dns-path" });
  expect(finding!.causes[0]!.for).toContain("each pod behind it answers when it is asked for itself");
});

test("pods that do not answer are told where lookups at the Service fail too", () => {
  const [finding] = judged(() => [
    { ...CLUSTER, failures: 6 },
    { ...POD, failures: 12 },
    { ...POD, address: "10.244.2.2", failures: 0 },
  ]);
  expect(finding!.causes[0]).toMatchObject({ kind: "dns-server" });
  expect(finding!.causes[0]!.for).toContain("1 of 2 pods behind it does not answer when it is asked for itself");
});
