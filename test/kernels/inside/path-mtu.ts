// The path MTU that the agent's prober finds from one namespace to an address of another.
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../../agent/kernel/linux.ts";
import { pathMtuProber } from "../../../agent/probes/path-mtu.ts";
import { udpReflector } from "../../../agent/reflector/udp-reflector.ts";
import { enterNamespace } from "../../support/enter-namespace.ts";
import { SLOWER_BY } from "../../support/slower.ts";
import { testSlot } from "../../support/test-slot.ts";

const PORT = 7_843;
const MAX_PACKET_BYTES = 9_000;

export interface PathMtu {
  readonly passesBytes: number;
  readonly shortfallBytes: number;
}

export interface PathMtuOptions {
  readonly from: string;
  readonly to: { readonly namespace: string; readonly address: string };
}

/** Resolves to what it says first; rejects when it says nothing. */
export async function pathMtu({ from, to }: PathMtuOptions): Promise<PathMtu> {
  const clock = systemClock();
  const kernel = openLinuxKernel(clock);
  const open = <T>(namespace: string, make: () => T): T => {
    using inside = enterNamespace(namespace);
    void inside;
    return make();
  };
  using reflector = open(to.namespace, () =>
    udpReflector({
      kernel,
      clock,
      port: PORT,
      listen: [{ family: "ipv4", address: to.address }],
      incarnation: "ffeeddccbbaa9988",
      maxPacketBytes: MAX_PACKET_BYTES,
      isFrom: () => true,
      nodeOf: () => undefined,
    }),
  );
  // It opens its sockets when it sees a slot first.
  using inside = enterNamespace(from);
  void inside;
  using prober = pathMtuProber({
    kernel,
    clock,
    families: ["ipv4"],
    source: "node-1",
    incarnation: "00112233445566aa",
    settings: { intervalMs: 10, timeoutMs: 150 * SLOWER_BY, port: PORT, maxPacketBytes: MAX_PACKET_BYTES },
  });
  prober.open(testSlot({ protocol: "udp", address: to.address }));
  for (let turns = 0; turns < 8_000; turns++) {
    await sleep(5);
    reflector.drain();
    prober.tick();
    const [value] = prober.values();
    if (value !== undefined) return { passesBytes: value.passesBytes, shortfallBytes: value.shortfallBytes };
  }
  throw new Error(`no path MTU from ${from} to ${to.address}`);
}
