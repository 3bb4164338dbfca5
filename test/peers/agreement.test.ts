import { describe, expect, test } from "vitest";
import type { Row } from "../../agent/model/snapshot.ts";
import { lossRatio, type WindowSummary } from "../../agent/model/window.ts";
import { agreedRow } from "../../agent/peers/agreement.ts";
import { parseRow } from "../../agent/peers/schema.ts";
import { sampleNodes, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";

const MESH: SampleMesh = {
  nodes: 5,
  zones: 2,
  loss: [{ from: "node-1", to: "node-2", ratio: 0.2 }],
  mtuShortfall: [{ from: "node-1", to: "node-3", passesBytes: 1_400 }],
};
const [source] = sampleNodes(MESH);
const honest = (): Row => sampleRow(MESH, source!);

/** The row a moment later: each window has gained a probe and lost another. */
function later(row: Row, seconds: number): Row {
  const at = new Date(Date.parse(row.at) + seconds * 1_000).toISOString();
  const moved = (w: WindowSummary): WindowSummary => ({
    ...w,
    probes: w.probes + 1,
    ...(w.rttMeanNs !== undefined && { rttMeanNs: Math.min(w.rttMeanNs * 1.01, w.rttMaxNs!) }),
  });
  return {
    ...row,
    at,
    health: { ...row.health, discoveryAgeSeconds: row.health.discoveryAgeSeconds + seconds },
    pairs: row.pairs.map((p) => ({ ...p, window: moved(p.window) })),
    udpReceived: row.udpReceived.map((u, i) =>
      i === 0 ? { ...u, received: u.received + 1, highest: u.highest + 1 } : u,
    ),
  };
}

function agreed(a: Row, b: Row): Row {
  const row = agreedRow(a, b);
  if ("contrary" in row) throw new Error(row.contrary);
  return row;
}

const forge = (row: Row, change: (window: WindowSummary) => Partial<WindowSummary>): Row => ({
  ...row,
  pairs: row.pairs.map((p) => ({ ...p, window: { ...p.window, ...change(p.window) } })),
});

test("one row given twice is that row", () => {
  expect(agreed(honest(), honest())).toEqual(honest());
});

test("rows that two honest relays got a second apart agree, and what both say is a valid row", () => {
  const row = agreed(honest(), later(honest(), 1));
  expect(parseRow(JSON.stringify(row), source!).pairs).toHaveLength(honest().pairs.length);
  const lossy = row.pairs.find((p) => p.destination.name === "node-2" && p.protocol === "icmp")!;
  expect(lossRatio(lossy.window)).toBeCloseTo(0.2, 1);
  expect(row.pathMtu.filter((m) => m.shortfallBytes > 0).map((m) => m.destination.name)).toEqual(["node-3"]);
  expect(row.udpReceived).toHaveLength(honest().udpReceived.length - 1);
});

describe("a relay that makes something up", () => {
  const inventions: readonly [string, (row: Row) => Row][] = [
    [
      "failures just within what moves in a second",
      (r) => forge(r, (w) => ({ failures: w.failures + Math.min(3, w.probes - w.failures) })),
    ],
    ["SYNs sent again", (r) => forge(r, (w) => ({ retransmits: w.retransmits + 3 }))],
    ["refusals", (r) => forge(r, (w) => ({ refusals: Math.min(3, w.probes - w.failures) }))],
    ["slow answers", (r) => forge(r, () => ({ rttMeanNs: 2e9, rttMinNs: 1e9, rttMaxNs: 3e9, jitterNs: 1e9 }))],
    ["a lower mean and a higher maximum", (r) => forge(r, (w) => ({ rttMeanNs: w.rttMinNs, rttMaxNs: 3e9 }))],
    ["a direction", (r) => forge(r, (w) => ({ lostForward: w.failures, lostReverse: 0 }))],
    ["blocked packets", (r) => forge(r, (w) => ({ reasons: { blocked: w.failures } }))],
    [
      "a black hole",
      (r) => ({ ...r, pathMtu: r.pathMtu.map((m) => ({ ...m, shortfallBytes: m.shortfallBytes + 900 })) }),
    ],
    [
      "packets that did not arrive",
      (r) => ({ ...r, udpReceived: r.udpReceived.map((u) => ({ ...u, bitmap: "0000000000000001" })) }),
    ],
    [
      "a protocol that is not there",
      (r) => ({ ...r, health: { ...r.health, unavailable: [{ network: "pod", protocol: "udp", reason: "made up" }] } }),
    ],
    [
      "an agent in trouble",
      (r) => ({ ...r, health: { ...r.health, tickLagMaxMs: 9_000, socketDrops: 99, probesSkipped: 99 } }),
    ],
    ["a field that this version does not know", (r) => ({ ...r, faultyPeers: ["node-2"] }) as Row],
  ];

  test.each(inventions)("%s accuses nobody, whichever of the two it is", (_what, invent) => {
    for (const row of [agreed(honest(), invent(honest())), agreed(invent(honest()), honest())]) {
      const truth = honest();
      for (const [i, pair] of row.pairs.entries()) {
        const real = truth.pairs[i]!.window;
        expect(lossRatio(pair.window)!).toBeLessThanOrEqual(lossRatio(real)!);
        for (const of of ["refusals", "lostForward", "lostReverse", "rttMeanNs", "rttMaxNs", "jitterNs"] as const)
          expect(pair.window[of] ?? 0).toBeLessThanOrEqual(real[of] ?? 0);
        expect(pair.window.reasons.blocked ?? 0).toBe(0);
      }
      expect(row.pathMtu.map((m) => m.shortfallBytes)).toEqual(truth.pathMtu.map((m) => m.shortfallBytes));
      expect(truth.udpReceived).toEqual(expect.arrayContaining([...row.udpReceived]));
      expect(row.health).toEqual(truth.health);
      expect((row as { faultyPeers?: unknown }).faultyPeers).toBeUndefined();
      expect(parseRow(JSON.stringify(row), source!).source).toEqual(source);
    }
  });

  test.each<[string, (row: Row) => Row, RegExp]>([
    [
      "total loss",
      (r) => forge(r, (w) => ({ failures: w.probes, rttMeanNs: undefined })),
      /^they differ on node-2, ICMP/,
    ],
    ["perfect health", (r) => forge(r, () => ({ failures: 0, retransmits: 0 })), /^they differ on node-2/],
    ["another life of the agent", (r) => ({ ...r, incarnation: "ffff" }), /different agents/],
    ["another engine", (r) => ({ ...r, health: { ...r.health, engine: "userspace" } }), /different agents/],
    ["an old row", (r) => later(r, -60), /different times/],
  ])("%s is contrary to the other's word, and neither counts", (_what, invent, why) => {
    expect(agreedRow(honest(), invent(honest()))).toEqual({ contrary: expect.stringMatching(why) as string });
  });
});

test("a row of a thousand peers is compared in a moment", () => {
  const large: SampleMesh = { nodes: 1_000, zones: 5 };
  const row = sampleRow(large, sampleNodes(large)[0]!);
  expect(agreed(row, structuredClone(row)).pairs).toHaveLength(row.pairs.length);
});

test("lost seconds, source ports and the time that is covered count as far as both relays say them", () => {
  const span = { since: "2026-11-23T19:00:00.000Z", until: "2026-11-23T19:10:00.000Z" };
  const tells = (row: Row, lostPort: number): Row => ({
    ...row,
    covered: { ...span, since: `2026-11-23T19:0${lostPort}:00.000Z` },
    pairs: row.pairs.map((pair) => ({
      ...pair,
      lostSeconds: "f".repeat(60),
      ports: { probes: [7, 7], failures: [7, lostPort] },
    })),
  });
  const both = agreedRow(tells(honest(), 1), tells(honest(), 2)) as Row;
  expect(both.covered).toEqual({ ...span, since: "2026-11-23T19:02:00.000Z" });
  expect(both.pairs[0]).toMatchObject({ lostSeconds: "f".repeat(60) });
  expect(both.pairs[0]).not.toHaveProperty("ports");
  const alone = agreedRow(tells(honest(), 1), honest()) as Row;
  expect(alone).not.toHaveProperty("covered.since");
  for (const pair of alone.pairs) expect(Object.keys(pair)).not.toContain("lostSeconds");
  const { pairs } = parseRow(JSON.stringify(both), source!);
  expect(pairs).toHaveLength(honest().pairs.length);
});
