// An array of struct mmsghdr with its iovecs, addresses, control buffers and packet rooms, in one arena.
import type { Clock } from "../base/clock.ts";
import {
  EE_ORIGIN_ICMP,
  EE_ORIGIN_ICMP6,
  EE_ORIGIN_TIMESTAMPING,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_RECVERR,
  IP_PKTINFO,
  IP_RECVERR,
  IP_TTL,
  MSG_TRUNC,
  SOL_SOCKET,
  SO_TIMESTAMPING,
} from "./constants.ts";
import type { ErrorOrigin, PacketBatch, SocketAddress } from "./kernel.ts";
import { allocateArena, errnoName, type Arena } from "./libc.ts";
import {
  describeAddress,
  partsOf,
  sameAddress,
  sameHost,
  socketAddressLength,
  SOCKADDR_BYTES,
} from "./socket-address.ts";

// struct mmsghdr (64 bytes): msg_name 0, msg_namelen 8, msg_iov 16, msg_iovlen 24, msg_control 32,
// msg_controllen 40, msg_flags 48, msg_len 56.
const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
const NAME_BYTES = 32;
/** Room for a stamp (64), an extended error with its offender (16 + 16 + 28) and a TTL (24), with slack. */
const CONTROL_BYTES = 256;
/** struct cmsghdr: length 0 (8 bytes), level 8, type 12. */
const CMSG_HEADER_BYTES = 16;
const EXTENDED_ERROR_BYTES = 16;
const NS_PER_SECOND = 1e9;

export class LinuxPacketBatch implements PacketBatch {
  readonly capacity: number;
  readonly packetBytes: number;
  /** Address of the first mmsghdr. */
  readonly headers: number;
  /** Set by the socket that received: how many bytes of IP header are in front (raw IPv4). */
  #skipIpHeader = false;
  #armed: "send" | "receive" | undefined;
  #used = 0;
  readonly #baseSeconds: number;
  readonly #arena: Arena;
  readonly #rooms: Uint8Array[] = [];
  readonly #names: Uint8Array[] = [];
  readonly #control: number;

