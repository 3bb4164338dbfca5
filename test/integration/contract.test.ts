// The contract over real sockets: both engines, a real kernel on each end of a cable.
import { afterAll, beforeAll } from "vitest";
import { conntrackState } from "../../agent/probes/conntrack.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { tcpProber } from "../../agent/probes/tcp.ts";
import { userspaceIcmpProber } from "../../agent/probes/userspace/icmp.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { userspaceTcpProber } from "../../agent/probes/userspace/tcp.ts";
import { userspaceUdpProber } from "../../agent/probes/userspace/udp.ts";
import { contract, type Fault, type Subject } from "../probes/contract.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { farAddresses } from "../support/veth.ts";
import { testSlot } from "../support/test-slot.ts";
import { contraryEcho, type ContraryEchoOptions } from "./contrary-echo.ts";
import { contraryStamp } from "./contrary-stamp.ts";
import {
  FAR_ADDRESSES,
  PROBE_PORT,
  realNetwork,
  realWorld,
  type RealNetwork,
  type RealWorldOptions,
} from "./real-worlds.ts";
import { needs } from "../support/needs.ts";

const { describe } = await needs("namespaces");
const { describe: describeRaw } = await needs("namespaces", "raw-socket");

const CONTRARY_PORT = 7_844;
const TIMEOUT_MS = 400 * SLOWER_BY;
/** Every round has losses, and lasts as long as this. */
const TIMEOUT_OF_MANY_MS = 300 * SLOWER_BY;

let network: RealNetwork;
beforeAll(async () => {
  network = await realNetwork();
});
afterAll(() => network[Symbol.asyncDispose]());

interface RealSubject extends Omit<RealWorldOptions, "timeoutMs"> {
  readonly name: string;
  readonly cannot: Subject["cannot"];
  /** What the far side's rules match a probe by. */
  readonly probe: string;
  readonly refusal: string;
}

/** Faults made by rules and routes, for every protocol alike. */
function breakPath({ protocol, probe, refusal }: RealSubject, fault: Fault): Disposable | undefined {
  const { farIp } = network.pair;
  const toPeer = `ip daddr ${farIp} ${probe}`;
  switch (fault) {
    case "lost":
      network.farInput(`${toPeer} drop`);
      return undefined;
    case "refused":
      network.farInput(`${toPeer} reject with ${refusal}`);
      return undefined;
    case "unreachable":
      network.farInput(`${toPeer} reject with icmp type host-unreachable`);
      return undefined;
    case "blocked":
      network.farInput(`${toPeer} reject with icmp type admin-prohibited`);
      return undefined;
    case "local":
      // EINVAL: no packet is made, and no path is at fault.
      network.pair.run(network.pair.near, "ip", "route", "add", "blackhole", farIp);
      return undefined;
    case "late":
    case "duplicate":
    case "corrupt": {
      const contrary = { kind: fault, lateByMs: TIMEOUT_MS + 100, far: network.far };
      return protocol === "icmp" ? contraryEcho(network.pair, contrary) : stampInstead(contrary);
    }
    case "foreign": {
      // The far side's answers to this address leave with another of its addresses.
      network.pair.nft(
        network.pair.far,
        `table ip foreign {\n chain c {\n type filter hook output priority 0;\n ip saddr ${farIp} ip saddr set 10.99.1.9\n }\n}\n`,
      );
      return undefined;
    }
  }
}

/** The peers' port leads to the contrary answering end. */
function stampInstead(contrary: ContraryEchoOptions): Disposable {
  network.pair.nft(
    network.pair.far,
    `table ip contrary {\n chain c {\n type nat hook prerouting priority -100;\n udp dport ${PROBE_PORT} redirect to :${CONTRARY_PORT}\n }\n}\n`,
  );
  return contraryStamp(CONTRARY_PORT, contrary);
}

