import { expect, test } from "vitest";
import {
  evidenceFromRows,
  evidenceFromSnapshot,
  evidenceRow,
  evidenceSteps,
} from "../../../agent/diagnosis/evidence/from-snapshot.ts";
import type { Evidence } from "../../../agent/diagnosis/evidence/evidence.ts";
import type { Snapshot } from "../../../agent/model/snapshot.ts";
import { goldenSnapshot } from "../../api/golden.ts";
import { samplePair, sampleSnapshot } from "../../support/sample-mesh.ts";

const golden = goldenSnapshot();
const evidence = evidenceFromSnapshot(golden);

function pairOf({ nodes, pairs }: Evidence, from: string, to: string): number {
  for (let i = 0; i < pairs.count; i++) {
    if (nodes[pairs.source[i]!]!.node.name === from && nodes[pairs.destination[i]!]!.node.name === to) return i;
  }
  return -1;
}
const pathOf = ({ paths }: Evidence, network: string, protocol: string) =>
  paths.find((path) => path.network === network && path.protocol === protocol)!;

test("every slot of every row is in its place", () => {
  let slots = 0;
  for (const row of golden.rows) {
    for (const { destination, network, protocol, window } of row.pairs) {
      const pair = pairOf(evidence, row.source.name, destination.name);
      const path = pathOf(evidence, network, protocol);
      expect(path.probes[pair]).toBe(window.probes);
      expect(path.failures[pair]).toBe(window.failures);
      expect(path.refusals[pair]).toBe(window.refusals);
      expect(path.retransmits[pair]).toBe(window.retransmits);
      expect(path.lostForward[pair]).toBe(window.lostForward);
      expect(path.lostReverse[pair]).toBe(window.lostReverse);
      expect(Number.isNaN(path.rttMeanNs[pair])).toBe(window.rttMeanNs === undefined);
      slots++;
    }
  }
  expect(slots).toBeGreaterThan(90);
  expect(evidence.pairs.count).toBe(25);
  expect(evidence.paths.map(({ network, protocol }) => `${network} ${protocol}`)).toEqual([
    "node icmp",
    "pod icmp",
    "pod tcp",
    "pod udp",
  ]);
});

test("a missing row is named with its reason, and the judge is known by its place", () => {
  expect(evidence.nodes[5]).toMatchObject({ node: { name: "node-6" }, agent: undefined });
  expect(evidence.nodes[5]!.missing).toContain("no answer");
  expect(evidence.judge).toBe(0);
});

test("health, path MTU and uptime of an agent come along", () => {
  expect(evidence.nodes[0]!.agent).toMatchObject({ incarnation: "b627572e56c289ef", health: { engine: "kernel" } });
  expect(evidence.nodes[0]!.agent!.uptimeSeconds).toBeGreaterThan(0);
  const icmp = pathOf(evidence, "pod", "icmp");
  expect(icmp.mtuShortfall![pairOf(evidence, "node-1", "node-5")]).toBe(50);
  expect(icmp.mtuPasses![pairOf(evidence, "node-1", "node-2")]).toBe(1450);
});

test("what a row does not tell is absent, not zero", () => {
  for (const path of evidence.paths) {
    expect(path.lostSeconds).toBeUndefined();
    expect(path.ports).toBeUndefined();
    expect(path.hops).toBeUndefined();
    expect(path.seenAs).toBeUndefined();
  }
});

test("a row that tells its seconds says which of them were lost", () => {
  const mesh = { nodes: 3, zones: 1, loss: [{ from: "node-1", to: "node-2", ratio: 0.2 }] };
  const plain = sampleSnapshot(mesh);
  const detailed: Snapshot = {
    ...plain,
    rows: plain.rows.map((row) => ({
      ...row,
      pairs: row.pairs.map((p) => samplePair(mesh, { source: row.source, ...p }, { seconds: true })),
    })),
  };
  const told = evidenceFromSnapshot(detailed);
  const pair = pairOf(told, "node-1", "node-2");
  const { lostSeconds, failures } = pathOf(told, "pod", "icmp");
  expect(lostSeconds!.told[pair]).toBe(1);
  const expected = detailed.rows[0]!.pairs.find((p) => p.destination.name === "node-2")!.seconds!.map(
    (second) => (second?.failures ?? 0) > 0,
  );
  const bits = lostSeconds!.bits.subarray(pair * 2, pair * 2 + 2);
  expect(Array.from({ length: 60 }, (_, i) => ((bits[i >>> 5]! >>> (i & 31)) & 1) === 1)).toEqual(expected);
  expect(failures[pair]).toBe(expected.filter(Boolean).length);
});

test("nodes that the judge does not know are left out, whoever names them", () => {
  const known = golden.nodes.filter(({ name }) => name !== "node-3");
  const narrow = evidenceFromSnapshot({ ...golden, nodes: known });
  expect(narrow.pairs.count).toBe(16);
  expect(narrow.nodes.map(({ node }) => node.name)).not.toContain("node-3");
});

test("a row that comes twice counts once", () => {
  const twice = evidenceFromSnapshot({ ...golden, rows: [...golden.rows, golden.rows[0]!] });
  expect(twice.pairs.count).toBe(evidence.pairs.count);
});

test("a mesh of one node, and one without rows, are evidence too", () => {
  const alone = evidenceFromSnapshot({
    ...golden,
    nodes: [golden.nodes[0]!],
    rows: [{ ...golden.rows[0]!, pairs: [] }],
  });
  expect(alone.pairs.count).toBe(0);
  expect(evidenceFromSnapshot({ ...golden, rows: [] }).paths).toEqual([]);
});

test("of rows in steps it is the same as at once, and others may go on after every row", () => {
  const { nodes, rows, missing, by } = sampleSnapshot({ nodes: 7, zones: 2, dead: { "node-3": "no answer" } });
  const mesh = {
    atSeconds: 0,
    nodes: nodes.map((node) => ({ node })),
    judge: by.name,
    rows: rows.map(evidenceRow),
    missing,
  };
  const steps = evidenceSteps(mesh);
  const taken = Array.from(rows, () => steps.next().done);
  expect(taken).not.toContain(true);
  expect(steps.next()).toEqual({ done: true, value: evidenceFromRows(mesh) });
});
