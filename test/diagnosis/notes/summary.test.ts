import { describe, expect, test } from "vitest";
import { judgeSnapshot } from "../../../agent/diagnosis/judge-snapshot.ts";
import { findingLine, summarize } from "../../../agent/diagnosis/notes/summary.ts";
import { MeshGrid } from "../../../agent/diagnosis/notes/mesh-grid.ts";
import type { AgentHealth, Row, Snapshot } from "../../../agent/model/snapshot.ts";
import { sampleNodes, sampleRow, sampleSnapshot, type SampleMesh } from "../../support/sample-mesh.ts";
import { goldenSnapshot } from "../../api/golden.ts";

const summaryOfSnapshot = (snapshot: Snapshot) => summarize(new MeshGrid(snapshot), judgeSnapshot(snapshot));
const summaryOf = (mesh: SampleMesh) => summaryOfSnapshot(sampleSnapshot(mesh));
const SIX = { nodes: 6, zones: 3 };
const pairs = (a: readonly number[], b: readonly number[], ratio: number) =>
  a.flatMap((x) => b.filter((y) => y !== x).map((y) => ({ from: `node-${x}`, to: `node-${y}`, ratio })));

test("a mesh that loses nothing is said to be fine in one sentence, with nothing to add", () => {
  expect(summaryOf(SIX)).toEqual({
    state: "fine",
    headline: "Nothing is wrong between 6 nodes, as far as can be seen.",
    lately: "All 30 pairs between 6 nodes lost nothing in the last minute.",
    findings: [],
    notes: [],
    isFault: false,
  });
});

test("the frozen mesh is told in the judge's words: the dead node, the lossy link, the closed port, the path MTU", () => {
  const { state, headline, lately, findings, notes } = summaryOfSnapshot(goldenSnapshot());
  expect(state).toBe("broken");
  expect(headline).toMatch(/^Node node-6 is gone: nothing gets through to it, .* And \d more findings\.$/);
  expect(lately).toBe("7 of 25 pairs lost packets in the last minute. The row of node-6 is missing.");
  const lines = findings.map(findingLine);
  expect(lines[0]).toMatch(/^Node node-6 is gone: .* \(IN-NODE-DOWN, since \d\d:\d\d:\d\d UTC, over 99% sure\)$/);
  expect(lines.join("\n")).toContain("node-2 and node-4");
  expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(["IN-REJECTED", "IN-PATH-MTU"]));
  expect(notes).toEqual([]);
});

test("a missing row without any loss is not called fine", () => {
  const snapshot = sampleSnapshot({ ...SIX, tcpRefused: [] });
  const summary = summaryOfSnapshot({
    ...snapshot,
    rows: snapshot.rows.slice(1),
    missing: [{ node: snapshot.nodes[0]!, reason: "its row is invalid" }],
  });
  expect(summary).toMatchObject({
    state: "losing",
    lately: "The 25 pairs that we know of lost nothing in the last minute, but the row of node-1 is missing.",
    isFault: true,
  });
  expect(summary.notes).toEqual([{ text: "No row from node-1: its row is invalid." }]);
});

test("with no row at all nothing is claimed of any pair", () => {
  const snapshot = sampleSnapshot(SIX);
  const summary = summaryOfSnapshot({
    ...snapshot,
    rows: [],
    missing: snapshot.nodes.map((node) => ({ node, reason: "no answer" })),
  });
  expect(summary).toMatchObject({
    state: "losing",
    headline: expect.stringMatching(/^It cannot be decided from here/) as string,
    lately: "No pair has been measured yet.",
  });
});

describe("one incident is one finding", () => {
  const names = (mesh: SampleMesh) => summaryOf(mesh).findings.map(({ code }) => code);

  test("a node whose row and column lose is one, not one for each pair", () => {
    expect(names({ nodes: 10, zones: 2, loss: pairs([5], [1, 2, 3, 4, 6, 7, 8, 9, 10], 0.3) })).toEqual([
      "IN-NODE-LOSS",
    ]);
  });

  test("two zones that lose each other's packets are one", () => {
    expect(names({ nodes: 9, zones: 3, loss: pairs([1, 2, 3], [7, 8, 9], 0.4) })).toEqual(["IN-ZONE-PAIR-LOSS"]);
  });

  test("when most of the mesh loses, no node is blamed", () => {
    expect(names({ ...SIX, loss: pairs([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], 0.5) })).not.toContain("IN-NODE-LOSS");
  });
});

test("many missing rows are told in one note that names some", () => {
  const snapshot = sampleSnapshot({ nodes: 40, zones: 1 });
  const missing = snapshot.nodes.slice(10).map((node) => ({ node, reason: `no answer from ${node.name} within 1 s` }));
  const { notes } = summaryOfSnapshot({ ...snapshot, rows: snapshot.rows.slice(0, 10), missing });
  expect(notes).toEqual([
    { text: expect.stringMatching(/^No row from node-11, .* and 23 more; of node-11, for instance: no answer/) },
  ]);
});

