import { expect, test } from "vitest";
import { CHECKS, checkup } from "../../agent/diagnosis/checkup.ts";
import { evidenceFromSnapshot } from "../../agent/diagnosis/evidence/from-snapshot.ts";
import { Judge } from "../../agent/diagnosis/judge.ts";
import { NETWORK_CHECKS, type Verdict } from "../../agent/model/finding.ts";
import { sampleSnapshot, type SampleMesh } from "../support/sample-mesh.ts";
import { SimMesh } from "./sim/mesh.ts";
import { tuningRandom } from "./sim/random.ts";

function checksOf(mesh: SampleMesh) {
  const snapshot = sampleSnapshot(mesh);
  const judge = new Judge();
  const moments = [0, 10, 20].map((seconds) => new Date(Date.parse(snapshot.at) + seconds * 1_000).toISOString());
  const [, , verdict] = moments.map((at) =>
    judge.judge(evidenceFromSnapshot({ ...snapshot, at, rows: snapshot.rows.map((row) => ({ ...row, at })) })),
  ) as [Verdict, Verdict, Verdict];
  return { verdict, snapshot, checks: new Map(checkup(verdict, snapshot).map((check) => [check.name, check])) };
}

test("all checks are listed, those of Kubernetes' network model first, also when nothing is wrong", () => {
  const { checks } = checksOf({ nodes: 6, zones: 2 });
  expect([...checks.keys()]).toEqual([...NETWORK_CHECKS, ...CHECKS]);
  expect([...checks.values()].filter(({ state }) => state === "broken")).toEqual([]);
  expect(checks.get("nodes")).toMatchObject({ state: "holds", text: "6 nodes, none loses its peers." });
  expect(checks.get("path-mtu")!.text).toMatch(/^30 ordered pairs, packets of \d+ bytes and less pass everywhere\.$/);
  expect(checks.get("pods-reach-pods")!.text).toBe("30 of 30 measured pairs reach each other.");
});

test("while a check is broken and nobody is blamed yet, nothing is said to be fine", () => {
  const nodes = Array.from("aabbcc", (zone, i) => ({ name: `node-${i + 1}`, zone }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(3) });
  const [judge, begins] = [new Judge(), mesh.second + 65];
  for (const [a, b] of [
    [0, 3],
    [2, 5],
  ])
    mesh.sources.push({
      edges: mesh.directed((from, to) => (from === a && to === b) || (from === b && to === a)),
      chance: () => 1,
      most: 1,
      begins,
    });
  const waiting: Verdict[] = [];
  const found = new Set<string>();
  while (mesh.second < begins + 60) {
    mesh.advance(3);
    const verdict = judge.judge(mesh.evidence());
    const isBroken = verdict.checks.some(({ state }) => state === "broken");
    if (isBroken && verdict.findings.length === 0) waiting.push(verdict);
    else found.add(verdict.state);
  }
  expect([...found]).toEqual(["fine", "broken"]);
  expect(waiting.length).toBeGreaterThan(0);
  for (const { state, text } of waiting) {
    expect(state).toBe("undecided");
    expect(text).toMatch(/^Not every pod reaches every pod: .* What is at fault is not known yet\.$/);
  }
});

test("what no row tells is unknown, and not fine", () => {
  const { checks } = checksOf({ nodes: 6, zones: 2 });
  expect(checks.get("routes")!.state).toBe("unknown");
  expect(checks.get("dns")!.state).toBe("unknown");
});

test("of nodes and zones nothing is said where most agents do not report", () => {
  const { verdict } = checksOf({ nodes: 6, zones: 2 });
  const { rows, ...snapshot } = sampleSnapshot({ nodes: 6, zones: 2 });
  const few = (reporting: number) => {
    const missing = rows.slice(reporting).map(({ source }) => ({ node: source, reason: "no answer" }));
    const checks = checkup(verdict, { ...snapshot, rows: rows.slice(0, reporting), missing });
    return checks
      .filter(({ name }) => name === "nodes" || name === "zones")
      .map(({ state, text }) => `${state}: ${text}`);
  };
  expect(few(2)).toEqual(Array(2).fill("unknown: 2 of 6 agents report: too few to tell."));
  expect(few(0)).toEqual(Array(2).fill("unknown: No agent reports."));
  expect(few(4)).toEqual(["holds: 6 nodes, none loses its peers.", "holds: 2 zones, none stands out."]);
});

test("a pair is one pair, on however many networks its sizes were measured", () => {
  const { verdict, snapshot } = checksOf({ nodes: 3, zones: 3 });
  const rows = snapshot.rows.map((row) => ({
    ...row,
    pathMtu: row.pathMtu.flatMap((one) => [one, { ...one, network: "node" as const }]),
  }));
  const [mtu] = checkup(verdict, { ...snapshot, rows }).filter(({ name }) => name === "path-mtu");
  expect(mtu!.text).toMatch(/^6 ordered pairs, /);
});

test("zones that are fine do not deny what two of their nodes lose", () => {
  const { verdict, checks } = checksOf({
    nodes: 6,
    zones: 3,
    loss: [
      { from: "node-1", to: "node-6", ratio: 0.5 },
      { from: "node-6", to: "node-1", ratio: 0.5 },
    ],
  });
  expect(verdict.findings.map(({ code }) => code)).toEqual(["IN-PAIR-LOSS"]);
  expect(checks.get("pairs")!.state).toBe("broken");
  expect(checks.get("zones")!.text).toBe("3 zones, none stands out.");
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

/** What the judge says of a mesh of six after `seconds` of a fault, having watched it calm for five minutes. */
function reachAfter(
  seconds: number,
  fault: { readonly node: number; readonly chance: number; readonly dies: boolean },
) {
  const nodes = Array.from({ length: 6 }, (_, i) => ({ name: `node-${i + 1}`, zone: "a" }));
  const mesh = new SimMesh({ nodes, random: tuningRandom(seconds) });
  const judge = new Judge();
  let verdict = judge.judge(mesh.evidence());
  const until = (end: number) => {
    while (mesh.second < end) {
      mesh.advance(10);
      if (fault.dies && mesh.second > begins) mesh.silentUntil.set(fault.node, mesh.second + 1);
      verdict = judge.judge(mesh.evidence());
    }
  };
  let begins = Number.POSITIVE_INFINITY;
  until(300);
  begins = mesh.second;
  const edges = mesh.directed((from, to) => from === fault.node || to === fault.node);
  mesh.sources.push({ edges, chance: () => fault.chance, most: fault.chance, begins, ends: Number.POSITIVE_INFINITY });
  until(begins + seconds);
  return verdict;
}

test.each([20, 30, 40, 60])("%i s after a node has died its finding and the check of reach agree", (seconds) => {
  const { findings, checks } = reachAfter(seconds, { node: 5, chance: 1, dies: true });
  expect(findings.map(({ code }) => code)).toEqual(["IN-NODE-DOWN"]);
  for (const name of ["pods-reach-pods", "pods-and-nodes"])
    expect(checks.find((check) => check.name === name)).toMatchObject({
      state: "broken",
      text: expect.stringMatching(/2[05] of 30 measured pairs reach each other/),
      findings: [findings[0]!.id],
    });
});

test("a pair that loses one packet in three still reaches", () => {
  const { checks } = reachAfter(60, { node: 5, chance: 0.33, dies: false });
  expect(checks.find(({ name }) => name === "pods-reach-pods")).toMatchObject({ state: "holds" });
});
