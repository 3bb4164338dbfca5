// What another judge says, at the border: a lie may name findings that are none, and nothing worse.
import { expect, test } from "vitest";
import { JudgeMemory } from "../../agent/judge/memory.ts";
import { evidenceFromSnapshot } from "../../agent/diagnosis/evidence/from-snapshot.ts";
import type { Finding, Findings } from "../../agent/model/finding.ts";
import { parseFindings, parseVerdict } from "../../agent/peers/finding-schema.ts";
import { goldenSnapshot } from "../api/golden.ts";
import { sampleSnapshot } from "../support/sample-mesh.ts";

const evidence = () => evidenceFromSnapshot(goldenSnapshot());
const said = async (): Promise<Findings> =>
  JSON.parse(JSON.stringify(await new JudgeMemory({ seenBeforeSeconds: 60 }).judge(evidence()))) as Findings;

test("what a judge writes is read unchanged by another", async () => {
  const findings = await said();
  expect(findings.findings.length).toBeGreaterThan(2);
  expect(parseFindings(findings)).toEqual(findings);
});

test.each([
  ["a code that a newer judge has", { code: "IN-NEW" }],
  ["a confidence above 1", { confidence: 7 }],
  ["a text of a megabyte", { text: "x".repeat(1_000_000) }],
  ["a moment that is none", { since: "yesterday" }],
  ["a subject of an unknown kind", { subject: { kind: "planet" } }],
])("a finding with %s is left out, the others stand", async (_, lie) => {
  const findings = await said();
  const [first, ...rest] = findings.findings;
  expect(parseVerdict({ ...findings, findings: [{ ...first, ...lie }, ...rest] })?.findings).toEqual(rest);
});

test.each([[null], ["{}"], [{}], [[]], [{ schemaVersion: 2 }]])("%j is no verdict", (nonsense) => {
  expect(parseVerdict(nonsense)).toBeUndefined();
  expect(parseFindings(nonsense)).toBeUndefined();
});

test("findings of a lying judge about nodes that nobody knows, or about the future, are not taken over", async () => {
  const lie = (await said()).findings.find(({ subject }) => subject.kind === "node")!;
  const stranger: Finding = { ...lie, id: "a", subject: { kind: "node", node: "visit-evil.example" } };
  const future: Finding = { ...lie, id: "b", since: "2099-01-01T00:00:00.000Z" };
  const calm = evidenceFromSnapshot(sampleSnapshot({ nodes: 6, zones: 1 }));
  const memory = new JudgeMemory();
  const names = new Set(calm.nodes.map(({ node }) => node.name));
  memory.adopt({ ...(await said()), findings: [stranger, future], ended: [] }, { names, nowSeconds: calm.atSeconds });
  expect((await memory.judge(calm)).findings).toEqual([]);
});

test("a finding that a lying judge made up ends like any other when the rows do not bear it out", async () => {
  const calm = evidenceFromSnapshot(sampleSnapshot({ nodes: 6, zones: 1 }));
  const names = new Set(calm.nodes.map(({ node }) => node.name));
  const lie = (await said()).findings.find(({ code }) => code === "IN-NODE-DOWN")!;
  const memory = new JudgeMemory();
  const since = new Date(calm.atSeconds * 1_000).toISOString();
  memory.adopt(
    { ...(await said()), findings: [{ ...lie, since, subject: { kind: "node", node: "node-2" } }], ended: [] },
    { names, nowSeconds: calm.atSeconds },
  );
  const later = (seconds: number) =>
    memory.judge({
      ...calm,
      atSeconds: calm.atSeconds + seconds,
      nodes: calm.nodes.map((node) => ({
        ...node,
        agent: { ...node.agent!, ownSeconds: node.agent!.ownSeconds + seconds },
      })),
    });
  expect((await later(0)).findings).toHaveLength(1);
  let open = 1;
  for (let seconds = 10; seconds <= 300; seconds += 10) open = (await later(seconds)).findings.length;
  expect(open).toBe(0);
});
