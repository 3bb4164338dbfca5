// A packet batch in plain memory, and addresses in the kernel's layout, for node:dgram.
import { isIPv4, SocketAddress as TextAddress } from "node:net";
import type { ErrorOrigin, PacketBatch, SocketAddress } from "../../kernel/kernel.ts";

export interface Datagram {
  readonly bytes: Uint8Array;
  /** Sender, or for a packet that could not be sent where it was to go. */
  readonly from: SocketAddress;
  /** Nanoseconds of `Clock.realtimeNs`. */
  readonly stampNs: number;
  /** Why it could not be sent. */
  readonly errno?: string;
}

// struct sockaddr_in and sockaddr_in6, with the Linux family numbers: nothing but this file reads them.
const SOCKADDR_BYTES = 28;
const AF_INET = 2;
const AF_INET6 = 10;
const NO_ICMP = { type: -1, code: -1, info: 0 } as const;

export function socketAddress(ip: string, port: number): SocketAddress {
  const address = new Uint8Array(SOCKADDR_BYTES);
  const view = new DataView(address.buffer);
  view.setUint16(2, port);
  if (isIPv4(ip)) {
    view.setUint16(0, AF_INET, true);
    address.set(ip.split(".").map(Number), 4);
  } else {
    view.setUint16(0, AF_INET6, true);
    address.set(ipv6Bytes(ip), 8);
  }
  return address as SocketAddress;
}

export function textAddress(address: SocketAddress): { readonly ip: string; readonly port: number } {
  const view = new DataView(address.buffer, address.byteOffset, SOCKADDR_BYTES);
  const port = view.getUint16(2);
  if (view.getUint16(0, true) === AF_INET) return { ip: address.subarray(4, 8).join("."), port };
  return { ip: Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16)).join(":"), port };
}

export class DgramBatch implements PacketBatch {
  readonly capacity: number;
  readonly packetBytes: number;
  readonly #rooms: readonly Uint8Array[];
  readonly #outgoing: { bytes: Uint8Array; to: SocketAddress }[] = [];
  #taken: readonly Datagram[] = [];

  constructor(capacity: number, packetBytes: number) {
    this.capacity = capacity;
    this.packetBytes = packetBytes;
    this.#rooms = Array.from({ length: capacity }, () => new Uint8Array(packetBytes));
  }

  room(i: number): Uint8Array {
    return this.#rooms[i]!;
  }
  prepare(i: number, bytes: number, to: SocketAddress): void {
    this.#outgoing[i] = { bytes: this.room(i).subarray(0, bytes), to };
  }
  /** Node does not tell which address a packet came to: a host with several needs `listen`. */
  prepareReply(
    i: number,
    bytes: number,
    { received, at }: { readonly received: PacketBatch; readonly at: number },
  ): void {
    this.prepare(i, bytes, received.copyAddress(at));
  }
  outgoing(i: number): { readonly bytes: Uint8Array; readonly to: SocketAddress } {
    return this.#outgoing[i]!;
  }

  /** Moves what fits from the front of a queue into this batch. */
  take(queue: Datagram[]): number {
    this.#taken = queue.splice(0, this.capacity);
    return this.#taken.length;
  }

  bytes(i: number): Uint8Array {
    return this.#taken[i]!.bytes.subarray(0, this.packetBytes);
  }
  truncated(i: number): boolean {
    return this.#taken[i]!.bytes.length > this.packetBytes;
  }
  isFrom(i: number, address: SocketAddress): boolean {
    const { from } = this.#taken[i]!;
    const anyPort = address[2] === 0 && address[3] === 0;
    return from.every((byte, at) => byte === address[at] || (anyPort && (at === 2 || at === 3)));
  }
  from(i: number): { readonly ip: string; readonly port: number } {
    return textAddress(this.copyAddress(i));
  }
  copyAddress(i: number): SocketAddress {
    return this.#taken[i]!.from;
  }
  stampNs(i: number): number {
    return this.#taken[i]!.stampNs;
  }
  ttl(): number {
    return -1;
  }
  origin(): ErrorOrigin {
    return "local";
  }
  errno(i: number): string {
    return this.#taken[i]!.errno ?? "UNKNOWN";
  }
  icmp(): typeof NO_ICMP {
    return NO_ICMP;
  }
}

function ipv6Bytes(ip: string): Uint8Array {
  // Canonical form has at most one "::", and no embedded IPv4 but for mapped addresses, which V6ONLY sockets never see.
  const [head = "", tail] = new TextAddress({ address: ip, family: "ipv6" }).address.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
