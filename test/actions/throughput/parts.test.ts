// The parts of a throughput run that need no network: what its packets say, how its pace is kept, what came of a stream.
import { describe, expect, test } from "vitest";
import { Pacer } from "../../../agent/actions/throughput/pacer.ts";
import { mostBytes, throughputRequest } from "../../../agent/actions/throughput/request.ts";
import { UdpTally } from "../../../agent/actions/throughput/udp-tally.ts";
import { formatBits, formatBytes } from "../../../agent/base/format.ts";
import { BULK_HEADER_BYTES, readBulkHeader, writeBulkHeader } from "../../../agent/wire/throughput.ts";

const SESSION = "00112233445566ff";

describe("a packet in bulk", () => {
  const header = { kind: "data", stream: 3, sequence: 4_000_000_000, sentNs: 1.5e15 } as const;
  const bytes = new Uint8Array(100);
  writeBulkHeader(bytes, SESSION, header);

  test("says whose it is, which it is, and when it left", () => {
    expect(readBulkHeader(bytes, SESSION)).toEqual(header);
  });

  test("is nobody's with another session, too short, or with bits that mean nothing", () => {
    expect(readBulkHeader(bytes, "00112233445566fe")).toBeUndefined();
    expect(readBulkHeader(bytes.subarray(0, BULK_HEADER_BYTES - 1), SESSION)).toBeUndefined();
    for (const at of [0, 4, 8, 15]) {
      const other = bytes.slice();
      other[at] = 0x7f;
      expect(readBulkHeader(other, SESSION)).toBeUndefined();
    }
    const never = bytes.slice();
    never.fill(0xff, 20, 28); // NaN
    expect(readBulkHeader(never, SESSION)).toBeUndefined();
  });
});

describe("the pace", () => {
  test("is the rate asked for, however often it is looked at", () => {
    const pacer = new Pacer({ rateMbps: 80, messageBytes: 1_000, nowNs: 0 });
    let sent = 0;
    for (let ns = 0; ns <= 1e9; ns += 1e6) {
      const messages = pacer.messages(1_000, ns);
      pacer.used(messages * 1_000);
      sent += messages;
    }
    expect(sent).toBe(10_000);
  });

  /** Messages of 1,000 bytes at 80 Mbit/s: 10,000 a second, 10 a millisecond. */
  const sentBy = (momentsMs: readonly number[]): readonly number[] => {
    const pacer = new Pacer({ rateMbps: 80, messageBytes: 1_000, nowNs: 0 });
    return momentsMs.map((ms) => {
      const messages = pacer.messages(1_000, ms * 1e6);
      pacer.used(messages * 1_000);
      return messages;
    });
  };
  const sum = (counts: readonly number[]) => counts.reduce((total, one) => total + one, 0);
  const every = (step: number, from: number, to: number) =>
    Array.from({ length: (to - from) / step + 1 }, (_, i) => from + i * step);

  test.each([1, 10, 40])("is kept where a busy CPU gives a turn every %i ms", (step) => {
    expect(sum(sentBy(every(step, 0, 4_000)))).toBe(40_000);
  });

  test("makes up for pauses, at no more than twice the rate and 50 ms at once", () => {
    const counts = sentBy([...every(1, 0, 500), ...every(1, 900, 2_000)]);
    expect(sum(counts)).toBe(20_000);
    expect(counts[501]).toBe(500);
    expect(Math.max(...counts.slice(502))).toBe(20);
  });

  test("makes up for no more than a second of a pause", () => {
    expect(sum(sentBy([0, ...every(1, 5_000, 8_000)]))).toBe(10_000 + 30_000);
  });

  test("lets messages through that are larger than a burst", () => {
    const pacer = new Pacer({ rateMbps: 1, messageBytes: 131_072, nowNs: 0 });
    expect(pacer.messages(131_072, 1e9)).toBe(0);
    expect(pacer.messages(131_072, 1.1e9)).toBe(1);
  });
});

describe("what came of a stream", () => {
  test("counts each packet once, and tells what came twice or out of order", () => {
    const tally = new UdpTally();
    for (const [i, sequence] of [0, 1, 3, 2, 2, 5].entries()) tally.came(sequence, i * 1e6, i * 1e6);
    expect(tally).toMatchObject({ packets: 5, duplicates: 1, reordered: 1 });
  });

  test("takes what comes later than anything remembered for a duplicate", () => {
    const tally = new UdpTally();
    tally.came(20_000, 0, 0);
    tally.came(1, 0, 0);
    expect(tally).toMatchObject({ packets: 1, duplicates: 1 });
  });

  test("has the jitter of RFC 3550, whatever the two clocks say", () => {
    const tally = new UdpTally();
    // Every other packet 160 µs late: D is 160 µs each time, and the mean goes there.
    for (let i = 0; i < 200; i++) tally.came(i, i * 1e6, 7e12 + i * 1e6 + (i % 2) * 160e3);
    expect(tally.jitterNs).toBeGreaterThan(159e3);
    expect(tally.jitterNs).toBeLessThanOrEqual(160e3);
    const even = new UdpTally();
    for (let i = 0; i < 200; i++) even.came(i, i * 1e6, 9e12 + i * 1e6);
    expect(even.jitterNs).toBe(0);
  });
});

describe("a run", () => {
  test("has a most that can be told before it begins", () => {
    expect(mostBytes({ protocol: "tcp", seconds: 10, networks: 1 })).toBe(12.5e9);
    expect(mostBytes({ protocol: "udp", seconds: 5, networks: 1 })).toBe(62.5e6);
    expect(mostBytes({ protocol: "tcp", seconds: 5, networks: 2, rateMbps: 8 })).toBe(10e6);
    expect([formatBytes(12.5e9), formatBytes(999), formatBits(941.2e6), formatBits(0), formatBits(999.6e6)]).toEqual([
      "12.5 GB",
      "999 B",
      "941 Mbit/s",
      "0 bit/s",
      "1.00 Gbit/s",
    ]);
  });

  test("is refused above its caps", () => {
    const isAllowed = (own: object) => throughputRequest.safeParse({ target: "node-2", ...own }).success;
    expect([{}, { seconds: 60 }, { streams: 16 }, { rateMbps: 10_000 }].every(isAllowed)).toBe(true);
    for (const own of [{ seconds: 61 }, { streams: 17 }, { rateMbps: 10_001 }, { address: "10.0.0.1" }, { seconds: 0 }])
      expect(isAllowed(own)).toBe(false);
    expect(isAllowed({ protocol: "udp", messageBytes: 9_000 })).toBe(false);
    expect(isAllowed({ protocol: "tcp", messageBytes: 9_000 })).toBe(true);
  });
});
