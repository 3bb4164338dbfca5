import { expect, test } from "vitest";
import { FAILED, REFUSED, type Outcome } from "../../agent/model/outcome.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { createResults, type Capture } from "../../agent/results/results.ts";
import type { Counter } from "../../agent/results/counters.ts";
import { FakeClock } from "../support/fake-clock.ts";

const answered = (rttNs: number | undefined): Outcome => ({ kind: "answered", rttNs, clock: "kernel" });

function slot(index: number, options: Partial<Slot> & { readonly to?: string; readonly zone?: string } = {}): Slot {
  const { to = `node-${index + 2}`, zone = "b", ...rest } = options;
  return {
    index,
    pair: { source: { name: "node-1", zone: "a" }, destination: { name: to, zone } },
    network: "pod",
    protocol: "icmp",
    family: "ipv4",
    address: "10.0.0.1",
    ...rest,
  };
}

function setup(pairDetail: "default" | "full" = "default") {
  const clock = new FakeClock();
  const results = createResults({ clock, pairDetail });
  const count = (of: Slot, counter: Counter): number => {
    const capture = results.capture();
    return capture.counters.get(capture.slots.indexOf(of), counter);
  };
  return { clock, results, count };
}

const rowOf = (capture: Capture, of: Slot) => capture.slots.indexOf(of);

test("a slot exists with every counter at 0 from the moment it is opened", () => {
  const { results } = setup();
  const a = slot(0);
  results.open(a);
  const { slots, counters, delays, zones } = results.capture();
  expect(slots).toEqual([a]);
  expect(
    ["probes", "failures", "refusals", "rttCount", "retransmits", "timeout", "late", "forward"].map((c) =>
      counters.get(0, c as Counter),
    ),
  ).toEqual(Array(8).fill(0));
  expect(counters.rttSumNs(0)).toBe(0);
  expect(delays.maxNs[0]).toBeNaN();
  expect(zones).toMatchObject([
    { sourceZone: "a", destinationZone: "b", network: "pod", protocol: "icmp", family: "ipv4", sumNs: 0 },
  ]);
  expect(results.window(a)).toEqual({
    probes: 0,
    failures: 0,
    refusals: 0,
    reasons: {},
    retransmits: 0,
    lostForward: 0,
    lostReverse: 0,
    rttMeanNs: undefined,
    rttMinNs: undefined,
    rttMaxNs: undefined,
    jitterNs: undefined,
  });
});

test("every outcome counts as one probe, a failure also as a failure and as its reason, and only an answer with a delay touches the delays", () => {
  const { results, count } = setup();
  const a = slot(0);
  results.open(a);
  results.record(a, answered(100_000));
  results.record(a, answered(undefined));
  results.record(a, REFUSED);
  results.record(a, FAILED.timeout);
  results.record(a, FAILED.unreachable);
  results.record(a, FAILED.blocked);
  results.record(a, FAILED.blocked);
  expect(
    (["probes", "failures", "refusals", "rttCount", "timeout", "unreachable", "blocked"] as const).map((c) =>
      count(a, c),
    ),
  ).toEqual([7, 4, 1, 1, 1, 1, 2]);
  expect(results.capture().counters.rttSumNs(0)).toBe(100_000);
  expect(results.capture().zones[0]!.cumulative.at(-1)).toBe(1);
  expect(results.window(a)).toMatchObject({
    probes: 7,
    failures: 4,
    refusals: 1,
    reasons: { timeout: 1, unreachable: 1, blocked: 2 },
    rttMeanNs: 100_000,
  });
});