  constructor(clock: Clock, capacity: number, packetBytes: number) {
    this.capacity = capacity;
    this.packetBytes = packetBytes;
    this.#baseSeconds = clock.baseSeconds;
    const stride = (packetBytes + 63) & ~63;
    const iovecs = capacity * HEADER_BYTES;
    const names = iovecs + capacity * IOVEC_BYTES;
    this.#control = names + capacity * NAME_BYTES;
    const rooms = this.#control + capacity * CONTROL_BYTES;
    this.#arena = allocateArena(rooms + capacity * stride);
    const { address, view, bytes } = this.#arena;
    this.headers = address;
    const pointer = (at: number, to: number) => view.setBigUint64(at, BigInt(address + to), true);
    for (let i = 0; i < capacity; i++) {
      pointer(i * HEADER_BYTES, names + i * NAME_BYTES);
      pointer(i * HEADER_BYTES + 16, iovecs + i * IOVEC_BYTES);
      view.setBigUint64(i * HEADER_BYTES + 24, 1n, true);
      pointer(i * HEADER_BYTES + 32, this.#control + i * CONTROL_BYTES);
      pointer(iovecs + i * IOVEC_BYTES, rooms + i * stride);
      this.#rooms.push(bytes.subarray(rooms + i * stride, rooms + i * stride + packetBytes));
      this.#names.push(bytes.subarray(names + i * NAME_BYTES, names + i * NAME_BYTES + SOCKADDR_BYTES));
    }
  }

  room(i: number): Uint8Array {
    return this.#rooms[i]!;
  }

  prepare(i: number, bytes: number, to: SocketAddress): void {
    const { view } = this.#arena;
    const header = i * HEADER_BYTES;
    this.#armed = "send";
    this.#names[i]!.set(to);
    view.setUint32(header + 8, socketAddressLength(to), true);
    view.setUint32(header + 40, 0, true);
    view.setUint32(this.capacity * HEADER_BYTES + i * IOVEC_BYTES + 8, bytes, true);
  }

  prepareReply(
    i: number,
    bytes: number,
    { received, at }: { readonly received: PacketBatch; readonly at: number },
  ): void {
    const from = received as LinuxPacketBatch;
    this.prepare(i, bytes, from.#names[at]! as SocketAddress);
    const ipv4 = from.#controlData(at, IPPROTO_IP, IP_PKTINFO);
    const found = ipv4 >= 0 ? ipv4 : from.#controlData(at, IPPROTO_IPV6, IPV6_PKTINFO);
    // A socket bound to an address sends from that one and is not told.
    if (found < 0) return;
    // struct in_pktinfo { int ifindex; in_addr spec_dst; in_addr addr }, struct in6_pktinfo { in6_addr addr; int ifindex }:
    // given back as they came they fix the source address. The interface is left to the route (0).
    const dataBytes = ipv4 >= 0 ? 12 : 20;
    const own = this.#control + i * CONTROL_BYTES;
    const { bytes: memory, view } = this.#arena;
    memory.set(from.#arena.bytes.subarray(found - CMSG_HEADER_BYTES, found + dataBytes), own);
    view.setUint32(own + CMSG_HEADER_BYTES + (ipv4 >= 0 ? 0 : 16), 0, true);
    view.setUint32(i * HEADER_BYTES + 40, (CMSG_HEADER_BYTES + dataBytes + 7) & ~7, true);
  }

  /** Make ready to be filled: only what the last receive used, all of it after a send. */
  armForReceive(skipIpHeader: boolean): void {
    const { view } = this.#arena;
    const upTo = this.#armed === "receive" ? this.#used : this.capacity;
    for (let i = 0; i < upTo; i++) {
      const header = i * HEADER_BYTES;
      view.setUint32(header + 8, SOCKADDR_BYTES, true);
      view.setUint32(header + 40, CONTROL_BYTES, true);
      view.setUint32(this.capacity * HEADER_BYTES + i * IOVEC_BYTES + 8, this.packetBytes, true);
    }
    this.#armed = "receive";
    this.#used = 0;
    this.#skipIpHeader = skipIpHeader;
  }

  /** This many headers have been filled by the kernel. */
  filled(count: number): void {
    this.#used = count;
  }

  bytes(i: number): Uint8Array {
    const room = this.#rooms[i]!;
    const length = Math.min(this.#arena.view.getUint32(i * HEADER_BYTES + 56, true), this.packetBytes);
    return room.subarray(this.#skipIpHeader && length > 0 ? Math.min((room[0]! & 0x0f) * 4, length) : 0, length);
  }

  truncated(i: number): boolean {
    return (this.#arena.view.getUint32(i * HEADER_BYTES + 48, true) & MSG_TRUNC) !== 0;
  }

  isFrom(i: number, address: SocketAddress): boolean {
    return sameAddress(this.#names[i]!, address);
  }

  from(i: number): { ip: string; port: number } {
    return describeAddress(this.#names[i]!);
  }

  source(i: number): { readonly address: Uint8Array; readonly port: number } {
    return partsOf(this.#names[i]!);
  }

  copyAddress(i: number): SocketAddress {
    return this.#names[i]!.slice() as SocketAddress;
  }

  stampNs(i: number): number {
    const at = this.#controlData(i, SOL_SOCKET, SO_TIMESTAMPING);
    if (at < 0) return NaN;
    const { view } = this.#arena;
    // struct scm_timestamping: ts[0] is the software stamp. Seconds fit in 53 bits.
    const seconds = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
    const ns = view.getUint32(at + 8, true);
    return seconds === 0 ? NaN : (seconds - this.#baseSeconds) * NS_PER_SECOND + ns;
  }

  ttl(i: number): number {
    let at = this.#controlData(i, IPPROTO_IP, IP_TTL);
    if (at < 0) at = this.#controlData(i, IPPROTO_IPV6, IPV6_HOPLIMIT);
    return at < 0 ? -1 : this.#arena.view.getInt32(at, true);
  }

  origin(i: number): ErrorOrigin {
    const at = this.#extendedError(i);
    switch (at < 0 ? -1 : this.#arena.bytes[at + 4]) {
      case EE_ORIGIN_TIMESTAMPING:
        return "stamp";
      case EE_ORIGIN_ICMP:
      case EE_ORIGIN_ICMP6:
        return "icmp";
      default:
        return "local";
    }
  }

  errno(i: number): string {
    const at = this.#extendedError(i);
    return errnoName(at < 0 ? 0 : this.#arena.view.getUint32(at, true));
  }

  icmp(i: number): { type: number; code: number; info: number } {
    const at = this.#extendedError(i);
    if (at < 0) return { type: -1, code: -1, info: 0 };
    const { bytes, view } = this.#arena;
    return { type: bytes[at + 5]!, code: bytes[at + 6]!, info: view.getUint32(at + 8, true) };
  }

  /** struct sock_extended_err (16 bytes) is followed by the address that the error came from (SO_EE_OFFENDER). */
  isErrorOf(i: number, address: SocketAddress): boolean {
    const offender = this.#offender(i);
    return offender !== undefined && sameHost(offender, address);
  }

  offender(i: number): string | undefined {
    const offender = this.#offender(i);
    // A family of 0: the error came without an address.
    return offender === undefined || offender[0] === 0 ? undefined : describeAddress(offender).ip;
  }

  #offender(i: number): Uint8Array | undefined {
    const at = this.#extendedError(i);
    const from = at + EXTENDED_ERROR_BYTES;
    return at < 0 ? undefined : this.#arena.bytes.subarray(from, from + SOCKADDR_BYTES);
  }

  #extendedError(i: number): number {
    const at = this.#controlData(i, IPPROTO_IP, IP_RECVERR);
    return at >= 0 ? at : this.#controlData(i, IPPROTO_IPV6, IPV6_RECVERR);
  }

  /** Where the data of a control message lies in the arena, or −1. struct cmsghdr: len 0 (8 bytes), level 8, type 12, data 16. */
  #controlData(i: number, level: number, type: number): number {
    const { view } = this.#arena;
    const start = this.#control + i * CONTROL_BYTES;
    const end = start + Math.min(view.getUint32(i * HEADER_BYTES + 40, true), CONTROL_BYTES);
    for (let at = start; at + 16 <= end;) {
      const length = view.getUint32(at, true);
      if (length < 16) return -1;
      if (view.getInt32(at + 8, true) === level && view.getInt32(at + 12, true) === type) return at + 16;
      at += (length + 7) & ~7;
    }
    return -1;
  }
}
