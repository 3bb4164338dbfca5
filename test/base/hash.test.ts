import { describe, expect, test } from "vitest";
import { hash32, phase } from "../../agent/base/hash.ts";

describe("phases", () => {
  test("spread names that differ in one digit evenly over the interval", () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) tenths[Math.floor(phase(`node-1>node-${i}/pod/icmp/ipv4`) * 10)]!++;
    for (const n of tenths) expect(Math.abs(n - 1_000)).toBeLessThan(120);
  });
  test("are the same in every release, or a rollout would move all probes at once", () => {
    expect(hash32("node-1>node-2/pod/icmp/ipv4")).toBe(2_802_532_194);
  });
});
