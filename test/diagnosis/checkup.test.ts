import { expect, test } from "vitest";
import { CHECKS, checkup } from "../../agent/diagnosis/checkup.ts";
import { evidenceFromSnapshot } from "../../agent/diagnosis/evidence/from-snapshot.ts";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { NETWORK_CHECKS, type Verdict } from "../../agent/model/finding.ts";
import { sampleSnapshot, type SampleMesh } from "../support/sample-mesh.ts";

function checksOf(mesh: SampleMesh) {
  const snapshot = sampleSnapshot(mesh);
  const judge = new Judge();
  const moments = [0, 10, 20].map((seconds) => new Date(Date.parse(snapshot.at) + seconds * 1_000).toISOString());
  const [, , verdict] = moments.map((at) =>
    judge.judge(evidenceFromSnapshot({ ...snapshot, at, rows: snapshot.rows.map((row) => ({ ...row, at })) })),
  ) as [Verdict, Verdict, Verdict];
  return { verdict, checks: new Map(checkup(verdict, snapshot).map((check) => [check.name, check])) };
}

test("all checks are listed, those of Kubernetes' network model first, also when nothing is wrong", () => {
  const { checks } = checksOf({ nodes: 6, zones: 2 });
  expect([...checks.keys()]).toEqual([...NETWORK_CHECKS, ...CHECKS]);
  expect([...checks.values()].filter(({ state }) => state === "broken")).toEqual([]);
  expect(checks.get("nodes")).toMatchObject({ state: "holds", text: "6 nodes, none loses its peers." });
  expect(checks.get("path-mtu")!.text).toMatch(/^30 ordered pairs, packets of \d+ bytes and less pass everywhere\.$/);
  expect(checks.get("pods-reach-pods")!.text).toBe("30 of 30 measured pairs reach each other.");
});

test("what no row tells is unknown, and not fine", () => {
  const { checks } = checksOf({ nodes: 6, zones: 2 });
  expect(checks.get("routes")!.state).toBe("unknown");
  expect(checks.get("dns")!.state).toBe("unknown");
});

test("what the mesh does not have is absent, and no warning", () => {
  const { checks } = checksOf({ nodes: 3, zones: 1 });
  expect(checks.get("zones")!.state).toBe("absent");
  expect(checks.get("service-path")!.state).toBe("absent");
});

test("a dead node breaks the check of nodes by its finding, and its missing row is told of", () => {
  const { verdict, checks } = checksOf({ nodes: 6, zones: 2, dead: { "node-6": "no answer" } });
  expect(checks.get("nodes")).toMatchObject({ state: "broken", findings: [verdict.findings[0]!.id] });
  expect(checks.get("agents")).toMatchObject({ state: "unknown", text: "5 of 6 agents report." });
});

test("every finding breaks exactly one check beside those of the network model", () => {
  const { verdict, checks } = checksOf({
    nodes: 8,
    zones: 2,
    dead: { "node-8": "no answer" },
    tcpRefused: ["node-2"],
    mtuShortfall: [{ from: "node-1", to: "node-3", passesBytes: 1200 }],
  });
  expect(verdict.findings.length).toBeGreaterThan(1);
  const parts = CHECKS.flatMap((name) => checks.get(name)!.findings);
  expect([...parts].sort()).toEqual(verdict.findings.map(({ id }) => id).sort());
});
