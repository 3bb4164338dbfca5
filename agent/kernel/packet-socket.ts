// ICMP and UDP sockets with kernel stamps both ways and the error queue open.
import type { IpFamily } from "../model/peer.ts";
import * as C from "./constants.ts";
import {
  KernelError,
  type IcmpOptions,
  type PacketBatch,
  type PacketSocket,
  type SocketAddress,
  type UdpOptions,
} from "./kernel.ts";
import * as libc from "./libc.ts";
import type { LinuxPacketBatch } from "./packet-batch.ts";
import { socketAddress, socketAddressLength, SOCKADDR_BYTES } from "./socket-address.ts";

/** A 64-byte reply costs 832 bytes of this (measured), so the default of 208 KiB holds 256 replies; this holds 5,000. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/**
 * Packets that wait for the link address of a dead neighbour (3 s each) are charged to this: the default of 208 KiB is
 * full, for everyone's probes, at some 280 of them.
 */
const SEND_BUFFER_BYTES = 4 * 1024 * 1024;
const ICMP_CURE =
  "datagram ICMP needs this process's group inside net.ipv4.ping_group_range (the chart sets it as a pod sysctl), raw ICMP needs CAP_NET_RAW";

/** Pending errors passed over in one read. Each is of one ICMP message: more than these is a flood, and can wait. */
const MAX_PENDING_ERRORS = 1_024;
/** What no ICMP message makes: the socket itself is no good any more, and reading it again would go on for ever. */
const UNUSABLE: ReadonlySet<string> = new Set(["EBADF", "ENOTSOCK", "EFAULT", "EINVAL"]);

class LinuxPacketSocket implements PacketSocket {
  readonly family: IpFamily;
  readonly kind: "datagram" | "raw";
  readonly port: number;
  readonly receiveBufferBytes: number;
  readonly #fd: number;
  #closed = false;
  readonly #meminfo = new Uint32Array(9);

  constructor(fd: number, family: IpFamily, kind: "datagram" | "raw", port: number) {
    this.#fd = fd;
    this.family = family;
    this.kind = kind;
    this.port = port;
    this.receiveBufferBytes = getInt(fd, C.SOL_SOCKET, C.SO_RCVBUF);
  }

