// The seam between measuring and the machine: batches of packets, non-blocking connects, TCP_INFO.
// linux.ts implements it with koffi; tests may put test/support/fake-kernel.ts in its place. Everything here is
// synchronous and never blocks; every socket is non-blocking.
import type { IpFamily } from "../model/peer.ts";

/** A `sockaddr` as the kernel reads it (28 bytes, room for both families), made once and used for every packet. */
export type SocketAddress = Uint8Array & { readonly __brand: "sockaddr" };

/** A system call that failed in a way the caller cannot go on from. */
export class KernelError extends Error {
  readonly errno: string;
  readonly syscall: string;
  constructor(syscall: string, errno: string, detail: string) {
    super(`${syscall}: ${errno} (${detail})`);
    this.name = "KernelError";
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** Where an entry of the error queue comes from (`struct sock_extended_err`, linux/errqueue.h). */
export type ErrorOrigin = "stamp" | "icmp" | "local";

/**
 * Room for `capacity` packets of at most `packetBytes`, allocated once. The same batch is written to before
 * `send` and read from after `receive` or `receiveErrors`; its contents are valid until the next of these calls.
 */
export interface PacketBatch {
  readonly capacity: number;
  readonly packetBytes: number;
  /** All of packet `i`'s room, to write into. */
  room(i: number): Uint8Array;
  /** Set the packet to send: how many bytes of its room, and where to. */
  prepare(i: number, bytes: number, to: SocketAddress): void;
  /** The same for an answer to packet `at` of another batch: to its sender, from the very address that it was sent to. */
  prepareReply(i: number, bytes: number, to: { readonly received: PacketBatch; readonly at: number }): void;

  /** The bytes that came. A raw IPv4 socket's IP header is already taken off. */
  bytes(i: number): Uint8Array;
  /** True when the packet was larger than its room. */
  truncated(i: number): boolean;
  /** True when the other address (sender, or in the error queue the original destination) is `address`, port included unless `address` has port 0. */
  isFrom(i: number, address: SocketAddress): boolean;
  /** The other address, as text; slow, for log lines and strangers. */
  from(i: number): { readonly ip: string; readonly port: number };
  /** The same as it is in the packet: 4 or 16 octets, valid as long as the batch's contents are. */
  source(i: number): { readonly address: Uint8Array; readonly port: number };
  /** A copy of the other address, to answer to. */
  copyAddress(i: number): SocketAddress;
  /** The kernel's stamp in nanoseconds of `Clock.realtimeNs`, or NaN when there is none. */
  stampNs(i: number): number;
  /** TTL or hop limit of the packet that came, or -1. */
  ttl(i: number): number;

  // After `receiveErrors` only.
  /** What kind of entry this is. For `stamp` the bytes are the looped frame, headers in front, our packet at its end. */
  origin(i: number): ErrorOrigin;
  /** Errno of an `icmp` or `local` entry. */
  errno(i: number): string;
  /** ICMP (or ICMPv6) type and code of an `icmp` entry; `info` is the next-hop MTU of a packet-too-big. */
  icmp(i: number): { readonly type: number; readonly code: number; readonly info: number };
  /** True when the error of an `icmp` entry was sent by the host of this address; its port does not matter. */
  isErrorOf(i: number, address: SocketAddress): boolean;
  /** Who sent the error of an `icmp` entry, as text; undefined where the kernel does not say. Slow. */
  offender(i: number): string | undefined;
}

/** One ICMP or UDP socket that talks to many peers, with kernel stamps both ways and its error queue open. */
export interface PacketSocket extends Disposable {
  readonly family: IpFamily;
  /** `datagram`: an unprivileged ICMP socket or a UDP one; `raw`: ICMP with CAP_NET_RAW and a filter on our identifier. */
  readonly kind: "datagram" | "raw";
  /** UDP source port, or the ICMP identifier that replies must carry. */
  readonly port: number;
  /** What the kernel granted of the receive buffer asked for (SO_RCVBUF, its own bookkeeping included). */
  readonly receiveBufferBytes: number;
  /**
   * Send packets `from` … `to`−1 of the batch. Returns how many went out; a negative errno when the first of them
   * did not (then nothing was sent). A pending error of another peer can be the cause: drain the errors, retry once.
   */
  send(batch: PacketBatch, from: number, to: number): number;
  /** Take what has arrived, at most a batch; 0: there is nothing. Less than a batch says nothing (see drain.ts). */
  receive(batch: PacketBatch): number;
  /** The same from the error queue (transmit stamps and ICMP errors). */
  receiveErrors(batch: PacketBatch): number;
  /** Hop limit (TTL) of what is sent from now on, 1 to 255; the system's own default until then. Throws KernelError. */
  setHopLimit(hops: number): void;
  /** Packets that the kernel threw away because the receive buffer was full, since the socket was opened. */
  drops(): number;
}

/** A handshake under way. Dispose closes it with a reset: no TIME_WAIT here, no long-lived conntrack entry. */
export interface TcpHandshake extends Disposable {
  /** Ask the kernel how it stands. */
  poll(): TcpProgress;
}

export type TcpProgress =
  /** `retransmits`: SYNs sent again so far. */
  | { readonly state: "connecting"; readonly retransmits: number }
  | {
      readonly state: "established";
      readonly retransmits: number;
      /** SYN to SYN-ACK (`tcpi_rtt`, microsecond resolution). Meaningless when a SYN was retransmitted. */
      readonly rttNs: number;
      /** How long ago the SYN-ACK came (`tcpi_last_ack_recv`, millisecond resolution). */
      readonly answeredAgoMs: number;
    }
  /** `icmp` is present when the kernel kept the ICMP error that ended it. */
  | {
      readonly state: "closed";
      readonly retransmits: number;
      readonly errno: string;
      readonly icmp?: IcmpError;
    };

export interface IcmpError {
  readonly type: number;
  readonly code: number;
  /** Sent by the very host that the packet was for, not by one on the way. */
  readonly fromTarget: boolean;
}

export interface UdpOptions {
  readonly family: IpFamily;
  /** Local port; 0 lets the kernel choose. */
  readonly port: number;
  /** Local address; absent binds to all. */
  readonly address?: string;
  readonly receiveBufferBytes?: number;
  /** Send with DF and ignore what the kernel has learnt of path MTU (IP_PMTUDISC_PROBE). For path MTU only. */
  readonly dontFragment?: boolean;
  /** `false`: what is sent comes back by no stamp. For packets in bulk, of which each would cost another one. */
  readonly transmitStamps?: boolean;
}

export interface IcmpOptions {
  readonly family: IpFamily;
  readonly address?: string;
  readonly receiveBufferBytes?: number;
}

export interface Kernel {
  socketAddress(ip: string, port: number): SocketAddress;
  createBatch(capacity: number, packetBytes: number): PacketBatch;
  /** A datagram ICMP socket where `ping_group_range` allows it, else a raw one. Throws KernelError with the cure. */
  openIcmp(options: IcmpOptions): PacketSocket;
  /** Throws KernelError (EADDRINUSE, EACCES, EMFILE …). */
  openUdp(options: UdpOptions): PacketSocket;
  /** Begin a handshake. Returns the errno when the kernel refuses at once (ENETUNREACH, EADDRNOTAVAIL, EMFILE …). */
  connect(to: SocketAddress, options?: { readonly from?: string }): TcpHandshake | { readonly errno: string };
  /** What the kernel believes the path MTU to a peer is (IP_MTU of a connected socket), in bytes of IP packet. */
  believedMtu(to: SocketAddress): number;
  /** Name of a negative or positive errno: 111 → "ECONNREFUSED". */
  errnoName(errno: number): string;
}
