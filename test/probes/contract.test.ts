// The contract over the fake kernel: everything a kernel can tell, in simulated time. test/integration/contract.test.ts
// runs the same suite over real sockets, where the userspace engine has its turn.
import type { Slot } from "../../agent/model/slot.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import { tcpProber } from "../../agent/probes/tcp.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork, type FakePacket, type Fault as PacketFault, type TcpFate } from "../support/fake-network.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";
import { contract, type Fault, type Subject, type World } from "./contract.ts";

const OURS = "10.0.0.1";
const PEER = "10.0.0.2";
const HEALTHY = "10.0.0.3";
const STRANGER = "10.0.0.66";
const PORT = 7_843;
const TIMEOUT_MS = 800;
const NS_PER_MS = 1e6;

interface Parts {
  readonly clock: FakeClock;
  readonly network: FakeNetwork;
  readonly kernel: FakeKernel;
  readonly sink: RecordingSink;
}

interface FakeSubject {
  readonly protocol: Slot["protocol"];
  readonly cannot: Subject["cannot"];
  prober(parts: Parts): Prober;
  breakPath(parts: Parts, fault: Fault): void;
  /** Lose every tenth probe; the count of those lost. */
  loseSome(parts: Parts): () => number;
  /** A peer's answering end, run at every tick. */
  answer?(kernel: FakeKernel, clock: FakeClock): () => void;
}

function fakeSubject(subject: FakeSubject): Subject {
  const { protocol } = subject;
  function setUp(peers: readonly string[]): {
    readonly parts: Parts;
    readonly world: Omit<World, "peer" | "healthy" | "breakPath">;
  } {
    const clock = new FakeClock();
    const network = new FakeNetwork(clock);
    const kernel = new FakeKernel(network, [OURS]);
    const sink = new RecordingSink();
    const answering = peers.map((ip) => {
      const peer = new FakeKernel(network, [ip]);
      peer.listening.add(PORT);
      return subject.answer?.(peer, clock);
    });
    const parts = { clock, network, kernel, sink };
    const prober = subject.prober(parts);
    const run = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 1) {
        clock.advanceMs(Math.min(1, ms - passed));
        for (const answer of answering) answer?.();
        prober.drain();
        prober.expire();
      }
      return Promise.resolve();
    };
    return {
      parts,
      world: { prober, sink, timeoutMs: TIMEOUT_MS, run, [Symbol.asyncDispose]: () => Promise.resolve() },
    };
  }
  return {
    name: `${protocol}, kernel engine, fake kernel`,
    cannot: subject.cannot,
    open() {
      const { parts, world } = setUp([PEER, HEALTHY]);
      const breakPath = (fault: Fault) => Promise.resolve(subject.breakPath(parts, fault));
      return Promise.resolve({
        ...world,
        breakPath,
        peer: testSlot({ protocol, address: PEER }),
        healthy: testSlot({ protocol, address: HEALTHY }),
      });
    },
    many() {
      const addresses = Array.from({ length: 100 }, (_, i) => `10.1.0.${i + 1}`);
      const { parts, world } = setUp(addresses);
      const slots = addresses.map((address) => testSlot({ protocol, address }));
      return Promise.resolve({
        ...world,
        breakPath: () => Promise.resolve(),
        peer: slots[0]!,
        healthy: slots[1]!,
        slots,
        losses: subject.loseSome(parts),
      });
    },
  };
}