test("a protocol that an agent cannot open is said with its reason", () => {
  const snapshot = sampleSnapshot(SIX);
  const [first, ...rest] = snapshot.rows;
  const rows = [
    {
      ...first!,
      health: {
        ...first!.health,
        unavailable: [{ network: "pod" as const, protocol: "icmp" as const, reason: "ping_group_range is closed" }],
      },
    },
    ...rest,
  ];
  expect(summaryOfSnapshot({ ...snapshot, rows }).notes).toEqual([
    { text: "node-1 cannot measure ICMP on the pod network: ping_group_range is closed." },
  ]);
});

/** The notes of a calm mesh of six in which node-1's row says something. */
function notesOf(row: Partial<Row>, snapshot: Partial<Snapshot> = {}): string[] {
  const calm = sampleSnapshot(SIX);
  const rows = calm.rows.map((r) => (r.source.name === "node-1" ? { ...r, ...row } : r));
  return summaryOfSnapshot({ ...calm, rows, ...snapshot }).notes.map((n) => n.text);
}
const [one, two, three] = sampleNodes(SIX);

test("large packets that vanish are a fault, though nothing is lost", () => {
  const mesh = { ...SIX, mtuShortfall: [{ from: "node-1", to: "node-3", passesBytes: 1_200 }] };
  expect(summaryOf(mesh)).toMatchObject({ isFault: true, lately: expect.stringContaining("lost nothing") as string });
  expect(summaryOf(mesh).findings.map(({ code }) => code)).toEqual(["IN-PATH-MTU"]);
});

test("a dead node is one line, however many pairs it has", () => {
  const { findings, notes } = summaryOf({ nodes: 9, zones: 3, dead: { "node-4": "no answer within 1 s" } });
  expect(findings.map(({ code, subject }) => [code, subject])).toEqual([
    ["IN-NODE-DOWN", { kind: "node", node: "node-4" }],
  ]);
  expect(notes).toEqual([]);
});

test.each([
  [1, false],
  [2, true],
])("%d of 60 lost is a fault: %s", (failures, isFault) => {
  const calm = sampleSnapshot(SIX);
  const rows = calm.rows.map((r, i) => ({
    ...r,
    pairs: r.pairs.map((p, j) => (i + j === 0 ? { ...p, window: { ...p.window, failures } } : p)),
  }));
  expect(summaryOfSnapshot({ ...calm, rows }).isFault).toBe(isFault);
});

describe("rows that came by way of others", () => {
  const by = (name: string) => ({
    node: sampleNodes(SIX).find((n) => n.name === name)!,
    by: ["node-2", "node-5"],
    trust: "agreed" as const,
    reason: "no answer from 10.244.3.2:8843 within 1 s",
  });

  test("are named with who gave them and why", () => {
    expect(notesOf({}, { relayed: [by("node-3")] })).toEqual([
      "The row of node-3 came by way of node-2 and node-5, since node-1 cannot get it itself: no answer from 10.244.3.2:8843 within 1 s.",
    ]);
  });

  test("are one note when they are many", () => {
    const relayed = ["node-2", "node-3", "node-4", "node-5", "node-6"].map(by);
    expect(notesOf({}, { relayed })).toEqual([
      "The rows of node-2, node-3, node-4, node-5 and node-6 came by way of others; that of node-2, for instance: no answer from 10.244.3.2:8843 within 1 s.",
    ]);
  });

  test("what one relay alone says accuses nobody", () => {
    const mesh: SampleMesh = { ...SIX, loss: pairs([4], [1, 2, 3, 5, 6], 1) };
    const calm = sampleSnapshot(SIX);
    const four = calm.nodes.find((n) => n.name === "node-4")!;
    const rows = calm.rows.filter((r) => r.source !== four);
    const reason = "it came by way of node-2 alone";
    const summary = summaryOfSnapshot({
      ...calm,
      rows,
      missing: [{ node: four, reason, hearsay: sampleRow(mesh, four) }],
    });
    expect(summary.state).toBe("losing");
    expect(summary.notes.map((n) => n.text)).toEqual([`No row from node-4: ${reason}.`]);
  });
});

