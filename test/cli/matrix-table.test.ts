import { describe, expect, test } from "vitest";
import { brokenPairs, cellOf, renderMatrix, viewsOf } from "../../agent/cli/matrix-table.ts";
import { formatLoss, formatNs } from "../../agent/cli/units.ts";
import type { PairWindow, Row, Snapshot } from "../../agent/model/snapshot.ts";
import type { WindowSummary } from "../../agent/model/window.ts";
import { HOSTILE, OBEYED } from "../support/hostile.ts";

const NODES = [
  { name: "node-1", zone: "a" },
  { name: "node-2", zone: "a" },
  { name: "node-3", zone: "b" },
] as const;
const VIEW = { network: "pod", protocol: "icmp", family: "ipv4" } as const;
const FINE: WindowSummary = {
  probes: 60,
  failures: 0,
  refusals: 0,
  reasons: {},
  retransmits: 0,
  lostForward: 0,
  lostReverse: 0,
  rttMeanNs: 210_000,
  rttMinNs: 180_000,
  rttMaxNs: 1_250_000,
  jitterNs: 12_000,
};

const pair = (to: number, window: Partial<WindowSummary> = {}): PairWindow => ({
  destination: NODES[to]!,
  ...VIEW,
  address: "10.0.0.1",
  window: { ...FINE, ...window },
});
const row = (from: number, pairs: PairWindow[]): Row => ({
  schemaVersion: 1,
  source: NODES[from]!,
  version: "0",
  incarnation: "0",
  startedAt: "",
  at: "",
  pathMtu: [],
  udpReceived: [],
  pairs,
  health: {
    engine: "kernel",
    stamps: {},
    unavailable: [],
    tickLagMaxMs: 0,
    probesSkipped: 0,
    localErrors: 0,
    socketDrops: 0,
    clockSteps: 0,
    discoveryAgeSeconds: 0,
  },
});
const snapshot = (rows: Row[], missing: Snapshot["missing"] = []): Snapshot => ({
  schemaVersion: 1,
  at: "",
  by: NODES[0],
  nodes: NODES,
  rows,
  missing,
});

describe("a cell", () => {
  test.each([
    ["nothing lost", {}, "210µs", "fine"],
    ["some lost", { failures: 6 }, "10% 210µs", "lossy"],
    ["all lost", { failures: 60, rttMeanNs: undefined }, "FAIL", "failing"],
    ["a closed port", { refusals: 60, rttMeanNs: undefined }, "refused", "refused"],
    ["answers without a delay", { rttMeanNs: undefined }, "-", "fine"],
    [
      "retransmitted SYNs, which are lost packets of answered probes",
      { probes: 12, retransmits: 4, rttMeanNs: 300_000 },
      "25% 300µs",
      "lossy",
    ],
  ])("with %s says so", (_, window, text, health) => {
    expect(cellOf(pair(1, window), "both")).toEqual({ text, health });
  });

  test("of a pair nobody measured is no data, never health", () => {
    expect(cellOf(undefined, "both")).toEqual({ text: "?", health: "no data" });
    expect(cellOf(pair(1, { probes: 0 }), "loss")).toEqual({ text: "?", health: "no data" });
  });
});

test("the matrix has one order on both axes and names the rows that did not answer", () => {
  const rendered = renderMatrix(
    snapshot(
      [row(0, [pair(2), pair(1, { failures: 60 })]), row(2, [pair(0), pair(1)])],
      [{ node: NODES[1], reason: "no answer within 1 s" }],
    ),
    { view: VIEW, show: "both" },
  );
  expect(rendered).toBe(
    [
      "from \\ to   node-1  node-2  node-3",
      "node-1 (a)       ·    FAIL   210µs",
      "node-2 (a)  did not answer: no answer within 1 s",
      "node-3 (b)   210µs   210µs       ·",
    ].join("\n"),
  );
});

test("what is broken is listed worst first, with a direction only where UDP knows one", () => {
  const udp = { ...pair(2, { probes: 20, failures: 4, lostForward: 4 }), protocol: "udp" } as const;
  expect(
    brokenPairs(
      snapshot(
        [row(0, [pair(1, { failures: 30 }), udp, pair(2, { failures: 1 })])],
        [{ node: NODES[1], reason: "refused" }],
      ),
    ),
  ).toEqual([
    "node-2 did not answer: refused",
    "node-1 → node-2 loses 50% (pod network, ICMP, IPv4)",
    "node-1 → node-3 loses 20% (pod network, UDP, IPv4; on the way there 4, on the way back 0)",
  ]);
});

test("views come in a fixed order, each once", () => {
  const tcp = { ...pair(1), protocol: "tcp" } as const;
  const node = { ...pair(1), network: "node" } as const;
  expect(viewsOf(snapshot([row(0, [node, tcp, pair(1), pair(2)])]))).toEqual([
    VIEW,
    { ...VIEW, protocol: "tcp" },
    { ...VIEW, network: "node" },
  ]);
});

test("numbers keep at most three digits, and some loss is never shown as none or all", () => {
  expect([950, 2_345, 12_345, 123_456, 1_234_567, 2e9].map(formatNs)).toEqual([
    "950ns",
    "2.3µs",
    "12µs",
    "123µs",
    "1.2ms",
    "2s",
  ]);
  expect([0, 0.0004, 0.0123, 0.2, 0.995, 1].map(formatLoss)).toEqual(["0%", "<0.1%", "1.2%", "20%", ">99%", "100%"]);
});

test.each(Object.entries(HOSTILE))("%s in a name, a zone or a reason does nothing to the terminal", (_what, text) => {
  const nodes = [
    { name: text, zone: text },
    { name: "node-2", zone: "b" },
  ];
  const hostile: Snapshot = {
    ...snapshot([
      { ...row(0, []), source: nodes[0]!, pairs: [{ ...pair(1, { failures: 60 }), destination: nodes[1]! }] },
    ]),
    nodes,
    missing: [{ node: nodes[1]!, reason: text }],
  };
  const said = [...renderMatrix(hostile, { view: VIEW, show: "both" }).split("\n"), ...brokenPairs(hostile)];
  expect(said).toHaveLength(3 + 2);
  expect(said.filter((line) => OBEYED.test(line))).toEqual([]);
});
