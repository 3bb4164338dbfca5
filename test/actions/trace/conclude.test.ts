// What a trace says of a path, from what its probes met.
import { describe, expect, test } from "vitest";
import { concludeTrace } from "../../../agent/actions/trace/conclude.ts";
import type { Hop, PortEnd, TraceReport } from "../../../agent/actions/trace/report.ts";

const ALL = [0, 1, 2, 3];
const hop = (
  n: number,
  routers: readonly (readonly [string, readonly number[]])[],
  sent = 8,
  answered = sent,
): Hop => ({
  hop: n,
  sent,
  answered,
  routers: routers.map(([address, ports]) => ({ address, ports, answered: Math.round(answered / routers.length) })),
});
const end = (answered: number, sent = 20): PortEnd => ({ sent, answered, refused: 0, hops: 3 });

const traceOf = (own: Partial<TraceReport>): TraceReport => ({
  from: "node-1",
  to: "node-2",
  network: "pod",
  family: "ipv4",
  address: "10.244.2.2",
  targetPort: 7_843,
  sourcePorts: [40_001, 40_002, 40_003, 40_004],
  hops: [hop(1, [["10.0.0.1", ALL]]), hop(2, [["10.0.0.2", ALL]])],
  ends: ALL.map(() => end(20)),
  refusals: [],
  unsent: [],
  ...own,
});

describe("a path is fine", () => {
  test("when everything comes back", () => {
    expect(concludeTrace(traceOf({}))).toEqual({
      isFault: false,
      text: "All 4 source ports reach node-2 in 3 hops: nothing of 80 probes is lost.",
      notes: [],
    });
  });

  test("when a router leaves probes unanswered that reach the end, which is said", () => {
    const hops = [hop(1, [["10.0.0.1", ALL]], 8, 3), hop(2, [["10.0.0.2", ALL]])];
    expect(concludeTrace(traceOf({ hops }))).toMatchObject({
      isFault: false,
      notes: [
        "Hop 1 leaves probes unanswered which others of the same path get through: routers limit such errors, and that is no loss.",
      ],
    });
  });

  test("when the target refuses, as on a network where no agent listens", () => {
    const ends = ALL.map(() => ({ sent: 2, answered: 0, refused: 2 }));
    expect(concludeTrace(traceOf({ ends, network: "node" }))).toMatchObject({
      isFault: false,
      text: "All 4 source ports reach node-2, which refuses UDP port 7843, as it does where no agent listens on this network: nothing of 8 probes is lost.",
    });
  });

  test("when one probe of many is lost", () => {
    expect(concludeTrace(traceOf({ ends: [end(19), end(20), end(20), end(20)] }))).toMatchObject({
      isFault: false,
      text: "All 4 source ports reach node-2 in 3 hops: 1 of 80 probes lost.",
    });
  });
});

describe("a path is bad", () => {
  test("for some source ports: by another router than the good ones", () => {
    const [bad, good] = [
      [1, 3],
      [0, 2],
    ];
    const hops = [
      hop(1, [["10.0.0.1", ALL]]),
      hop(2, [
        ["10.0.1.2", good],
        ["10.0.2.2", bad],
      ]),
    ];
    expect(concludeTrace(traceOf({ hops, ends: [end(20), end(0), end(20), end(12)] })).text).toBe(
      "From source ports 40002 and 40004 70% is lost, from the other 2 less than 3%: one of several paths is bad. At hop 2 the bad ports go by 10.0.2.2, the others by 10.0.1.2.",
    );
  });

  test("for some source ports, where no router tells the ways apart", () => {
    expect(concludeTrace(traceOf({ ends: [end(20), end(10), end(20), end(20)] })).text).toBe(
      "From source port 40002 50% is lost, from the other 3 less than 3%: one of several paths is bad. No router that answers tells the paths apart.",
    );
  });

  test("for all of them, from the hop on that answers with the same loss", () => {
    const hops = [hop(1, [["10.0.0.1", ALL]]), hop(2, [["10.0.0.2", ALL]], 8, 6)];
    expect(concludeTrace(traceOf({ hops, ends: ALL.map(() => end(14)) }))).toMatchObject({
      isFault: true,
      text: "30% of 80 probes of node-2 are lost, on the way there or back; it may begin between hop 1, which answers without such loss, and hop 2, which answers with it.",
    });
  });

  test("when nothing comes back: behind the last router that answers", () => {
    const lost = ALL.map(() => ({ sent: 4, answered: 0, refused: 0 }));
    expect(concludeTrace(traceOf({ hops: [hop(1, [["10.0.0.1", ALL]])], ends: lost })).text).toBe(
      "Nothing comes back from UDP port 7843 of node-2: hop 1 (10.0.0.1) is the last that answers, so it ends behind that one, or on the way back. A filter that drops silently looks the same.",
    );
    expect(concludeTrace(traceOf({ hops: [], ends: lost })).text).toContain("no router answers either");
  });

  test("when somebody on the way rejects, or knows no way on", () => {
    const ends = ALL.map(() => ({ sent: 4, answered: 0, refused: 0 }));
    const by = { by: "10.10.0.2", node: "node-2", count: 4 };
    expect(concludeTrace(traceOf({ ends, refusals: [{ kind: "blocked", ...by }] })).text).toBe(
      "10.10.0.2 (node-2) rejects it: a policy or a firewall there lets no UDP through to port 7843 of node-2.",
    );
    expect(concludeTrace(traceOf({ ends, refusals: [{ kind: "unreachable", ...by }] })).text).toBe(
      "10.10.0.2 (node-2) says that node-2 cannot be reached from there: it has no route, or the next hop does not answer.",
    );
  });

  test("when packets go round in a circle", () => {
    const hops = [1, 2, 3, 4].map((n) => hop(n, [[`10.0.0.${n % 2}`, ALL]]));
    const ends = ALL.map(() => ({ sent: 4, answered: 0, refused: 0 }));
    expect(concludeTrace(traceOf({ hops, ends })).notes).toEqual([
      "Routers 10.0.0.1 and 10.0.0.0 answer again and again further on: a routing loop.",
    ]);
  });

  test("when this node itself sends nothing", () => {
    const ends = ALL.map(() => ({ sent: 0, answered: 0, refused: 0 }));
    expect(concludeTrace(traceOf({ ends, hops: [], unsent: [{ errno: "ENETUNREACH", count: 8 }] }))).toMatchObject({
      isFault: true,
      text: "Nothing could be sent: ENETUNREACH 8 times.",
    });
  });
});
