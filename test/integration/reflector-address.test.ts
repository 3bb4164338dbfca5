import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";
import { vethPair } from "../support/veth.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces");

const PORT = 7_843;

test("a reflector that listens on all addresses answers from the one that was asked, of either family", async () => {
  using pair = vethPair({ addresses: 1 });
  pair.run(pair.far, "ip", "addr", "add", "fd99::99/64", "dev", "veth0", "nodad");
  const clock = systemClock();
  const kernel = openLinuxKernel(clock);
  const sink = new RecordingSink();
  const inside = <T>(namespace: string, make: () => T): T => {
    using there = enterNamespace(namespace);
    void there;
    return make();
  };
  const families = ["ipv4", "ipv6"] as const;
  using reflector = inside(pair.far, () =>
    udpReflector({
      kernel,
      clock,
      port: PORT,
      listen: families.map((family) => ({ family })),
      incarnation: "ffeeddccbbaa9988",
      maxPacketBytes: 9_000,
      isFrom: () => true,
      nodeOf: () => undefined,
    }),
  );
  using prober = inside(pair.near, () =>
    udpProber({
      kernel,
      clock,
      sink,
      settings: { timeoutMs: 1_000, sizeBytes: 512, port: PORT },
      families,
      source: "node-1",
      incarnation: "00112233445566aa",
      conntrack: () => "not-full",
    }),
  );
  const slots = [pair.farIp, "10.99.1.1", pair.farIp6, "fd99::99"].map((address) =>
    testSlot({ protocol: "udp", address }),
  );
  for (const slot of slots) prober.open(slot);
  for (let round = 0; round < 3; round++) {
    prober.send(slots);
    while (prober.outstanding > 0) {
      await sleep(5);
      reflector.drain();
      prober.drain();
      prober.expire();
    }
  }
  for (const slot of slots)
    expect(sink.outcomes(slot).map((o) => [slot.address, o.kind])).toEqual(
      [1, 2, 3].map(() => [slot.address, "answered"]),
    );
  expect(reflector.counts).toMatchObject({ answered: 12, unsent: 0 });
});
