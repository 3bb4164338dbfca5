// A UDP prober on one fake host and a reflector on another, with a little network in between.
import { FakeClock } from "./fake-clock.ts";
import { FakeKernel } from "./fake-kernel.ts";
import { FakeNetwork, type FakePacket } from "./fake-network.ts";
import { RecordingSink } from "./recording-sink.ts";
import { testSlot } from "./test-slot.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { udpProber, type UdpProber, type UdpProberOptions } from "../../agent/probes/udp.ts";
import { udpReflector, type UdpReflector, type UdpReflectorOptions } from "../../agent/reflector/udp-reflector.ts";
import { nodeHashHex } from "../../agent/wire/stamp.ts";

export const PROBE_PORT = 7_843;
export const SENDER_INCARNATION = "00112233445566aa";
export const REFLECTOR_INCARNATION = "ffeeddccbbaa9988";
const NODE_1: Node = { name: "node-1", zone: "a" };

export interface UdpPair {
  readonly clock: FakeClock;
  readonly network: FakeNetwork;
  readonly a: FakeKernel;
  readonly b: FakeKernel;
  readonly sink: RecordingSink;
  readonly prober: UdpProber;
  readonly reflector: UdpReflector;
  readonly slot: Slot;
  /** One probe of the slots (the pair's own by default), ticks until its timeout has passed. */
  round(slots?: readonly Slot[]): void;
  /** Ticks of 10 ms for both ends. */
  run(ms: number): void;
  restartReflector(options?: Partial<UdpReflectorOptions>): UdpReflector;
}

export function udpPair(
  options: {
    readonly prober?: Partial<UdpProberOptions>;
    readonly reflector?: Partial<UdpReflectorOptions>;
    readonly family?: "ipv4" | "ipv6";
    readonly intervalMs?: number;
  } = {},
): UdpPair {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const a = new FakeKernel(network, ["10.0.0.1", "fd00::1"]);
  const b = new FakeKernel(network, ["10.0.0.2", "fd00::2"]);
  const sink = new RecordingSink();
  const openReflector = (more: Partial<UdpReflectorOptions> = {}) =>
    udpReflector({
      kernel: b,
      clock,
      port: PROBE_PORT,
      listen: [{ family: "ipv4" }, { family: "ipv6" }],
      incarnation: REFLECTOR_INCARNATION,
      maxPacketBytes: 9_000,
      isFrom: (_hash, ip) => ip === "10.0.0.1" || ip === "fd00::1",
      nodeOf: (hash) => (hash === nodeHashHex(NODE_1.name) ? NODE_1 : undefined),
      ...options.reflector,
      ...more,
    });
  let reflector = openReflector();
  const prober = udpProber({
    kernel: a,
    clock,
    sink,
    settings: { timeoutMs: 500, sizeBytes: 512, port: PROBE_PORT },
    families: ["ipv4", "ipv6"],
    source: NODE_1.name,
    incarnation: SENDER_INCARNATION,
    conntrack: () => "not-full",
    ...options.prober,
  });
  const slot = testSlot({
    protocol: "udp",
    address: options.family === "ipv6" ? "fd00::2" : "10.0.0.2",
    pair: { source: NODE_1, destination: { name: "node-2", zone: "b" } },
  });
  prober.open(slot);
  const run = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advanceMs(10);
      reflector.drain();
      prober.drain();
      prober.expire();
    }
  };
  return {
    clock,
    network,
    a,
    b,
    sink,
    prober,
    slot,
    run,
    get reflector() {
      return reflector;
    },
    round(slots = [slot]) {
      prober.send(slots);
      run(options.intervalMs ?? 1_000);
    },
    restartReflector(more = {}) {
      reflector[Symbol.dispose]();
      reflector = openReflector(more);
      return reflector;
    },
  };
}

/** Is this packet a probe on its way to the reflector? */
export const isForward = (packet: FakePacket) => packet.destination.port === PROBE_PORT;
/** Is this packet the reflector's answer? */
export const isReverse = (packet: FakePacket) => packet.source.port === PROBE_PORT;
