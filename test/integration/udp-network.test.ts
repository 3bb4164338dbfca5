// UDP probes and path MTU between real kernels: three namespaces in a row, near – middle – far, the middle one a
// router, so that either direction can lose packets on its own and the hop in between can be narrower than both ends.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { conntrackState } from "../../agent/probes/conntrack.ts";
import { pathMtuProber } from "../../agent/probes/path-mtu.ts";
import { udpProber, type UdpProber } from "../../agent/probes/udp.ts";
import { udpReflector, type UdpReflector } from "../../agent/reflector/udp-reflector.ts";
import { nodeHashHex } from "../../agent/wire/stamp.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { routedNetwork, type RoutedNetwork } from "../support/routed.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { testSlot } from "../support/test-slot.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces");

const PORT = 7_843;
const TIMEOUT_MS = 300 * SLOWER_BY;
const SOURCE = { name: "node-1", zone: "a" };

let network: RoutedNetwork;
let inside: Disposable;
const clock = systemClock();
const kernel = openLinuxKernel(clock);

beforeAll(() => {
  network = routedNetwork();
  inside = enterNamespace(network.near);
});
afterAll(() => {
  inside[Symbol.dispose]();
  network[Symbol.dispose]();
});
afterEach(() => network.mend());

function inFar<T>(open: () => T): T {
  const there = enterNamespace(network.far);
  try {
    return open();
  } finally {
    there[Symbol.dispose]();
  }
}

const openReflector = (port = PORT): UdpReflector =>
  inFar(() =>
    udpReflector({
      kernel,
      clock,
      port,
      listen: [
        { family: "ipv4", address: network.farIp },
        { family: "ipv6", address: network.farIp6 },
      ],
      incarnation: "ffeeddccbbaa9988",
      maxPacketBytes: 9_000,
      isFrom: (_hash, ip) => ip === network.nearIp || ip === network.nearIp6,
      nodeOf: (hash) => (hash === nodeHashHex(SOURCE.name) ? SOURCE : undefined),
    }),
  );

