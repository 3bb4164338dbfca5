// A UDP or ICMP socket of the fake kernel, with its receive queue, error queue and pending error.
import { constants } from "node:os";
import type { PacketBatch, PacketSocket } from "../../agent/kernel/kernel.ts";
import type { IpFamily } from "../../agent/model/peer.ts";
import { canonicalIp, familyOf, readAddress, socketAddress } from "./fake-address.ts";
import type { Arrival, FakeBatch } from "./fake-batch.ts";
import type { FakeNetwork, FakePacket, Fault } from "./fake-network.ts";
import { writeChecksum } from "./icmp-checksum.ts";

const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;

/** What a socket needs of the machine it is open on. */
export interface SocketHost {
  readonly network: FakeNetwork;
  readonly stamps: { readonly transmit: boolean; readonly receive: boolean };
  readonly deviceMtu: number;
  readonly receiveBufferPackets: number;
  readonly sockets: Set<FakeSocket>;
  sourceAddress(family: IpFamily): string | undefined;
}

export interface FakeSocketOptions {
  readonly host: SocketHost;
  readonly protocol: "icmp" | "udp";
  readonly kind: "datagram" | "raw";
  readonly family: IpFamily;
  readonly port: number;
  readonly address: string | undefined;
  readonly dontFragment: boolean;
}

export class FakeSocket implements PacketSocket {
  readonly protocol: "icmp" | "udp";
  readonly kind: "datagram" | "raw";
  readonly family: IpFamily;
  readonly port: number;
  readonly address: string | undefined;
  readonly receiveBufferBytes = 4 << 20;
  readonly #host: SocketHost;
  readonly #dontFragment: boolean;
  readonly #received: Arrival[] = [];
  readonly #errors: Arrival[] = [];
  /** `sk_err`: makes the next send fail, and goes when the error queue is read (ip_recv_error). */
  #pendingErrno: string | undefined;
  #drops = 0;
  #hopLimit = 64;
  #closed = false;

  constructor(options: FakeSocketOptions) {
    this.#host = options.host;
    this.protocol = options.protocol;
    this.kind = options.kind;
    this.family = options.family;
    this.port = options.port;
    this.address = options.address === undefined ? undefined : canonicalIp(options.address);
    this.#dontFragment = options.dontFragment;
  }

  send(batch: PacketBatch, from: number, to: number): number {
    this.#enter();
    for (let i = from; i < to; i++) {
      const errno = this.#sendOne((batch as FakeBatch).outgoing(i));
      if (errno === undefined) continue;
      if (i > from) return i - from;
      return -errnoNumber(errno);
    }
    return to - from;
  }

  receive(batch: PacketBatch): number {
    this.#enter();
    return move(this.#received, batch as FakeBatch);
  }

  receiveErrors(batch: PacketBatch): number {
    this.#enter();
    const n = move(this.#errors, batch as FakeBatch);
    if (n > 0) this.#pendingErrno = this.#errors.find((e) => e.error?.origin === "icmp")?.error?.errno;
    return n;
  }

  setHopLimit(hops: number): void {
    this.#hopLimit = hops;
  }

  drops(): number {
    this.#enter();
    return this.#drops;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#host.sockets.delete(this);
  }

  wantsDatagram(packet: FakePacket): boolean {
    return this.protocol === "udp" && this.port === packet.destination.port && this.#listensOn(packet.destination.ip);
  }
  wantsEchoReply(packet: FakePacket): boolean {
    return (
      this.protocol === "icmp" &&
      this.port === ((packet.bytes[4]! << 8) | packet.bytes[5]!) &&
      this.#listensOn(packet.destination.ip)
    );
  }
  sentFrom(packet: FakePacket): boolean {
    return this.protocol === packet.protocol && this.port === packet.source.port && this.#listensOn(packet.source.ip);
  }

  arrive(packet: FakePacket, arrival: { readonly atNs: number; readonly stamped: boolean }): void {
    if (this.#received.length >= this.#host.receiveBufferPackets) {
      this.#drops++;
      return;
    }
    const stamped = arrival.stamped && this.#host.stamps.receive;
    this.#received.push({
      bytes: packet.bytes,
      address: socketAddress(packet.source.ip, packet.source.port),
      to: packet.destination.ip,
      stampNs: stamped ? this.#host.network.clock.realtimeAtNs(arrival.atNs) : Number.NaN,
      ttl: packet.ttl,
    });
  }

