import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { readPcap, type Captured } from "../support/pcap.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { testSlot } from "../support/test-slot.ts";
import { vethPair } from "../support/veth.ts";
import { needs } from "../support/needs.ts";

// tcpdump becomes another user when it starts as root.
const { test } = await needs("namespaces", "tcpdump", "other users");

const PORT = 7_843;
const PROBES = 200;
/** IPv4 and UDP headers, STAMP header, TLV header, offset of the probe number in our body. */
const NUMBER_OFFSET = 20 + 8 + 44 + 4 + 12;

/** Between the two captures of each probe, on one side of the cable: request and reply. */
function spans(packets: readonly Captured[]): number[] {
  const requests = new Map<number, number>();
  const found: number[] = [];
  for (const { atNs, ip } of packets) {
    const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
    const number = view.getUint32(NUMBER_OFFSET);
    if (view.getUint16(22) === PORT) requests.set(number, atNs);
    else found[number] = atNs - requests.get(number)!;
  }
  return found;
}

test("what tcpdump saw at both ends of the cable is what is reported: the round trip without the reflector's residence", async () => {
  using pair = vethPair();
  const folder = mkdtempSync(join(tmpdir(), "internode-capture-"));
  try {
    const captures = await Promise.all(
      (["near", "far"] as const).map(async (side) => {
        const file = join(folder, `${side}.pcap`);
        const tcpdump = pair.start(
          pair[side],
          "tcpdump",
          "-i",
          "veth0",
          "-n",
          "--time-stamp-precision=nano",
          "-w",
          file,
          "udp",
          "port",
          String(PORT),
        );
        await once(tcpdump.stderr!, "data");
        return { file, tcpdump };
      }),
    );
    await sleep(300);
    const reported = await measure(pair);
    // tcpdump hands blocks over once a second.
    await sleep(1_500);
    for (const { tcpdump } of captures) {
      tcpdump.kill("SIGINT");
      await once(tcpdump, "exit");
    }
    const [roundTrips, residences] = captures.map(({ file }) => spans(readPcap(file)));
    // Exact is what the reply to the next probe has told: not the last one's delay, and not the first one's.
    expect(reported).toHaveLength(PROBES);
    expect(roundTrips).toHaveLength(PROBES + 2);
    expect(residences).toHaveLength(PROBES + 2);
    const errorsNs = reported
      .map((ns, i) => Math.abs(ns - (roundTrips![i + 1]! - residences![i + 1]!)))
      .sort((a, b) => a - b);
    // The captures' own cost lies between their stamps and ours: microseconds. Half a millisecond would be residence
    // that was not taken out, or another packet.
    expect(errorsNs[PROBES / 2]).toBeLessThan(100_000 * SLOWER_BY);
    expect(errorsNs[PROBES * 0.9]).toBeLessThan(500_000 * SLOWER_BY);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function measure(pair: {
  readonly near: string;
  readonly far: string;
  readonly farIp: string;
}): Promise<number[]> {
  const clock = systemClock();
  const kernel = openLinuxKernel(clock);
  const sink = new RecordingSink();
  const open = <T>(namespace: string, make: () => T): T => {
    const there = enterNamespace(namespace);
    try {
      return make();
    } finally {
      there[Symbol.dispose]();
    }
  };
  using reflector = open(pair.far, () =>
    udpReflector({
      kernel,
      clock,
      port: PORT,
      listen: [{ family: "ipv4" }],
      incarnation: "ffeeddccbbaa9988",
      maxPacketBytes: 9_000,
      isFrom: () => true,
      nodeOf: () => undefined,
    }),
  );
  using prober = open(pair.near, () =>
    udpProber({
      kernel,
      clock,
      sink,
      settings: { timeoutMs: 2_000, sizeBytes: 512, port: PORT },
      families: ["ipv4"],
      source: "node-1",
      incarnation: "00112233445566aa",
      conntrack: () => "not-full",
    }),
  );
  const slot = testSlot({ protocol: "udp", address: pair.farIp });
  prober.open(slot);
  for (let i = 0; i < PROBES + 2; i++) {
    prober.send([slot]);
    while (prober.outstanding > 0) {
      await sleep(7); // what waits for the reflector's turn is residence
      reflector.drain();
      prober.drain();
      prober.expire();
    }
  }
  expect(sink.outcomes().filter((o) => o.kind === "answered")).toHaveLength(PROBES + 2);
  return sink.events.flatMap((e) =>
    e.kind === "delay" ? [e.delay.clock === "kernel" ? e.delay.rttNs : Number.NaN] : [],
  );
}
