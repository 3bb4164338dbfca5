// Round trips against a capture as a share of the round trip: emulation is slow, and an absolute bar would judge the emulator.
import { expect, test } from "vitest";
import { capturedRoundTrips } from "../../support/icmp-capture.ts";
import { vethPair } from "../../support/veth.ts";

const DELAY_MS = 20;
const COUNT = 100;

test("on a path of 20 ms half of all round trips are within 2 % of the capture's, and 95 of 100 within 10 %", async () => {
  using pair = vethPair();
  pair.run(pair.far, "tc", "qdisc", "add", "dev", "veth0", "root", "netem", "delay", `${DELAY_MS}ms`);
  const { reportedNs, capturedNs } = await capturedRoundTrips(pair, { count: COUNT, periodMs: 5 * DELAY_MS });
  expect(reportedNs).toHaveLength(COUNT);
  expect(reportedNs).not.toContain(null);
  expect(capturedNs).toHaveLength(COUNT);
  expect(Math.min(...capturedNs)).toBeGreaterThan(DELAY_MS * 1e6);
  const errors = capturedNs.map((ns, i) => Math.abs(reportedNs[i]! - ns) / ns).sort((a, b) => a - b);
  expect(errors[COUNT / 2]).toBeLessThan(0.02);
  expect(errors[COUNT * 0.95]).toBeLessThan(0.1);
});