  arriveError(packet: FakePacket, error: Extract<Fault, { kind: "icmp" }>): void {
    const errno = icmpErrno(this.family, error.type, error.code);
    this.#pendingErrno = errno;
    this.#errors.push({
      bytes: packet.bytes.slice(0, error.quoteBytes ?? packet.bytes.length),
      address: socketAddress(packet.destination.ip, packet.destination.port),
      stampNs: Number.NaN,
      ttl: -1,
      error: {
        origin: "icmp",
        errno,
        type: error.type,
        code: error.code,
        info: error.info ?? 0,
        offender: error.from ?? packet.destination.ip,
      },
    });
  }

  #sendOne(outgoing: {
    readonly bytes: Uint8Array;
    readonly to: Parameters<typeof readAddress>[0];
    readonly source: string | undefined;
  }): string | undefined {
    const pending = this.#pendingErrno;
    this.#pendingErrno = undefined;
    if (pending !== undefined) return pending;
    const destination = readAddress(outgoing.to);
    const source = this.address ?? outgoing.source ?? this.#host.sourceAddress(this.family);
    if (source === undefined || familyOf(destination.ip) !== this.family) return "ENETUNREACH";
    const headerBytes = (this.family === "ipv4" ? 20 : 40) + (this.protocol === "udp" ? UDP_BYTES : 0);
    const packet: FakePacket = {
      protocol: this.protocol,
      source: { ip: source, port: this.port },
      destination: { ip: destination.ip, port: this.protocol === "udp" ? destination.port : 0 },
      bytes: outgoing.bytes,
      ttl: this.#hopLimit,
      ipBytes: headerBytes + outgoing.bytes.length,
      dontFragment: this.#dontFragment,
    };
    if (this.protocol === "icmp") this.#finishEcho(packet.bytes);
    if (this.#dontFragment && packet.ipBytes > this.#host.deviceMtu) return "EMSGSIZE";
    const faults = this.#host.network.faults(packet);
    const refused = faults.find((f) => f.kind === "errno");
    if (refused) return refused.errno;
    const atNs = this.#host.network.clock.monotonicNs();
    this.#stamp(packet, { headerBytes, atNs, faults });
    this.#host.network.carry(packet, { atNs, faults });
    return undefined;
  }

  /** A ping socket writes its own identifier; the checksum is the kernel's (ICMPv6's needs the pseudo header, left 0 here). */
  #finishEcho(message: Uint8Array): void {
    if (this.kind === "datagram") {
      message[4] = this.port >> 8;
      message[5] = this.port & 0xff;
    }
    if (this.family === "ipv4" && this.kind === "datagram") writeChecksum(message);
  }

  #stamp(
    packet: FakePacket,
    sent: { readonly headerBytes: number; readonly atNs: number; readonly faults: readonly Fault[] },
  ): void {
    if (!this.#host.stamps.transmit || sent.faults.some((f) => f.kind === "unstamped" && f.transmit)) return;
    const frame = new Uint8Array(ETHERNET_BYTES + sent.headerBytes + packet.bytes.length).fill(0xa5);
    frame.set(packet.bytes, ETHERNET_BYTES + sent.headerBytes);
    const entry: Arrival = {
      bytes: frame,
      stampNs: this.#host.network.clock.realtimeAtNs(sent.atNs),
      ttl: -1,
      error: { origin: "stamp", errno: "ENOMSG", type: 0, code: 0, info: 0 },
    };
    const slow = sent.faults.find((f) => f.kind === "slow-stamp");
    if (slow) this.#host.network.at(sent.atNs + slow.ns, () => this.#errors.push(entry));
    else this.#errors.push(entry);
  }

  #listensOn(ip: string): boolean {
    return familyOf(ip) === this.family && (this.address === undefined || this.address === canonicalIp(ip));
  }

  #enter(): void {
    if (this.#closed) throw new Error("system call on a closed socket (EBADF)");
    this.#host.network.settle();
  }
}

function move(queue: Arrival[], batch: FakeBatch): number {
  const taken = queue.splice(0, batch.capacity);
  taken.forEach((arrival, i) => batch.fill(i, arrival));
  return taken.length;
}

function errnoNumber(name: string): number {
  const value = (constants.errno as Readonly<Record<string, number>>)[name];
  if (value === undefined) throw new RangeError(`there is no errno ${name}`);
  return value;
}

/** net/ipv4/icmp.c icmp_err_convert; net/ipv6/icmp.c icmpv6_err_convert. */
function icmpErrno(family: IpFamily, type: number, code: number): string {
  if (family === "ipv4") {
    if (type !== 3) return type === 12 ? "EPROTO" : "EHOSTUNREACH";
    return (
      [
        "ENETUNREACH",
        "EHOSTUNREACH",
        "ENOPROTOOPT",
        "ECONNREFUSED",
        "EMSGSIZE",
        "EOPNOTSUPP",
        "ENETUNREACH",
        "EHOSTDOWN",
        "ENONET",
        "ENETUNREACH",
        "EHOSTUNREACH",
        "ENETUNREACH",
      ][code] ?? "EHOSTUNREACH"
    );
  }
  if (type === 2) return "EMSGSIZE";
  if (type !== 1) return type === 3 ? "EHOSTUNREACH" : "EPROTO";
  return (
    ["ENETUNREACH", "EACCES", "EHOSTUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EACCES", "EACCES"][code] ??
    "EHOSTUNREACH"
  );
}
