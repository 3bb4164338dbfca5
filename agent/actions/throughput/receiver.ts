// The receiving ends of a throughput run. They are open for that run only, and take what one node sends with the words
// that the run was opened with; everything else is thrown away.
import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { ipRanges, parseIp, unmapped } from "../../base/ip.ts";
import { drainQueue } from "../../kernel/drain.ts";
import type { Kernel, PacketBatch, PacketSocket } from "../../kernel/kernel.ts";
import type { IpFamily } from "../../model/peer.ts";
import { BULK_HEADER_BYTES, readBulkHeader } from "../../wire/throughput.ts";
import type { TcpGuests } from "../../reflector/tcp-guests.ts";
import type { Received } from "./report.ts";
import { UdpTally } from "./udp-tally.ts";

export interface ReceiverOptions {
  readonly clock: Clock;
  readonly family: IpFamily;
  readonly port: number;
  /** Absent: all addresses. */
  readonly address: string | undefined;
  /** Addresses of the node that sends. */
  readonly from: readonly string[];
  readonly session: string;
  readonly streams: number;
  readonly messageBytes: number;
}

export interface BulkReceiver extends Disposable {
  readonly port: number;
  /** Everything has come, by the sender's word. */
  readonly isOver: boolean;
  /** Take what has come. */
  tick(): void;
  received(): Received;
}

class Span {
  bytes = 0;
  readonly #clock: Clock;
  #firstNs: number | undefined;
  #lastNs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(bytes: number): void {
    const nowNs = this.#clock.monotonicNs();
    this.#firstNs ??= nowNs;
    this.#lastNs = nowNs;
    this.bytes += bytes;
  }

  get seconds(): number {
    return this.#firstNs === undefined ? 0 : (this.#lastNs - this.#firstNs) / 1e9;
  }
}

/** Connections come to the probe port, whose responder hands them over. */
export function openTcpReceiver(options: ReceiverOptions & { readonly guests: TcpGuests }): BulkReceiver {
  return new TcpReceiver(options);
}

class TcpReceiver implements BulkReceiver {
  readonly port: number;
  readonly #options: ReceiverOptions;
  readonly #span: Span;
  readonly #isSender: (address: string) => boolean;
  readonly #sockets = new Set<Socket>();
  readonly #expected: Disposable;
  #greeted = 0;
  #closed = 0;

  constructor(options: ReceiverOptions & { readonly guests: TcpGuests }) {
    this.port = options.port;
    this.#options = options;
    this.#span = new Span(options.clock);
    this.#isSender = ipRanges(options.from);
    this.#expected = options.guests.expect((socket) => this.#take(socket));
  }

  get isOver(): boolean {
    return this.#greeted >= this.#options.streams && this.#closed >= this.#greeted;
  }

  tick(): void {}

  received(): Received {
    return { bytes: this.#span.bytes, seconds: this.#span.seconds };
  }

  [Symbol.dispose](): void {
    this.#expected[Symbol.dispose]();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From an address of the sender; whose it really is, its first bytes tell. */
  #take(socket: Socket): boolean {
    const from = parseIp(socket.remoteAddress ?? "");
    if (from === undefined || !this.#isSender(unmapped(from).text)) return false;
    socket.on("error", () => {}); // its end is all that matters
    this.#sockets.add(socket);
    let isGreeted = false;
    let first = new Uint8Array();
    socket.on("data", (bytes: Uint8Array) => {
      if (isGreeted) return this.#span.add(bytes.length);
      first = Buffer.concat([first, bytes]);
      if (first.length < BULK_HEADER_BYTES) return;
      if (readBulkHeader(first, this.#options.session)?.kind !== "hello") return void socket.destroy();
      isGreeted = true;
      this.#greeted++;
      if (first.length > BULK_HEADER_BYTES) this.#span.add(first.length - BULK_HEADER_BYTES);
    });
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (isGreeted) this.#closed++;
    });
    return true;
  }
}

const BATCH = 64;
/** Of a packet only the beginning is read: its size was agreed on. */
const ROOM_BYTES = 64;
/** A flood of others' packets must not hold the event loop. */
const MAX_BATCHES_A_TICK = 256;

/** Throws KernelError, with the cure, when the port cannot be opened. */
export function openUdpReceiver(options: ReceiverOptions & { readonly kernel: Kernel }): BulkReceiver {
  return new UdpReceiver(options);
}

class UdpReceiver implements BulkReceiver {
  readonly #options: ReceiverOptions;
  readonly #span: Span;
  readonly #socket: PacketSocket;
  readonly #batch: PacketBatch;
  readonly #from: readonly ReturnType<Kernel["socketAddress"]>[];
  readonly #tallies = new Map<number, UdpTally>();

  constructor(options: ReceiverOptions & { readonly kernel: Kernel }) {
    const { kernel, family, port, address, clock, from } = options;
    this.#options = options;
    this.#span = new Span(clock);
    this.#batch = kernel.createBatch(BATCH, ROOM_BYTES);
    this.#from = from.map((ip) => kernel.socketAddress(ip, 0));
    this.#socket = kernel.openUdp({ family, port, ...(address !== undefined && { address }), transmitStamps: false });
  }

  get port(): number {
    return this.#socket.port;
  }

  get isOver(): boolean {
    const ended = [...this.#tallies.values()].filter(({ announced }) => announced !== undefined);
    return ended.length === this.#options.streams;
  }

  tick(): void {
    drainQueue(
      this.#batch,
      (batch) => this.#socket.receive(batch),
      (batch, i) => this.#came(batch, i),
      { maxBatches: MAX_BATCHES_A_TICK },
    );
  }

  received(): Received {
    const tallies = [...this.#tallies.values()];
    const sum = (figure: (tally: UdpTally) => number) => tallies.reduce((total, tally) => total + figure(tally), 0);
    return {
      bytes: this.#span.bytes,
      seconds: this.#span.seconds,
      udp: {
        packets: sum(({ packets }) => packets),
        duplicates: sum(({ duplicates }) => duplicates),
        reordered: sum(({ reordered }) => reordered),
        jitterNs: Math.round(Math.max(0, ...tallies.map(({ jitterNs }) => jitterNs))),
        socketDrops: this.#socket.drops(),
      },
    };
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #came(batch: PacketBatch, i: number): void {
    const header = readBulkHeader(batch.bytes(i), this.#options.session);
    if (header === undefined || header.stream >= this.#options.streams) return;
    if (!this.#from.some((address) => batch.isFrom(i, address))) return;
    const tally = this.#tally(header.stream);
    if (header.kind === "end") {
      tally.announced ??= header.sequence;
      return;
    }
    const stampNs = batch.stampNs(i);
    const before = tally.packets;
    tally.came(header.sequence, header.sentNs, Number.isNaN(stampNs) ? this.#options.clock.realtimeNs() : stampNs);
    this.#span.add((tally.packets - before) * this.#options.messageBytes);
  }

  #tally(stream: number): UdpTally {
    const known = this.#tallies.get(stream);
    if (known) return known;
    const tally = new UdpTally();
    this.#tallies.set(stream, tally);
    return tally;
  }
}