describe("peers that are not probed", () => {
  const identity = { destination: three!, reason: "identity", text: "node-7 answers at its address 10.244.3.2" };

  test("are named with the reason, and with the pair", () => {
    expect(notesOf({ unprobed: [identity] })).toEqual([
      "node-1 does not probe node-3: node-7 answers at its address 10.244.3.2.",
    ]);
  });

  test("are one note when several agents say the same", () => {
    const calm = sampleSnapshot(SIX);
    const unprobed = [
      { ...identity, network: "node" as const, reason: "node_address", text: "nobody told its address" },
    ];
    const rows = calm.rows.map((r, i) => (i < 2 ? { ...r, unprobed } : r));
    expect(summaryOfSnapshot({ ...calm, rows }).notes.map((n) => n.text)).toEqual([
      "2 nodes do not probe node-3 on the node network: nobody told its address.",
    ]);
  });

  test("that are only waited for are not told here", () => {
    expect(notesOf({ unprobed: [{ destination: two!, reason: "zone", text: "its zone is not known yet" }] })).toEqual(
      [],
    );
  });

  test("for a reason of a newer agent are told", () => {
    expect(notesOf({ unprobed: [{ destination: two!, reason: "quantum", text: "it is entangled" }] })).toEqual([
      "node-1 does not probe node-2: it is entangled.",
    ]);
  });

  test("many are told as the first few and names", () => {
    const large = { nodes: 20, zones: 1 };
    const calm = sampleSnapshot(large);
    const unprobed = calm.nodes
      .slice(1)
      .map((destination, i) => ({ destination, reason: "address", text: `it has no address, number ${i}` }));
    const notes = summaryOfSnapshot({
      ...calm,
      rows: calm.rows.map((r, i) => (i === 0 ? { ...r, unprobed } : r)),
    }).notes;
    expect(notes).toHaveLength(7);
    expect(notes[6]!.text).toMatch(/^Not probed either, by some node: node-8, .* and 6 more\.$/);
  });
});

test("what discovery lists and can be no peer is told", () => {
  expect(notesOf({}, { unusable: ["pod internode-x2k4j has no node name"] })).toEqual([
    "Discovery lists what can be no peer: pod internode-x2k4j has no node name.",
  ]);
});

test("an agent that knows fewer nodes than most is named, once it has run for a minute", () => {
  const calm = sampleSnapshot(SIX);
  const extent = (nodes: number) => ({ nodes, probed: nodes - 1, isFullMesh: true, largestInDegree: nodes - 1 });
  const rows = (startedAt: string): Row[] =>
    calm.rows.map((r) => ({ ...r, startedAt, extent: extent(r.source.name === "node-4" ? 5 : 6) }));
  const texts = (startedAt: string) => summaryOfSnapshot({ ...calm, rows: rows(startedAt) }).notes.map((n) => n.text);
  expect(texts("2026-11-23T19:00:00.000Z")).toEqual([
    "node-4 knows 5 nodes, where most agents know 6: its discovery is behind, or theirs.",
  ]);
  expect(texts("2026-11-23T19:29:30.000Z")).toEqual([]);
});

test("an agent that cannot be trusted with its numbers says why", () => {
  const health = (more: Partial<AgentHealth>): AgentHealth => ({ ...sampleRow(SIX, one!).health, ...more });
  expect(
    notesOf({ health: health({ localErrors: 1, probesSkipped: 12, clockSteps: 1, discoveryAgeSeconds: 900 }) }),
  ).toEqual([
    "Of node-1 in the last minute: its machine refused to send 1 probe, it came too late for 12 probes, its clock stepped once and it has heard nothing from discovery for 15 min.",
  ]);
});

describe("an answering end that turns UDP packets away", () => {
  const notes = (udpFailures: number): string[] => {
    const calm = sampleSnapshot(SIX);
    const rows = calm.rows.map((r) => {
      if (r.source.name === "node-3")
        return { ...r, health: { ...r.health, reflector: { answered: 900, key: 1_204, limited: 3 } } };
      const failing = r.pairs.map((p) =>
        p.destination.name === "node-3" && p.protocol === "udp"
          ? { ...p, window: { ...p.window, failures: udpFailures } }
          : p,
      );
      return r.source.name === "node-1" ? { ...r, pairs: failing } : r;
    });
    return summaryOfSnapshot({ ...calm, rows }).notes.map((n) => n.text);
  };

  test("is told while somebody loses UDP packets to it, for a wrong key looks like loss", () => {
    expect(notes(12)).toContain(
      "node-3 has turned away UDP packets since it started: 1,204 with another key. They look like loss to whoever sent them.",
    );
  });

  test("is not told once nothing is lost any more", () => {
    expect(notes(0)).toEqual([]);
  });
});

test("of the past only what was counted is told, with who knows it from later on, and nothing of now", () => {
  const snapshot = sampleSnapshot({ nodes: 3, zones: 1, loss: [{ from: "node-1", to: "node-2", ratio: 0.5 }] });
  const span = { since: "2026-11-23T19:00:00.000Z", until: "2026-11-23T19:10:00.000Z" };
  const rows = snapshot.rows.map((row, i) => ({
    ...row,
    covered: { ...span, since: i === 0 ? "2026-11-23T19:05:10.000Z" : span.since },
    health: { ...row.health, probesSkipped: 900, clockSteps: 3 },
  }));
  const { headline, findings, notes, isFault } = summarize(
    new MeshGrid({ ...snapshot, span, rows }),
    judgeSnapshot(snapshot),
  );
  expect(headline).toBe("2 of 6 pairs lost packets in the time from 19:00 to 19:10 UTC.");
  expect(findings).toEqual([]);
  expect(notes.map(({ text }) => text)).toEqual([
    "Of this time node-1 knows nothing before 19:05 UTC: an agent keeps the hour before now, from its start on.",
  ]);
  expect(isFault).toBe(true);
});
