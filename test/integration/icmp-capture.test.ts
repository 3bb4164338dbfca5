import { expect } from "vitest";
import { capturedRoundTrips } from "../support/icmp-capture.ts";
import { needs } from "../support/needs.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { vethPair } from "../support/veth.ts";

// tcpdump becomes another user when it starts as root.
const { test } = await needs("namespaces", "tcpdump", "other users");

test("what tcpdump saw on the wire is what is reported, probe by probe", async () => {
  using pair = vethPair();
  const { reportedNs, capturedNs } = await capturedRoundTrips(pair, { count: 200, periodMs: 5 });
  expect(reportedNs).toHaveLength(200);
  expect(reportedNs).not.toContain(null);
  expect(capturedNs).toHaveLength(200);
  const errorsNs = capturedNs.map((ns, i) => Math.abs(reportedNs[i]! - ns)).sort((a, b) => a - b);
  // The capture's own cost lies between its stamp and ours: microseconds. Half a millisecond would be another packet.
  expect(errorsNs[100]).toBeLessThan(100_000 * SLOWER_BY);
  expect(errorsNs[190]).toBeLessThan(500_000 * SLOWER_BY);
});