/** Faults of packets, for the protocols that are made of them. */
function breakPackets({ network, clock }: Parts, fault: Fault): void {
  const to: Partial<Record<Fault, PacketFault>> = {
    lost: { kind: "drop" },
    refused: { kind: "icmp", type: 3, code: 3 },
    unreachable: { kind: "icmp", type: 3, code: 1 },
    blocked: { kind: "icmp", type: 3, code: 13 },
    local: { kind: "errno", errno: "ENOBUFS" },
  };
  const from: Partial<Record<Fault, (packet: FakePacket) => PacketFault>> = {
    late: () => ({ kind: "delay", ns: (TIMEOUT_MS + 50) * NS_PER_MS }),
    duplicate: () => ({ kind: "duplicate", afterNs: NS_PER_MS }),
    corrupt: () => ({ kind: "corrupt", at: -1 }),
    foreign(packet) {
      network.at(clock.monotonicNs() + NS_PER_MS, () =>
        network.inject({ ...packet, source: { ...packet.source, ip: STRANGER } }),
      );
      return { kind: "drop" };
    },
  };
  network.rule((packet) => {
    if (packet.destination.ip === PEER) return to[fault];
    if (packet.source.ip === PEER) return from[fault]?.(packet);
    return undefined;
  });
}

function loseSomePackets({ network }: Parts): () => number {
  let seen = 0;
  let lost = 0;
  network.rule((packet) => (packet.source.ip === OURS && ++seen % 10 === 0 ? (lost++, { kind: "drop" }) : undefined));
  return () => lost;
}

const ICMP_SEVERAL = "a prober that tells its probes apart sends another; each is completed on its own";

contract(
  fakeSubject({
    protocol: "icmp",
    cannot: { skipped: ICMP_SEVERAL },
    prober: ({ kernel, clock, sink }) =>
      icmpProber({
        kernel,
        clock,
        sink,
        settings: { timeoutMs: TIMEOUT_MS, sizeBytes: 64 },
        families: ["ipv4"],
        conntrack: () => "not-full",
      }),
    breakPath: breakPackets,
    loseSome: loseSomePackets,
  }),
);

const HANDSHAKE_ONLY = "a handshake has one answer, which the kernel checks and gives only once";

contract(
  fakeSubject({
    protocol: "tcp",
    cannot: {
      late: "a handshake is closed at its timeout, and the kernel answers a later SYN-ACK with a reset; test/probes/tcp.test.ts shows one that came late to a stopped agent",
      duplicate: HANDSHAKE_ONLY,
      corrupt: HANDSHAKE_ONLY,
      foreign: HANDSHAKE_ONLY,
    },
    prober: ({ kernel, clock, sink }) =>
      tcpProber({ kernel, clock, sink, settings: { timeoutMs: TIMEOUT_MS, port: PORT }, conntrack: () => "not-full" }),
    breakPath({ network }, fault) {
      const fates: Partial<Record<Fault, TcpFate>> = {
        lost: { kind: "hang" },
        refused: { kind: "refuse" },
        unreachable: { kind: "icmp", type: 3, code: 1, errno: "EHOSTUNREACH" },
        blocked: { kind: "icmp", type: 3, code: 13, errno: "EHOSTUNREACH" },
        local: { kind: "errno", errno: "EMFILE" },
      };
      network.tcpRule((to) => (to.ip === PEER ? fates[fault] : undefined));
    },
    loseSome({ network }) {
      let seen = 0;
      let lost = 0;
      network.tcpRule(() => (++seen % 10 === 0 ? (lost++, { kind: "hang" }) : undefined));
      return () => lost;
    },
  }),
);

contract(
  fakeSubject({
    protocol: "udp",
    cannot: {},
    prober: ({ kernel, clock, sink }) =>
      udpProber({
        kernel,
        clock,
        sink,
        settings: { timeoutMs: TIMEOUT_MS, sizeBytes: 512, port: PORT },
        families: ["ipv4"],
        source: "node-1",
        incarnation: "00112233445566aa",
        conntrack: () => "not-full",
      }),
    answer(kernel, clock) {
      const reflector = udpReflector({
        kernel,
        clock,
        port: PORT,
        listen: [{ family: "ipv4" }],
        incarnation: "ffeeddccbbaa9988",
        maxPacketBytes: 9_000,
        isFrom: () => true,
        nodeOf: () => undefined,
      });
      return () => void reflector.drain();
    },
    breakPath: breakPackets,
    loseSome: loseSomePackets,
  }),
);
