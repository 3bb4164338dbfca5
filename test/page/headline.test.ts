import { describe, expect, test } from "vitest";
import { summarize } from "../../agent/page/client/headline.ts";
import { MeshGrid } from "../../agent/page/client/mesh-grid.ts";
import { sampleSnapshot, type SampleMesh } from "../support/sample-mesh.ts";
import { goldenSnapshot } from "../api/golden.ts";

const summaryOf = (mesh: SampleMesh) => summarize(new MeshGrid(sampleSnapshot(mesh)));
const texts = (mesh: SampleMesh) => summaryOf(mesh).notes.map((n) => n.text);
const SIX = { nodes: 6, zones: 3 };
const pairs = (a: readonly number[], b: readonly number[], ratio: number) =>
  a.flatMap((x) => b.filter((y) => y !== x).map((y) => ({ from: `node-${x}`, to: `node-${y}`, ratio })));

test("a mesh that loses nothing is said to be fine in one sentence, with nothing to add", () => {
  expect(summaryOf(SIX)).toEqual({
    state: "fine",
    headline: "All 30 pairs between 6 nodes lost nothing in the last minute.",
    notes: [],
  });
});

test("the frozen mesh is told as a person would: the dead node, the lossy link with its direction, the refusal, the path MTU", () => {
  const { state, headline, notes } = summarize(new MeshGrid(goldenSnapshot()));
  expect(state).toBe("broken");
  expect(headline).toBe("7 of 25 pairs lost packets in the last minute. The row of node-6 is missing.");
  expect(notes.map((n) => n.text)).toEqual([
    "Nobody gets an answer from node-6 (5 nodes try); its row is missing: no answer from 10.244.6.2:8843 within 1 s; discovery says it is not ready either.",
    "node-2 ↔ node-4 loses 21% (60 of 292 on all paths); UDP lost them on the way node-2 → node-4.",
    "node-5 refuses Pod TCP from 4 nodes: the host answers, the port is closed. Not loss.",
    "Packets over 1400 bytes from node-1 to node-5 vanish on the pod network; the kernel believes in 1450.",
  ]);
  expect(notes[1]!.pair).toEqual({ source: "node-2", destination: "node-4" });
});

test("a missing row without any loss is not called fine", () => {
  const snapshot = sampleSnapshot({ ...SIX, tcpRefused: [] });
  const summary = summarize(
    new MeshGrid({
      ...snapshot,
      rows: snapshot.rows.slice(1),
      missing: [{ node: snapshot.nodes[0]!, reason: "its row makes no sense" }],
    }),
  );
  expect(summary).toMatchObject({
    state: "losing",
    headline: "The 25 pairs that we know of lost nothing in the last minute, but the row of node-1 is missing.",
  });
  expect(summary.notes).toEqual([{ text: "No row from node-1: its row makes no sense." }]);
});

test("with no row at all nothing is claimed of any pair", () => {
  const snapshot = sampleSnapshot(SIX);
  const summary = summarize(
    new MeshGrid({ ...snapshot, rows: [], missing: snapshot.nodes.map((node) => ({ node, reason: "no answer" })) }),
  );
  expect(summary).toMatchObject({ state: "waiting", headline: "No pair has been measured yet." });
});

describe("what losing pairs have in common", () => {
  test("a node whose row and column lose is one note, not one for each pair", () => {
    const loss = [...pairs([5], [1, 2, 3, 4, 6, 7, 8, 9, 10], 0.3)];
    expect(texts({ nodes: 10, zones: 2, loss })).toEqual(["node-5 loses packets with 9 of 9 nodes, coming and going."]);
  });

  test("two zones that lose each other's packets are one note", () => {
    const notes = texts({ nodes: 9, zones: 3, loss: pairs([1, 2, 3], [7, 8, 9], 0.4) });
    expect(notes).toEqual([
      expect.stringMatching(/^18 of 18 pairs between zone-a and zone-c lose packets, up to \d+%\.$/),
    ]);
  });

  test("when most of the mesh loses, no node is blamed", () => {
    expect(texts({ ...SIX, loss: pairs([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], 0.5) }).join()).not.toContain(
      "coming and going",
    );
  });

  test("many lossy links are told as the worst few and a count", () => {
    const loss = [
      [1, 20],
      [2, 19],
      [3, 18],
      [4, 17],
      [5, 16],
      [6, 15],
      [7, 14],
    ].flatMap(([a, b], i) => pairs([a!], [b!], 0.1 + i / 20));
    const notes = texts({ nodes: 20, zones: 10, loss });
    expect(notes).toHaveLength(6);
    expect(notes[5]).toBe("2 more links lose less.");
  });

  test("many missing rows are told in one note that names some", () => {
    const snapshot = sampleSnapshot({ nodes: 40, zones: 1 });
    const missing = snapshot.nodes
      .slice(10)
      .map((node) => ({ node, reason: `no answer from ${node.name} within 1 s` }));
    const { notes } = summarize(new MeshGrid({ ...snapshot, rows: snapshot.rows.slice(0, 10), missing }));
    expect(notes).toEqual([
      { text: expect.stringMatching(/^No row from node-11, .* and 23 more; of node-11, for instance: no answer/) },
    ]);
  });
});

test("loss of one protocol alone is told as such", () => {
  const snapshot = sampleSnapshot(SIX);
  const [first, ...rest] = snapshot.rows;
  const pairs = first!.pairs.map((p) =>
    p.destination.name === "node-3" && p.protocol === "udp"
      ? { ...p, window: { ...p.window, failures: 6, lostForward: 6 } }
      : p,
  );
  expect(
    summarize(new MeshGrid({ ...snapshot, rows: [{ ...first!, pairs }, ...rest] })).notes.map((n) => n.text),
  ).toEqual(["node-1 → node-3 loses 50% on Pod UDP only (6 of 12); UDP lost them on the way node-1 → node-3."]);
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
  expect(summarize(new MeshGrid({ ...snapshot, rows })).notes).toEqual([
    { text: "node-1 cannot measure ICMP on the pod network: ping_group_range is closed." },
  ]);
});
