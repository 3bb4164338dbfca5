import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { testSlot } from "../support/test-slot.ts";
import { vethPair } from "../support/veth.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces", "ping");

test.each(["ipv4", "ipv6"] as const)(
  "where datagram ICMP is forbidden a raw socket measures as well, and its filter keeps everybody else's ICMP out (%s)",
  async (family) => {
    using pair = vethPair({ datagramIcmp: false });
    const far = family === "ipv4" ? pair.farIp : pair.farIp6;
    const clock = systemClock();
    const kernel = openLinuxKernel(clock);
    const sink = new RecordingSink();
    const inside = enterNamespace(pair.near);
    using bystander = kernel.openIcmp({ family });
    using prober = icmpProber({
      kernel,
      clock,
      sink,
      settings: { timeoutMs: 500 * SLOWER_BY, sizeBytes: 64 },
      families: [family],
      conntrack: () => "not-full",
    });
    inside[Symbol.dispose]();
    expect(bystander.kind).toBe("raw");

    const slot = testSlot({ protocol: "icmp", address: far });
    prober.open(slot);
    for (let i = 0; i < 20; i++) {
      prober.send([slot]);
      await sleep(10);
      prober.drain();
      prober.expire();
    }
    pair.run(pair.near, "ping", "-c", "50", "-i", "0.002", far);
    prober.drain();
    expect(sink.outcomes()).toHaveLength(20);
    expect(
      sink
        .outcomes()
        .every((o) => o.kind === "answered" && o.clock === "kernel" && o.rttNs !== undefined && o.rttNs > 0),
    ).toBe(true);
    expect(sink.anomalies()).toEqual([]);
    // 70 replies reached this namespace; none carried the bystander's identifier.
    expect(bystander.receive(kernel.createBatch(8, 256))).toBe(0);
  },
);
