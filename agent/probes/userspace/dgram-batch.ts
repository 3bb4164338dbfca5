// A packet batch in plain memory for node:dgram, with addresses in the kernel's layout as everywhere.
import { describeAddress, partsOf, sameAddress } from "../../kernel/socket-address.ts";
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

const NO_ICMP = { type: -1, code: -1, info: 0 } as const;

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
    return sameAddress(this.#taken[i]!.from, address);
  }
  from(i: number): { readonly ip: string; readonly port: number } {
    return describeAddress(this.#taken[i]!.from);
  }
  source(i: number): { readonly address: Uint8Array; readonly port: number } {
    return partsOf(this.#taken[i]!.from);
  }
  copyAddress(i: number): SocketAddress {
    return this.#taken[i]!.from.slice() as SocketAddress;
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
  isErrorOf(): boolean {
    return false;
  }
  offender(): undefined {
    return undefined;
  }
}