test("a delay that becomes known after its answer counts where the answer's own would have, and is no second probe", () => {
  const { results, count, clock } = setup("full");
  const a = slot(0);
  results.open(a);
  for (const [rttNs, previousRttNs] of [
    [100_000, undefined],
    [300_000, 100_000],
    [250_000, 300_000],
    [900_000, undefined],
  ] as const) {
    results.record(a, answered(undefined));
    clock.advanceMs(2_000);
    results.delay(a, { rttNs, previousRttNs, clock: "kernel" });
  }
  expect((["probes", "failures", "rttCount"] as const).map((c) => count(a, c))).toEqual([4, 0, 4]);
  const { counters, delays, zones, histograms } = results.capture();
  expect(counters.rttSumNs(0)).toBe(1_550_000);
  expect([delays.maxNs[0], delays.minNs[0], delays.jitterNs[0]]).toEqual([900_000, 100_000, 125_000]);
  expect([zones[0]!.cumulative.at(-1), histograms[0]!.cumulative.at(-1), zones[0]!.sumNs]).toEqual([4, 4, 1_550_000]);
  expect(results.window(a)).toMatchObject({ probes: 4, rttMeanNs: 387_500, jitterNs: 125_000 });
  expect(results.counts().stamps).toContainEqual({ protocol: "icmp", clock: "kernel", count: 4 });
  results.close(a);
  results.delay(a, { rttNs: 1, previousRttNs: undefined, clock: "kernel" });
  expect(results.counts().stamps).toContainEqual({ protocol: "icmp", clock: "kernel", count: 4 });
});

test("anomalies and directions have counters of their own and are not probes; retransmits come with one", () => {
  const { results, count } = setup();
  const a = slot(0, { protocol: "tcp" });
  results.open(a);
  results.anomaly(a, "late");
  results.anomaly(a, "duplicate");
  results.anomaly(a, "corrupt");
  expect([count(a, "probes"), results.window(a).probes]).toEqual([0, 0]);
  results.record(a, { ...FAILED.timeout, retransmits: 3 });
  results.lost(a, "unknown");
  expect(
    (
      ["probes", "failures", "late", "duplicate", "corrupt", "retransmits", "forward", "reverse", "unknown"] as const
    ).map((c) => count(a, c)),
  ).toEqual([1, 1, 1, 1, 1, 3, 0, 0, 1]);
  expect(results.window(a)).toMatchObject({ probes: 1, retransmits: 3 });
});

test("a closed slot is gone with its counters, and what is still recorded of it is ignored, also when its index has a new owner", () => {
  const { results, count } = setup();
  const old = slot(0);
  results.open(old);
  results.record(old, FAILED.timeout);
  results.close(old);
  results.close(old);
  expect(results.slots()).toEqual([]);
  expect(results.capture().zones).toEqual([]);
  expect(() => results.window(old)).toThrow(/not open/);

  const next = slot(0, { to: "node-9" });
  results.open(next);
  for (const late of [
    () => results.record(old, FAILED.timeout),
    () => results.anomaly(old, "late"),
    () => results.record(old, { ...FAILED.timeout, retransmits: 1 }),
    () => results.lost(old, "forward"),
    () => results.close(old),
  ])
    late();
  expect(results.slots()).toEqual([next]);
  expect((["probes", "failures", "late", "retransmits", "forward"] as const).map((c) => count(next, c))).toEqual([
    0, 0, 0, 0, 0,
  ]);
  expect(results.window(next).probes).toBe(0);
});

test("opening an index that another slot still has is refused, because two pairs would share their numbers", () => {
  const { results } = setup();
  results.open(slot(3, { to: "node-5" }));
  expect(() => results.open(slot(3, { to: "node-6" }))).toThrow("slot 3 was opened while 'node-5' still has it");
});

test("a slot that moves to a new address keeps what it counted, and jitter does not compare across the move", () => {
  const { results, count } = setup();
  const from = slot(0);
  results.open(from);
  results.record(from, answered(100_000));
  const to = { ...from, address: "10.0.0.99" };
  results.move(from, to);
  results.record(from, answered(1)); // the old address's last word
  results.record(to, answered(900_000));
  expect(results.slots()).toEqual([to]);
  expect(count(to, "probes")).toBe(2);
  expect(results.window(to)).toMatchObject({ probes: 2, rttMaxNs: 900_000, jitterNs: undefined });
  expect(() => results.move(to, { ...to, index: 1 })).toThrow(/keeps its row/);
});