describe.each(["ipv4", "ipv6"] as const)("UDP probes through a real router, %s", (family) => {
  let reflector: UdpReflector;
  let prober: UdpProber;
  let sink: RecordingSink;
  const slot = () =>
    testSlot({
      protocol: "udp",
      family,
      address: family === "ipv4" ? network.farIp : network.farIp6,
      pair: { source: SOURCE, destination: { name: "node-2", zone: "b" } },
    });
  beforeEach(() => {
    sink = new RecordingSink();
    reflector = openReflector();
    prober = udpProber({
      kernel,
      clock,
      sink,
      settings: { timeoutMs: TIMEOUT_MS, sizeBytes: 512, port: PORT },
      families: [family],
      source: SOURCE.name,
      incarnation: "00112233445566aa",
      conntrack: conntrackState,
    });
  });
  afterEach(() => {
    prober[Symbol.dispose]();
    reflector[Symbol.dispose]();
  });
  const tick = () => {
    reflector.drain();
    prober.drain();
    prober.expire();
  };
  const settle = async (done: () => boolean) => {
    for (let turns = 0; !done() && turns < 5_000; turns++) {
      tick();
      await sleep(2);
    }
    expect(done()).toBe(true);
  };

  it("are answered by kernel stamps with a plausible delay, the hop taken off the TTL", async () => {
    const peer = slot();
    prober.open(peer);
    for (let i = 0; i < 30; i++) {
      prober.send([peer]);
      await settle(() => prober.outstanding === 0);
    }
    expect(sink.outcomes().every((o) => o.kind === "answered" && o.clock === "kernel")).toBe(true);
    // Each is told by the reply to the next probe, but for the first: of that there is the reply's own word, if any.
    const told = sink.events.flatMap((e) => (e.kind === "delay" ? [e.delay] : []));
    expect(told).toHaveLength(28);
    expect(told.every(({ rttNs, clock: by }) => rttNs > 0 && rttNs < TIMEOUT_MS * 1e6 && by === "kernel")).toBe(true);
    expect(reflector.received()).toEqual([
      {
        source: SOURCE,
        network: "pod",
        family,
        received: 30,
        incarnation: "00112233445566aa",
        highest: 63,
        bitmap: "fffffffc00000000",
      },
    ]);
  });

  it.each(["forward", "reverse"] as const)(
    "lost %s by the router are told as lost that way, exactly as many as it counted",
    async (direction) => {
      const peer = slot();
      prober.open(peer);
      prober.send([peer]);
      await settle(() => prober.outstanding === 0);
      network.loseOneIn({ packets: 4, direction, port: PORT });
      let lost = 0;
      for (let i = 0; i < 60; i++) {
        prober.send([peer]);
        await settle(() => prober.outstanding === 0);
        if (sink.outcomes().at(-1)!.kind === "failed") lost++;
      }
      const dropped = network.dropped(direction);
      network.mend();
      prober.send([peer]);
      await settle(() => prober.outstanding === 0);
      tick();
      expect(dropped).toBeGreaterThan(0);
      expect(lost).toBe(dropped);
      expect(sink.directions()).toEqual(Array.from({ length: dropped }, () => direction));
      expect(reflector.received()[0]!.received).toBe(direction === "forward" ? 62 - dropped : 62);
      expect(sink.anomalies()).toEqual([]);
    },
  );

  it("are told by the peer's row when nothing comes back at all", async () => {
    const peer = slot();
    prober.open(peer);
    prober.send([peer]);
    await settle(() => prober.outstanding === 0);
    for (const direction of ["forward", "reverse"] as const) {
      network.loseOneIn({ packets: 1, direction, port: PORT });
      for (let i = 0; i < 3; i++) {
        prober.send([peer]);
        await settle(() => prober.outstanding === 0);
      }
      prober.peerReported(peer, {
        row: {
          incarnation: "ffeeddccbbaa9988",
          udpReceived: reflector.received(),
          pairs: [],
          health: { socketDrops: 0 },
        },
        askedNs: clock.monotonicNs(),
      });
    }
    expect(sink.directions()).toEqual(["forward", "forward", "forward", "reverse", "reverse", "reverse"]);
  });

  it("are refused by a closed port, and answered again when it opens", async () => {
    const peer = slot();
    prober.open(peer);
    reflector[Symbol.dispose]();
    prober.send([peer]);
    await settle(() => prober.outstanding === 0);
    expect(sink.outcomes()).toEqual([{ kind: "refused" }]);
    reflector = openReflector();
    prober.send([peer]);
    await settle(() => prober.outstanding === 0);
    expect(sink.outcomes()[1]).toMatchObject({ kind: "answered" });
  });

  it("leave foreign, truncated and empty packets unanswered, and each is counted", async () => {
    const socket = createSocket(family === "ipv4" ? "udp4" : "udp6");
    const got: Buffer[] = [];
    socket.on("message", (m) => got.push(m));
    const to = slot().address;
    for (const bytes of [Buffer.alloc(0), Buffer.from("hello"), Buffer.alloc(512, 1), Buffer.alloc(9_100, 2)]) {
      await new Promise<void>((resolve, reject) =>
        socket.send(bytes, PORT, to, (err) => (err ? reject(err) : resolve())),
      );
    }
    await settle(() => Object.values(reflector.counts.faults).reduce((x, y) => x + y, 0) === 4);
    expect(reflector.counts.faults).toEqual({ short: 2, foreign: 1, truncated: 1 });
    expect(got).toEqual([]);
    socket.close();
    await once(socket, "close");
  });
});

describe.each(["ipv4", "ipv6"] as const)("path MTU through a real router, %s", (family) => {
  async function verify(
    setUp: () => void,
  ): Promise<readonly { readonly passesBytes: number; readonly shortfallBytes: number }[]> {
    using reflector = openReflector();
    using prober = pathMtuProber({
      kernel,
      clock,
      families: [family],
      source: SOURCE.name,
      incarnation: "00112233445566aa",
      settings: { intervalMs: 10, timeoutMs: 150 * SLOWER_BY, port: PORT, maxPacketBytes: 9_000 },
    });
    setUp();
    prober.open(testSlot({ protocol: "udp", family, address: family === "ipv4" ? network.farIp : network.farIp6 }));
    for (let turns = 0; turns < 4_000; turns++) {
      await sleep(5);
      reflector.drain();
      prober.tick();
      const values = prober.values();
      if (values.length > 0) return values.map(({ passesBytes, shortfallBytes }) => ({ passesBytes, shortfallBytes }));
    }
    return [];
  }

  it("is the device's when all of it passes", async () => {
    expect(await verify(() => {})).toEqual([{ passesBytes: 1_500, shortfallBytes: 0 }]);
  });

  it("is a black hole where a narrow hop drops silently", async () => {
    expect(await verify(() => network.narrow({ mtu: 1_390, silent: true }))).toEqual([
      { passesBytes: 1_390, shortfallBytes: 110 },
    ]);
  });

  it("is no black hole where the narrow hop says so", async () => {
    expect(await verify(() => network.narrow({ mtu: 1_390, silent: false }))).toEqual([
      { passesBytes: 1_390, shortfallBytes: 0 },
    ]);
  });
});
