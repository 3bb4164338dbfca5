import { describe, expect, it } from "vitest";
import { udpPair } from "../support/udp-pair.ts";

describe("UDP probes", () => {
  it.each(["ipv4", "ipv6"] as const)("measure the path alone over %s: the reflector's residence is taken out", (family) => {
    const { round, sink, reflector } = udpPair({ family });
    round();
    const [outcome] = sink.outcomes();
    // 1 ms each way; the reflector only looked 9 ms after the packet came, and guesses 2.5 us for its own send.
    expect(outcome).toMatchObject({ kind: "answered", clock: "kernel" });
    expect(Math.abs((outcome as { rttNs: number }).rttNs - 2_000_000)).toBeLessThan(2_600);
    expect(reflector.counts).toMatchObject({ answered: 1, faults: {} });
  });
});