test("counters and windows survive growth to thousands of slots", () => {
  const { results, count } = setup();
  const slots = Array.from({ length: 3_000 }, (_, i) => slot(i));
  for (const s of slots) {
    results.open(s);
    results.record(s, answered((s.index + 1) * 1_000));
  }
  for (const i of [0, 63, 64, 127, 128, 2_047, 2_048, 2_999]) {
    expect(count(slots[i]!, "probes")).toBe(1);
    expect(results.capture().counters.rttSumNs(i)).toBe((i + 1) * 1_000);
    expect(results.window(slots[i]!)).toMatchObject({ probes: 1, rttMaxNs: Math.fround((i + 1) * 1_000) });
  }
});

test("a capture does not change with what is recorded after it", () => {
  const { results } = setup("full");
  const a = slot(0);
  results.open(a);
  results.record(a, answered(100_000));
  const capture = results.capture();
  results.record(a, answered(900_000));
  results.record(a, FAILED.timeout);
  results.close(a);
  expect([
    capture.counters.get(0, "probes"),
    capture.counters.get(0, "failures"),
    capture.counters.rttSumNs(0),
  ]).toEqual([1, 0, 100_000]);
  expect(capture.delays.maxNs[0]).toBe(100_000);
  expect(capture.histograms[0]!.cumulative.at(-1)).toBe(1);
  expect(capture.zones[0]!.cumulative.at(-1)).toBe(1);
});

test("rows of a capture follow its slots, not their indexes", () => {
  const { results } = setup();
  const [a, b, c] = [slot(0), slot(1), slot(2)];
  for (const s of [a, b, c]) results.open(s);
  results.record(c, FAILED.timeout);
  results.close(b);
  const capture = results.capture();
  expect(capture.slots).toEqual([a, c]);
  expect(capture.counters.get(rowOf(capture, c), "failures")).toBe(1);
  expect(capture.counters.get(rowOf(capture, a), "failures")).toBe(0);
});

test("the delays of all slots between two zones meet in one histogram, told apart by network, protocol and family", () => {
  const { results } = setup();
  const slots = [slot(0), slot(1), slot(2, { zone: "c" }), slot(3, { network: "node" }), slot(4, { family: "ipv6" })];
  for (const s of slots) results.open(s);
  for (const s of slots) results.record(s, answered(25_000));
  results.record(slots[0]!, answered(25_001));
  results.record(slots[0]!, answered(11e9));
  const { zones } = results.capture();
  expect(zones.map((z) => [z.destinationZone, z.network, z.family, z.cumulative.at(-1)])).toEqual([
    ["b", "pod", "ipv4", 4],
    ["c", "pod", "ipv4", 1],
    ["b", "node", "ipv4", 1],
    ["b", "pod", "ipv6", 1],
  ]);
  // At most 25 µs: two; at most 50 µs: three; beyond 10 s only +Inf.
  expect([...zones[0]!.cumulative].slice(0, 3)).toEqual([2, 3, 3]);
  expect(zones[0]!.cumulative.at(-2)).toBe(3);
  expect(zones[0]!.sumNs).toBe(25_000 * 2 + 25_001 + 11e9);
});

test("a zone's histogram stays while one of its slots is open and goes with the last", () => {
  const { results } = setup();
  const [a, b] = [slot(0), slot(1)];
  results.open(a);
  results.open(b);
  results.record(a, answered(1_000));
  results.close(a);
  expect(results.capture().zones).toMatchObject([{ sumNs: 1_000 }]);
  results.close(b);
  expect(results.capture().zones).toEqual([]);
});

