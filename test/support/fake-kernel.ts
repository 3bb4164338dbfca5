// The Kernel seam on a FakeNetwork: one instance is one host, with the habits of Linux that matter to probers
// (pending socket errors, looped frames with headers in front, quoted payloads, echo replies, SYN retries).
import { constants } from "node:os";
import {
  KernelError,
  type IcmpOptions,
  type Kernel,
  type PacketBatch,
  type PacketSocket,
  type SocketAddress,
  type TcpHandshake,
  type UdpOptions,
} from "../../agent/kernel/kernel.ts";
import type { IpFamily } from "../../agent/model/peer.ts";
import { canonicalIp, familyOf, readAddress, socketAddress } from "./fake-address.ts";
import { FakeBatch } from "./fake-batch.ts";
import type { FakeHost, FakeNetwork, FakePacket, Fault } from "./fake-network.ts";
import { FakeSocket } from "./fake-socket.ts";
import { FakeHandshake } from "./fake-tcp.ts";
import { writeChecksum } from "./icmp-checksum.ts";

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));
const DEFAULT_TTL = 64;
const EPHEMERAL_PORT = 40_000;

export class FakeKernel implements Kernel, FakeHost {
  readonly network: FakeNetwork;
  readonly addresses: readonly string[];
  /** TCP ports with a listener. */
  readonly listening = new Set<number>();
  /** Does this device stamp packets? Looked at for each packet. */
  stamps = { transmit: true, receive: true };
  /** Does this host answer echo requests? */
  echo = true;
  /** What `openIcmp` gives, or the errno it fails with. */
  icmp: "datagram" | "raw" | { readonly errno: string } = "datagram";
  /** MTU of the only device: larger DF packets fail with EMSGSIZE. */
  deviceMtu = 1_500;
  /** What IP_MTU says, by address; else the device's MTU. */
  readonly pathMtu = new Map<string, number>();
  /** Packets that fit a receive buffer; the rest are dropped and counted. */
  receiveBufferPackets = Number.POSITIVE_INFINITY;
  readonly sockets = new Set<FakeSocket>();
  readonly handshakes = new Set<FakeHandshake>();
  #nextPort = EPHEMERAL_PORT;

  constructor(network: FakeNetwork, addresses: readonly string[]) {
    this.network = network;
    this.addresses = addresses.map(canonicalIp);
    for (const ip of this.addresses) network.attach(ip, this);
  }

  socketAddress(ip: string, port: number): SocketAddress {
    return socketAddress(ip, port);
  }
  createBatch(capacity: number, packetBytes: number): PacketBatch {
    return new FakeBatch(capacity, packetBytes);
  }

  openIcmp(options: IcmpOptions): PacketSocket {
    if (typeof this.icmp !== "string") throw new KernelError("socket", this.icmp.errno, "the test said so");
    return this.#open(
      new FakeSocket({
        host: this,
        protocol: "icmp",
        kind: this.icmp,
        family: options.family,
        port: this.#nextPort++,
        address: options.address,
        dontFragment: false,
      }),
    );
  }

  openUdp(options: UdpOptions): PacketSocket {
    const port = options.port === 0 ? this.#nextPort++ : options.port;
    for (const s of this.sockets) {
      const overlaps =
        s.address === undefined || options.address === undefined || s.address === canonicalIp(options.address);
      if (s.protocol === "udp" && s.port === port && s.family === options.family && overlaps)
        throw new KernelError("bind", "EADDRINUSE", `UDP port ${port}`);
    }
    return this.#open(
      new FakeSocket({
        host: this,
        protocol: "udp",
        kind: "datagram",
        family: options.family,
        port,
        address: options.address,
        dontFragment: options.dontFragment ?? false,
      }),
    );
  }

  connect(to: SocketAddress): TcpHandshake | { readonly errno: string } {
    this.network.settle();
    const fate = this.network.tcpFate(readAddress(to));
    if (fate.kind === "errno") return { errno: fate.errno };
    const handshake = new FakeHandshake({ network: this.network, fate, closed: (h) => this.handshakes.delete(h) });
    this.handshakes.add(handshake);
    return handshake;
  }

  believedMtu(to: SocketAddress): number {
    return Math.min(this.deviceMtu, this.pathMtu.get(readAddress(to).ip) ?? this.deviceMtu);
  }
  errnoName(errno: number): string {
    return ERRNO_NAMES.get(Math.abs(errno)) ?? `E${Math.abs(errno)}`;
  }

  sourceAddress(family: IpFamily): string | undefined {
    return this.addresses.find((ip) => familyOf(ip) === family);
  }

  /** For the network: a packet arrives. */
  deliver(packet: FakePacket, arrival: { readonly atNs: number; readonly stamped: boolean }): void {
    if (packet.protocol === "icmp") {
      if (packet.bytes[0] === 8 || packet.bytes[0] === 128) this.#answerEcho(packet, arrival.atNs);
      else for (const s of this.sockets) if (s.wantsEchoReply(packet)) s.arrive(packet, arrival);
      return;
    }
    for (const s of this.sockets) {
      if (!s.wantsDatagram(packet)) continue;
      s.arrive(packet, arrival);
      return;
    }
    const closed: Extract<Fault, { kind: "icmp" }> =
      familyOf(packet.source.ip) === "ipv4" ? { kind: "icmp", type: 3, code: 3 } : { kind: "icmp", type: 1, code: 4 };
    this.network.at(arrival.atNs + this.network.delayNs, () =>
      this.network.host(packet.source.ip)?.deliverError(packet, closed),
    );
  }

  /** For the network: an ICMP error comes back for a packet that this host has sent. */
  deliverError(packet: FakePacket, error: Extract<Fault, { kind: "icmp" }>): void {
    for (const s of this.sockets) if (s.sentFrom(packet)) s.arriveError(packet, error);
  }

  #open(socket: FakeSocket): FakeSocket {
    this.sockets.add(socket);
    return socket;
  }

  #answerEcho(request: FakePacket, atNs: number): void {
    if (!this.echo) return;
    const bytes = request.bytes.slice();
    bytes[0] = bytes[0] === 8 ? 0 : 129;
    if (bytes[0] === 0) writeChecksum(bytes);
    const reply: FakePacket = {
      ...request,
      source: request.destination,
      destination: { ip: request.source.ip, port: 0 },
      bytes,
      ttl: DEFAULT_TTL,
    };
    this.network.carry(reply, { atNs, faults: this.network.faults(reply) });
  }
}
