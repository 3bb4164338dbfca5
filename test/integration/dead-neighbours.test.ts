import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";
import { vethPair } from "../support/veth.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces");

const ROUNDS = 10;

// A zone without power: packets to its nodes wait in the kernel for neighbours that never answer (3 s each), and are
// charged to the send buffer of the socket that everyone else's probes leave by.
test.each(["icmp", "udp"] as const)(
  "a hundred dead neighbours do not keep the probes of a healthy one from being sent, %s",
  async (protocol) => {
    using pair = vethPair();
    pair.run(pair.far, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0"); // it refuses UDP every time
    using inside = enterNamespace(pair.near);
    void inside;
    const clock = systemClock();
    const kernel = openLinuxKernel(clock);
    const sink = new RecordingSink();
    const common = { kernel, clock, sink, families: ["ipv4"] as const, conntrack: () => "not-full" as const };
    using prober =
      protocol === "icmp"
        ? icmpProber({ ...common, settings: { timeoutMs: 150, sizeBytes: 64 } })
        : udpProber({
            ...common,
            settings: { timeoutMs: 150, sizeBytes: 1_400, port: 7_843 },
            source: "node-1",
            incarnation: "00112233445566aa",
          });
    const dead = Array.from({ length: 100 }, (_, i) => testSlot({ protocol, address: `10.99.7.${1 + i}` }));
    const healthy = testSlot({ protocol, address: pair.farIp });
    for (const slot of [...dead, healthy]) prober.open(slot);
    for (let round = 0; round < ROUNDS; round++) {
      prober.send([...dead, healthy]);
      while (prober.outstanding > 0) {
        await sleep(5);
        prober.drain();
        prober.expire();
      }
    }
    expect(sink.localErrors()).toEqual([]);
    // Over UDP nobody listens there.
    expect(sink.outcomes(healthy).map((o) => o.kind)).toEqual(
      Array.from({ length: ROUNDS }, () => (protocol === "icmp" ? "answered" : "refused")),
    );
    expect(sink.outcomes()).toHaveLength(101 * ROUNDS);
  },
);