test("zone names that contain separators are still different zones", () => {
  const { results } = setup();
  results.open(slot(0, { zone: 'b","pod' }));
  results.open(slot(1, { zone: "b" }));
  results.open(slot(2, { zone: "" }));
  expect(results.capture().zones.map((z) => z.destinationZone)).toEqual(['b","pod', "b", ""]);
});

test("per-pair histograms, minimum and jitter are captured in full detail only", () => {
  for (const [detail, histograms] of [
    ["default", 0],
    ["full", 1],
  ] as const) {
    const { results } = setup(detail);
    const a = slot(0);
    results.open(a);
    results.record(a, answered(100_000));
    results.record(a, answered(300_000));
    const capture = results.capture();
    expect(capture.histograms.length).toBe(histograms);
    expect(capture.delays.maxNs[0]).toBe(300_000);
    expect([capture.delays.minNs[0], capture.delays.jitterNs[0]]).toEqual(
      detail === "full" ? [100_000, 200_000] : [Number.NaN, Number.NaN],
    );
  }
});

test("skipped probes, local errors and stamps are counted for the agent, by what they belong to", () => {
  const { results } = setup();
  const icmp = slot(0);
  const udp = slot(1, { protocol: "udp", network: "node" });
  results.open(icmp);
  results.open(udp);
  results.skipped(icmp);
  results.skipped(udp);
  results.skipped(udp);
  results.localError(udp, "ENOBUFS");
  results.localError(udp, "ENOBUFS");
  results.localError(icmp, "EMFILE");
  results.record(icmp, answered(1_000));
  results.record(icmp, answered(undefined));
  results.record(udp, { kind: "answered", rttNs: 1_000, clock: "user" });
  const { skipped, localErrors, stamps } = results.counts();
  expect(skipped.filter((s) => s.count > 0)).toEqual([
    { network: "pod", protocol: "icmp", count: 1 },
    { network: "node", protocol: "udp", count: 2 },
  ]);
  expect(localErrors).toEqual([
    { network: "node", protocol: "udp", errno: "ENOBUFS", count: 2 },
    { network: "pod", protocol: "icmp", errno: "EMFILE", count: 1 },
  ]);
  expect(stamps.filter((s) => s.count > 0)).toEqual([
    { protocol: "icmp", clock: "kernel", count: 1 },
    { protocol: "udp", clock: "user", count: 1 },
  ]);
  expect(results.capture().counters.get(0, "probes")).toBe(2); // none of it was a probe
});

test("health of the trailing minute forgets after a minute, and one user stamp among kernel stamps marks its protocol", () => {
  const { results, clock } = setup();
  const a = slot(0);
  results.open(a);
  results.skipped(a);
  results.localError(a, "ENOBUFS");
  results.record(a, answered(1_000));
  expect(results.recent()).toEqual({ probesSkipped: 1, localErrors: 1, stamps: { icmp: "kernel" } });
  clock.advanceMs(30_000);
  results.record(a, { kind: "answered", rttNs: 1_000, clock: "user" });
  expect(results.recent().stamps).toEqual({ icmp: "user" });
  clock.advanceMs(30_000);
  expect(results.recent()).toEqual({ probesSkipped: 0, localErrors: 0, stamps: { icmp: "user" } });
  clock.advanceMs(31_000);
  expect(results.recent()).toEqual({ probesSkipped: 0, localErrors: 0, stamps: {} });
});

