// PacketBatch on plain ArrayBuffers.
import type { ErrorOrigin, PacketBatch, SocketAddress } from "../../agent/kernel/kernel.ts";
import { parseIp } from "../../agent/base/ip.ts";
import { canonicalIp, matchesAddress, readAddress, socketAddress } from "./fake-address.ts";

/** What the fake network puts into a batch. */
export interface Arrival {
  readonly bytes: Uint8Array;
  /** Absent in a transmit stamp, as in Linux. */
  readonly address?: SocketAddress;
  /** The address that it was sent to. */
  readonly to?: string;
  readonly stampNs: number;
  readonly ttl: number;
  readonly error?: {
    readonly origin: ErrorOrigin;
    readonly errno: string;
    readonly type: number;
    readonly code: number;
    readonly info: number;
    /** Who sent the ICMP error. */
    readonly offender?: string;
  };
}

const NO_ADDRESS = socketAddress("0.0.0.0", 0);

interface Entry {
  readonly room: Uint8Array;
  length: number;
  truncated: boolean;
  address: SocketAddress;
  /** To be sent from this one, where the socket is bound to none. */
  source: string | undefined;
  arrival: Arrival | undefined;
}

export class FakeBatch implements PacketBatch {
  readonly capacity: number;
  readonly packetBytes: number;
  readonly #entries: readonly Entry[];

  constructor(capacity: number, packetBytes: number) {
    this.capacity = capacity;
    this.packetBytes = packetBytes;
    this.#entries = Array.from({ length: capacity }, () => ({
      room: new Uint8Array(packetBytes),
      length: 0,
      truncated: false,
      address: NO_ADDRESS,
      source: undefined,
      arrival: undefined,
    }));
  }

  room(i: number): Uint8Array {
    return this.#entry(i).room;
  }
  prepare(i: number, bytes: number, to: SocketAddress): void {
    if (bytes > this.packetBytes) throw new RangeError(`${bytes} bytes do not fit a room of ${this.packetBytes}`);
    const entry = this.#entry(i);
    entry.length = bytes;
    entry.address = to;
    entry.source = undefined;
  }
  prepareReply(
    i: number,
    bytes: number,
    { received, at }: { readonly received: PacketBatch; readonly at: number },
  ): void {
    this.prepare(i, bytes, received.copyAddress(at));
    this.#entry(i).source = (received as FakeBatch).#arrival(at).to;
  }
  bytes(i: number): Uint8Array {
    const entry = this.#entry(i);
    return entry.room.subarray(0, entry.length);
  }
  truncated(i: number): boolean {
    return this.#entry(i).truncated;
  }
  isFrom(i: number, address: SocketAddress): boolean {
    const entry = this.#entry(i);
    return entry.arrival?.address !== undefined && matchesAddress(entry.address, address);
  }
  from(i: number): { readonly ip: string; readonly port: number } {
    return readAddress(this.#entry(i).address);
  }
  source(i: number): { readonly address: Uint8Array; readonly port: number } {
    const { ip, port } = this.from(i);
    return { address: Uint8Array.from(parseIp(ip)!.bytes), port };
  }
  copyAddress(i: number): SocketAddress {
    return this.#entry(i).address.slice() as SocketAddress;
  }
  stampNs(i: number): number {
    return this.#arrival(i).stampNs;
  }
  ttl(i: number): number {
    return this.#arrival(i).ttl;
  }
  origin(i: number): ErrorOrigin {
    return this.#error(i).origin;
  }
  errno(i: number): string {
    return this.#error(i).errno;
  }
  icmp(i: number): { readonly type: number; readonly code: number; readonly info: number } {
    const { type, code, info } = this.#error(i);
    return { type, code, info };
  }

  isErrorOf(i: number, address: SocketAddress): boolean {
    const { offender } = this.#error(i);
    return offender !== undefined && readAddress(address).ip === canonicalIp(offender);
  }
  offender(i: number): string | undefined {
    const { offender } = this.#error(i);
    return offender === undefined ? undefined : canonicalIp(offender);
  }

  /** For the fake kernel: what is to be sent. */
  outgoing(i: number): { readonly bytes: Uint8Array; readonly to: SocketAddress; readonly source: string | undefined } {
    const entry = this.#entry(i);
    return { bytes: entry.room.slice(0, entry.length), to: entry.address, source: entry.source };
  }
  /** For the fake kernel: what came. */
  fill(i: number, arrival: Arrival): void {
    const entry = this.#entry(i);
    entry.length = Math.min(arrival.bytes.length, this.packetBytes);
    entry.truncated = arrival.bytes.length > this.packetBytes;
    entry.room.set(arrival.bytes.subarray(0, entry.length));
    entry.address = arrival.address ?? NO_ADDRESS;
    entry.arrival = arrival;
  }

  #entry(i: number): Entry {
    const entry = this.#entries[i];
    if (!entry) throw new RangeError(`packet ${i} of a batch of ${this.capacity}`);
    return entry;
  }
  #arrival(i: number): Arrival {
    const { arrival } = this.#entry(i);
    if (!arrival) throw new Error(`packet ${i} was asked about before anything was received into it`);
    return arrival;
  }
  #error(i: number): NonNullable<Arrival["error"]> {
    const { error } = this.#arrival(i);
    if (!error) throw new Error(`packet ${i} did not come from the error queue`);
    return error;
  }
}
