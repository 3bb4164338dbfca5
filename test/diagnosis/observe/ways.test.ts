// Changed routes by the number of hops: named by themselves where a node's whole traffic took another way, and as a cause
// of what began with them.
import { describe, expect, test } from "vitest";
import { evidenceFromSnapshot } from "../../../agent/diagnosis/evidence/from-snapshot.ts";
import { Judge } from "../../../agent/diagnosis/judge.ts";
import type { Finding } from "../../../agent/model/finding.ts";
import type { Hops, PairWindow, Snapshot } from "../../../agent/model/snapshot.ts";
import { sampleSnapshot, type SampleMesh } from "../../support/sample-mesh.ts";

const NODES: SampleMesh = { nodes: 6, zones: 1 };
const CHANGED_BEFORE_S = 40;

type Told = (pair: PairWindow & { readonly source: string }) => { readonly hops?: Hops; readonly hopsThere?: Hops };

const changed = (snapshot: Snapshot): Hops => ({
  now: 4,
  before: 3,
  changedAt: new Date(Date.parse(snapshot.at) - CHANGED_BEFORE_S * 1_000).toISOString(),
});

const withHops = (snapshot: Snapshot, told: Told): Snapshot => ({
  ...snapshot,
  rows: snapshot.rows.map((row) => ({
    ...row,
    pairs: row.pairs.map((pair) => ({
      ...pair,
      ...(pair.network === "pod" && pair.protocol !== "tcp" && told({ ...pair, source: row.source.name })),
    })),
  })),
});

function judged(snapshot: Snapshot): readonly Finding[] {
  const judge = new Judge();
  let findings: readonly Finding[] = [];
  for (let i = 0; i < 4; i++) {
    const at = new Date(Date.parse(snapshot.at) + i * 10_000).toISOString();
    const rows = snapshot.rows.map((row) => ({ ...row, at }));
    findings = judge.judge(evidenceFromSnapshot({ ...snapshot, at, rows })).findings;
  }
  return findings;
}

/** What ICMP and UDP tell when all that leaves node-2 travels a hop more. */
const leavingNode2 =
  (snapshot: Snapshot): Told =>
  ({ source, destination, protocol }) => ({
    hops: destination.name === "node-2" ? changed(snapshot) : { now: 3 },
    ...(protocol === "udp" && { hopsThere: source === "node-2" ? changed(snapshot) : { now: 3 } }),
  });

describe("hops", () => {
  test("that changed for all that leaves a node name the node, the way, both numbers and the moment", () => {
    const calm = sampleSnapshot(NODES);
    const [finding, ...others] = judged(withHops(calm, leavingNode2(calm)));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      code: "IN-ROUTE",
      subject: { kind: "node", node: "node-2" },
      scope: { network: "pod" },
      direction: "out",
      figures: { hops: 4, hopsBefore: 3 },
      since: new Date(Date.parse(calm.at) - CHANGED_BEFORE_S * 1_000).toISOString(),
    });
    expect(finding!.causes[0]).toMatchObject({
      kind: "route-changed",
      for: [expect.stringMatching(/^5 of 5 pairs travel another number of hops than before .* UTC: 4 instead of 3$/)],
    });
  });

  test("that changed for one pair only are no finding: that is what routing is for", () => {
    const calm = sampleSnapshot(NODES);
    const one: Told = ({ source, destination }) => ({
      hops: source === "node-1" && destination.name === "node-2" ? changed(calm) : { now: 3 },
    });
    expect(judged(withHops(calm, one))).toEqual([]);
  });

  test("that changed when a pair began to lose make the changed route its likeliest cause, and speak against it when they did not", () => {
    const lossy = sampleSnapshot({ ...NODES, loss: [{ from: "node-1", to: "node-2", ratio: 0.4 }] });
    const pair =
      (hops: Hops): Told =>
      ({ source, destination }) => ({
        hops: source === "node-1" && destination.name === "node-2" ? hops : { now: 3 },
      });
    const causes = (findings: readonly Finding[]) => findings.flatMap((finding) => finding.causes);
    const inStep = causes(judged(withHops(lossy, pair(changed(lossy)))));
    expect(inStep.find(({ kind }) => kind === "route-changed")?.for).toContain("the hops changed when it began");
    expect(causes(judged(withHops(lossy, pair({ now: 3 })))).map(({ kind }) => kind)).not.toContain("route-changed");
  });

  test("that differ there and back speak for an asymmetric route where something is lost, and are no finding alone", () => {
    const uneven: Told = ({ protocol }) => ({ hops: { now: 3 }, ...(protocol === "udp" && { hopsThere: { now: 5 } }) });
    expect(judged(withHops(sampleSnapshot(NODES), uneven))).toEqual([]);
    const lossy = sampleSnapshot({ ...NODES, loss: [{ from: "node-1", to: "node-2", ratio: 0.4 }] });
    const causes = judged(withHops(lossy, uneven)).flatMap((finding) => finding.causes);
    expect(causes.find(({ kind }) => kind === "route-asymmetric")?.for).toEqual([
      expect.stringContaining("another number of hops there than back"),
    ]);
  });
});