function realSubject(subject: RealSubject): Subject {
  return {
    name: subject.name,
    cannot: subject.cannot,
    async open() {
      const world = await realWorld(network, { ...subject, timeoutMs: TIMEOUT_MS });
      let broken: Disposable | undefined;
      return {
        ...world,
        breakPath: (fault) => Promise.resolve(void (broken = breakPath(subject, fault))),
        async [Symbol.asyncDispose]() {
          broken?.[Symbol.dispose]();
          await world[Symbol.asyncDispose]();
        },
      };
    },
    async many() {
      const world = await realWorld(network, { ...subject, timeoutMs: TIMEOUT_OF_MANY_MS });
      network.farInput(`${subject.probe} numgen random mod 20 == 0 counter name one drop`);
      const slots = farAddresses(FAR_ADDRESSES).map((address) => testSlot({ protocol: subject.protocol, address }));
      return { ...world, breakPath: () => Promise.resolve(), slots, losses: () => network.counted("far", "one") };
    },
  };
}

const ICMP = { protocol: "icmp", probe: "icmp type echo-request", refusal: "icmp type port-unreachable" } as const;
const TCP = {
  protocol: "tcp",
  probe: `tcp dport ${PROBE_PORT} tcp flags & (syn | ack) == syn`,
  refusal: "tcp reset",
} as const;

contract(
  realSubject({
    ...ICMP,
    name: "icmp, kernel engine, real sockets",
    cannot: { skipped: "a prober that tells its probes apart sends another; each is completed on its own" },
    prober: ({ sink, timeoutMs, network: { kernel, clock } }) =>
      icmpProber({
        kernel,
        clock,
        sink,
        settings: { timeoutMs, sizeBytes: 64 },
        families: ["ipv4"],
        conntrack: conntrackState,
      }),
  }),
  describe,
);

contract(
  realSubject({
    ...ICMP,
    name: "icmp, userspace engine, real sockets",
    cannot: {},
    prober: ({ sink, timeoutMs, network: { clock } }) =>
      userspaceIcmpProber({
        clock,
        sink,
        settings: { timeoutMs, sizeBytes: 64 },
        families: ["ipv4"],
        conntrack: conntrackState,
      }),
  }),
  describeRaw,
);

const HANDSHAKE_ONLY = "a handshake has one answer, which the kernel checks and gives only once";
const TCP_CANNOT: Subject["cannot"] = {
  late: "a handshake is closed at its timeout, and the kernel answers a later SYN-ACK with a reset",
  duplicate: HANDSHAKE_ONLY,
  corrupt: HANDSHAKE_ONLY,
  foreign: HANDSHAKE_ONLY,
};

contract(
  realSubject({
    ...TCP,
    name: "tcp, kernel engine, real sockets",
    cannot: TCP_CANNOT,
    prober: ({ sink, timeoutMs, network: { kernel, clock } }) =>
      tcpProber({ kernel, clock, sink, settings: { timeoutMs, port: PROBE_PORT } }),
  }),
  describe,
);

contract(
  realSubject({
    ...TCP,
    name: "tcp, userspace engine, real sockets",
    cannot: {
      ...TCP_CANNOT,
      blocked:
        "node:net tells the errno only, which is that of an unreachable host; the ICMP code needs the error queue",
    },
    prober: ({ sink, timeoutMs, network: { clock } }) =>
      userspaceTcpProber({ clock, sink, settings: { timeoutMs, port: PROBE_PORT }, conntrack: conntrackState }),
  }),
  describe,
);

const UDP = { protocol: "udp", probe: `udp dport ${PROBE_PORT}`, refusal: "icmp type port-unreachable" } as const;
const UDP_PROBES = {
  families: ["ipv4"],
  source: "node-1",
  incarnation: "00112233445566aa",
  conntrack: conntrackState,
} as const;

contract(
  realSubject({
    ...UDP,
    name: "udp, kernel engine, real sockets",
    cannot: {},
    prober: ({ sink, timeoutMs, network: { kernel, clock } }) =>
      udpProber({ ...UDP_PROBES, kernel, clock, sink, settings: { timeoutMs, sizeBytes: 512, port: PROBE_PORT } }),
  }),
  describe,
);

const NO_ICMP = "an unconnected socket of node:dgram hears no ICMP error, so this looks like a timeout";

contract(
  realSubject({
    ...UDP,
    name: "udp, userspace engine, real sockets",
    cannot: { refused: NO_ICMP, unreachable: NO_ICMP, blocked: NO_ICMP },
    prober: ({ sink, timeoutMs, network: { clock } }) =>
      userspaceUdpProber({ ...UDP_PROBES, clock, sink, settings: { timeoutMs, sizeBytes: 512, port: PROBE_PORT } }),
  }),
  describe,
);