  send(batch: PacketBatch, from: number, to: number): number {
    const sent = libc.sendmmsg(this.#fd, (batch as LinuxPacketBatch).headers + from * 64, to - from, 0);
    return sent < 0 ? -libc.lastErrno() : sent;
  }

  receive(batch: PacketBatch): number {
    return this.#receive(batch as LinuxPacketBatch, C.MSG_DONTWAIT, this.kind === "raw" && this.family === "ipv4");
  }

  receiveErrors(batch: PacketBatch): number {
    return this.#receive(batch as LinuxPacketBatch, C.MSG_DONTWAIT | C.MSG_ERRQUEUE, false);
  }

  #receive(batch: LinuxPacketBatch, flags: number, skipIpHeader: boolean): number {
    batch.armForReceive(skipIpHeader);
    for (let tries = 0; tries < MAX_PENDING_ERRORS; tries++) {
      const count = libc.recvmmsg(this.#fd, batch.headers, batch.capacity, flags, 0);
      if (count >= 0) {
        batch.filled(count);
        return count;
      }
      const errno = libc.errnoName(libc.lastErrno());
      if (errno === "EAGAIN") return 0;
      // A pending ICMP error of some peer is reported on the data path once; the queue tells whose it is.
      if (UNUSABLE.has(errno)) throw new KernelError("recvmmsg", errno, `${this.family} socket on port ${this.port}`);
    }
    return 0;
  }

  setHopLimit(hops: number): void {
    if (this.family === "ipv4") setInt(this.#fd, C.IPPROTO_IP, C.IP_TTL, hops, `IP_TTL ${hops}`);
    else setInt(this.#fd, C.IPPROTO_IPV6, C.IPV6_UNICAST_HOPS, hops, `IPV6_UNICAST_HOPS ${hops}`);
  }

  drops(): number {
    const length = new Uint32Array([36]);
    if (this.#closed || libc.getsockopt(this.#fd, C.SOL_SOCKET, C.SO_MEMINFO, this.#meminfo, length) < 0) return 0;
    return this.#meminfo[C.SK_MEMINFO_DROPS]!;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
  }
}

/** Open a descriptor and hand it on; closed again when `configure` throws. */
function open<T>(domain: number, type: number, protocol: number, what: string, configure: (fd: number) => T): T {
  const fd = libc.check(libc.socket(domain, type | C.SOCK_NONBLOCK | C.SOCK_CLOEXEC, protocol), "socket", what);
  try {
    return configure(fd);
  } catch (err) {
    libc.close(fd);
    throw err;
  }
}

export function openUdp(options: UdpOptions): PacketSocket {
  const { family, port, address } = options;
  const at = `UDP port ${port} on ${address ?? "all addresses"}`;
  return open(family === "ipv4" ? C.AF_INET : C.AF_INET6, C.SOCK_DGRAM, 0, at, (fd) => {
    const stamps = options.transmitStamps === false ? C.RECEIVE_TIMESTAMPING_FLAGS : C.TIMESTAMPING_FLAGS;
    prepare(fd, family, { receiveBufferBytes: options.receiveBufferBytes, stamps });
    if (options.dontFragment === true) {
      if (family === "ipv4") setInt(fd, C.IPPROTO_IP, C.IP_MTU_DISCOVER, C.PMTUDISC_PROBE, "IP_MTU_DISCOVER");
      else setInt(fd, C.IPPROTO_IPV6, C.IPV6_MTU_DISCOVER, C.PMTUDISC_PROBE, "IPV6_MTU_DISCOVER");
    }
    // Who answers on all addresses must know which one was asked; who sent from a port of its own does not care.
    if (address === undefined && port !== 0) {
      if (family === "ipv4") setInt(fd, C.IPPROTO_IP, C.IP_PKTINFO, 1, "IP_PKTINFO");
      else setInt(fd, C.IPPROTO_IPV6, C.IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
    }
    bindTo(fd, socketAddress(address ?? anyAddress(family), port), at);
    return new LinuxPacketSocket(fd, family, "datagram", localPort(fd));
  });
}

export function openIcmp(options: IcmpOptions): PacketSocket {
  try {
    return openPing(options);
  } catch (err) {
    // EACCES: our group is outside ping_group_range. EPROTONOSUPPORT: no ping sockets in this kernel.
    if (!(err instanceof KernelError) || !["EACCES", "EPERM", "EPROTONOSUPPORT"].includes(err.errno)) throw err;
    return openRawIcmp(options);
  }
}

/** The kernel sets the identifier to the local port and hands us only replies that carry it (net/ipv4/ping.c). */
function openPing({ family, address, receiveBufferBytes }: IcmpOptions): PacketSocket {
  const ipv4 = family === "ipv4";
  return open(
    ipv4 ? C.AF_INET : C.AF_INET6,
    C.SOCK_DGRAM,
    ipv4 ? C.IPPROTO_ICMP : C.IPPROTO_ICMPV6,
    ICMP_CURE,
    (fd) => {
      prepare(fd, family, { receiveBufferBytes });
      bindTo(fd, socketAddress(address ?? anyAddress(family), 0), "an ICMP identifier");
      return new LinuxPacketSocket(fd, family, "datagram", localPort(fd));
    },
  );
}

/** A raw socket sees all ICMP of its namespace; the filter lets through only echo replies with our identifier. */
function openRawIcmp({ family, address, receiveBufferBytes }: IcmpOptions): PacketSocket {
  const ipv4 = family === "ipv4";
  const identifier = 1 + Math.floor(Math.random() * 0xfffe);
  return open(ipv4 ? C.AF_INET : C.AF_INET6, C.SOCK_RAW, ipv4 ? C.IPPROTO_ICMP : C.IPPROTO_ICMPV6, ICMP_CURE, (fd) => {
    attachEchoReplyFilter(fd, family, identifier);
    prepare(fd, family, { receiveBufferBytes });
    if (address !== undefined) bindTo(fd, socketAddress(address, 0), address);
    return new LinuxPacketSocket(fd, family, "raw", identifier);
  });
}

/** Classic BPF (Documentation/networking/filter.rst): accept echo replies with this identifier, nothing else. */
function attachEchoReplyFilter(fd: number, family: IpFamily, identifier: number): void {
  const LDX_IP_HEADER_LENGTH = 0xb1,
    LD_BYTE_X = 0x50,
    LD_HALF_X = 0x48,
    LDX_IMMEDIATE = 0x01,
    JEQ = 0x15,
    RET = 0x06;
  const [loadOffset, echoReply] = family === "ipv4" ? [LDX_IP_HEADER_LENGTH, 0] : [LDX_IMMEDIATE, 129];
  // [code, jump if true, jump if false, constant]; the ICMP header starts at X.
  const program = [
    [loadOffset, 0, 0, 0],
    [LD_BYTE_X, 0, 0, 0],
    [JEQ, 0, 3, echoReply],
    [LD_HALF_X, 0, 0, 4],
    [JEQ, 0, 1, identifier],
    [RET, 0, 0, 0x40000],
    [RET, 0, 0, 0],
  ] as const;
  // struct sock_fprog { u16 length; struct sock_filter *filter } followed by the instructions of 8 bytes each.
  const arena = libc.allocateArena(16 + program.length * 8);
  arena.view.setUint16(0, program.length, true);
  arena.view.setBigUint64(8, BigInt(arena.address + 16), true);
  for (const [i, [code, jt, jf, k]] of program.entries()) {
    const at = 16 + i * 8;
    arena.view.setUint16(at, code, true);
    arena.view.setUint8(at + 2, jt);
    arena.view.setUint8(at + 3, jf);
    arena.view.setUint32(at + 4, k, true);
  }
  libc.check(libc.setsockopt(fd, C.SOL_SOCKET, C.SO_ATTACH_FILTER, arena.bytes, 16), "setsockopt", "SO_ATTACH_FILTER");
}

interface PrepareOptions {
  readonly receiveBufferBytes: number | undefined;
  readonly stamps?: number;
}

/** Buffers, stamps, error queue, TTL: what every packet socket has. */
function prepare(
  fd: number,
  family: IpFamily,
  { receiveBufferBytes = RECEIVE_BUFFER_BYTES, stamps = C.TIMESTAMPING_FLAGS }: PrepareOptions,
): void {
  // What the kernel granted of the receive buffer is exported, and drops are counted.
  setBuffer(fd, { force: C.SO_RCVBUFFORCE, limited: C.SO_RCVBUF, bytes: receiveBufferBytes });
  setBuffer(fd, { force: C.SO_SNDBUFFORCE, limited: C.SO_SNDBUF, bytes: SEND_BUFFER_BYTES });
  setInt(fd, C.SOL_SOCKET, C.SO_TIMESTAMPING, stamps, "SO_TIMESTAMPING");
  if (family === "ipv4") {
    setInt(fd, C.IPPROTO_IP, C.IP_RECVERR, 1, "IP_RECVERR");
    setInt(fd, C.IPPROTO_IP, C.IP_RECVTTL, 1, "IP_RECVTTL");
  } else {
    setInt(fd, C.IPPROTO_IPV6, C.IPV6_RECVERR, 1, "IPV6_RECVERR");
    setInt(fd, C.IPPROTO_IPV6, C.IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT");
    // Ping sockets have no such option and are of one family anyway.
    libc.setsockopt(fd, C.IPPROTO_IPV6, C.IPV6_V6ONLY, new Int32Array([1]), 4);
  }
}

/** Beyond rmem_max and wmem_max only with CAP_NET_ADMIN; else up to there. */
function setBuffer(
  fd: number,
  { force, limited, bytes }: { readonly force: number; readonly limited: number; readonly bytes: number },
): void {
  if (libc.setsockopt(fd, C.SOL_SOCKET, force, new Int32Array([bytes]), 4) < 0)
    setInt(fd, C.SOL_SOCKET, limited, bytes, "SO_SNDBUF or SO_RCVBUF");
}

export function setInt(fd: number, level: number, name: number, value: number, what: string): void {
  libc.check(libc.setsockopt(fd, level, name, new Int32Array([value]), 4), "setsockopt", what);
}

export function getInt(fd: number, level: number, name: number): number {
  const value = new Uint32Array(1);
  libc.check(libc.getsockopt(fd, level, name, value, new Uint32Array([4])), "getsockopt", String(name));
  return value[0]!;
}

export function bindTo(fd: number, address: SocketAddress, what: string): void {
  libc.check(libc.bindSocket(fd, address, socketAddressLength(address)), "bind", what);
}

const anyAddress = (family: IpFamily) => (family === "ipv4" ? "0.0.0.0" : "::");

function localPort(fd: number): number {
  const address = new Uint8Array(SOCKADDR_BYTES);
  libc.check(libc.getsockname(fd, address, new Uint32Array([SOCKADDR_BYTES])), "getsockname", "");
  return (address[2]! << 8) | address[3]!;
}