test("the last hour of a slot is told in whole minutes: all that the stretch touches, retransmits as lost probes", () => {
  const { clock, results } = setup();
  const a = slot(0, { protocol: "tcp" });
  results.open(a);
  const nowMs = () => clock.baseSeconds * 1_000 + clock.realtimeNs() / 1e6;
  const ago = (ms: number) => new Date(nowMs() - ms).toISOString();
  results.record(a, answered(200_000));
  clock.advanceMs(10 * 60_000);
  results.record(a, { ...answered(undefined), retransmits: 1 });
  results.record(a, FAILED.timeout);
  clock.advanceMs(60_000);
  const last = { since: ago(90_000), until: ago(0) };
  expect(results.past(a, last)).toMatchObject({ probes: 3, failures: 2, retransmits: 0, rttMeanNs: undefined });
  const all = results.past(a, { since: ago(3_600_000), until: ago(0) });
  expect(all).toMatchObject({ probes: 4, failures: 2 });
  expect(Math.abs(all.rttMeanNs! / 200_000 - 1)).toBeLessThan(0.0005);
});

test("what is kept begins with the agent's start, is at most an hour, and its minutes outlive a step of the clock", () => {
  const { clock, results } = setup();
  const a = slot(0);
  results.open(a);
  results.record(a, answered(200_000));
  const nowMs = () => clock.baseSeconds * 1_000 + clock.realtimeNs() / 1e6;
  const ago = (ms: number) => new Date(nowMs() - ms).toISOString();
  const startedMs = Math.floor(nowMs() / 1_000) * 1_000;
  clock.advanceMs(5 * 60_000);
  expect(Date.parse(results.kept({ since: ago(3_600_000), until: ago(0) }).since)).toBe(startedMs);
  clock.stepRealtimeMs(7_200_000);
  expect(results.past(a, { since: ago(360_000), until: ago(240_000) })).toMatchObject({ probes: 1 });
  expect(results.past(a, { since: ago(120_000), until: ago(0) })).toMatchObject({ probes: 0 });
  clock.advanceMs(3_600_000 * 3);
  const kept = results.kept({ since: ago(3_600_000 * 3), until: ago(0) });
  expect((nowMs() - Date.parse(kept.since)) / 60_000).toBeGreaterThanOrEqual(60);
  expect((nowMs() - Date.parse(kept.since)) / 60_000).toBeLessThan(61);
});

test("a SYN that was sent again is told in its second, though its handshake was answered", () => {
  const { clock, results } = setup();
  const a = slot(0, { protocol: "tcp" });
  results.open(a);
  results.record(a, { kind: "answered", rttNs: undefined, clock: "kernel", retransmits: 1 });
  clock.advanceMs(1_000);
  expect(results.lostSeconds(a)).toBe(`${"0".repeat(58)}10`);
});

test("a window tells the seconds that lost something, and UDP what each source port lost", () => {
  const { clock, results } = setup();
  const a = slot(0, { protocol: "udp" });
  results.open(a);
  results.record(a, answered(5_000), 3);
  expect(results.lostSeconds(a)).toBeUndefined();
  clock.advanceMs(1_000);
  results.record(a, FAILED.timeout, 4);
  results.record(a, FAILED.timeout, 4);
  clock.advanceMs(2_000);
  expect(results.lostSeconds(a)).toBe(`${"0".repeat(57)}200`);
  expect(results.ports(a)).toEqual({ probes: [0, 0, 0, 1, 2, 0, 0, 0], failures: [0, 0, 0, 0, 2, 0, 0, 0] });
  clock.advanceMs(60_000);
  expect(results.lostSeconds(a)).toBeUndefined();
  results.close(a);
  results.open(a);
  expect(results.ports(a)).toBeUndefined();
});

test("failures are those of all slots together, with SYNs that were sent again, and stay when a slot is closed", () => {
  const { results } = setup();
  const [a, b] = [slot(0), slot(1, { protocol: "tcp" })];
  results.open(a);
  results.open(b);
  results.record(a, answered(1));
  results.record(a, REFUSED);
  expect(results.failures()).toBe(0);
  results.record(a, FAILED.timeout);
  results.record(b, { ...answered(undefined), retransmits: 2 });
  expect(results.failures()).toBe(3);
  results.close(a);
  results.record(a, FAILED.timeout);
  expect(results.failures()).toBe(3);
});
