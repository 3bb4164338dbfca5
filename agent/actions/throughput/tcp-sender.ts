// The sending end of a TCP run: streams that are kept full for so long, and no faster than asked.
import { connect, type Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { descriptorOf } from "../../base/listen.ts";
import type { OpenedEngine } from "../../measuring/engine.ts";
import { BULK_HEADER_BYTES, writeBulkHeader } from "../../wire/throughput.ts";
import { Pacer } from "./pacer.ts";
import type { BulkSender, SenderOptions } from "./sender.ts";
import type { Sent, TcpFigures } from "./report.ts";

const CONNECT_MS = 5_000;
/** The kernel has taken what is not sent yet: it gets so long to do so, and to hear that it came. */
const FLUSH_MS = 5_000;
/** A kernel that takes every message at once would never let the process do anything else: probes and answers wait. */
const TURN_NS = 2e6;

export interface TcpSenderOptions extends SenderOptions {
  readonly clock: Clock;
  readonly tcpFigures: OpenedEngine["tcpFigures"];
}

/** Rejects when a stream cannot be opened. */
export async function openTcpSender(options: TcpSenderOptions): Promise<BulkSender> {
  const sockets: Socket[] = [];
  try {
    for (let stream = 0; stream < options.streams; stream++) sockets.push(await opened(options, stream));
  } catch (err) {
    for (const socket of sockets) socket.destroy();
    throw err;
  }
  return new TcpSender(options, sockets);
}

function opened({ to, session }: TcpSenderOptions, stream: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host: to.address, port: to.port, noDelay: true });
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })),
    CONNECT_MS,
  );
  socket.once("error", (err) => {
    clearTimeout(timer);
    reject(err);
  });
  socket.once("connect", () => {
    clearTimeout(timer);
    const hello = new Uint8Array(BULK_HEADER_BYTES);
    writeBulkHeader(hello, session, { kind: "hello", stream, sequence: 0, sentNs: 0 });
    socket.write(hello);
    resolve(socket);
  });
  return promise;
}

class TcpSender implements BulkSender {
  readonly #options: TcpSenderOptions;
  readonly #sockets: readonly Socket[];
  readonly #pacer: Pacer;
  readonly #message: Uint8Array;
  readonly #startNs: number;
  readonly #stopNs: number;
  /** What the kernel said of each stream last: a closed one is not asked any more. */
  readonly #figures: (TcpFigures | undefined)[];
  #endNs: number | undefined;
  #isDue = false;
  #bytes = 0;
  #error: Error | undefined;

  constructor(options: TcpSenderOptions, sockets: readonly Socket[]) {
    const { clock, rateMbps, messageBytes, seconds } = options;
    this.#options = options;
    this.#sockets = sockets;
    this.#startNs = clock.monotonicNs();
    this.#stopNs = this.#startNs + seconds * 1e9;
    this.#pacer = new Pacer({ rateMbps, messageBytes, nowNs: this.#startNs });
    this.#message = new Uint8Array(messageBytes).fill(0x5a);
    this.#figures = sockets.map(() => undefined);
    for (const socket of sockets) {
      socket.on("error", (err) => (this.#error ??= err));
      socket.on("drain", () => this.#soon());
      socket.resume();
    }
  }

  get isOver(): boolean {
    return this.#error !== undefined || this.#options.clock.monotonicNs() >= this.#stopNs;
  }

  get error(): Error | undefined {
    return this.#error;
  }

  tick(): void {
    const { clock } = this.#options;
    const untilNs = clock.monotonicNs() + TURN_NS;
    for (;;) {
      const free = this.#sockets.filter(({ writable, writableNeedDrain }) => writable && !writableNeedDrain);
      if (free.length === 0 || this.isOver) return;
      for (const socket of free) {
        const nowNs = clock.monotonicNs();
        if (this.#pacer.messages(this.#message.length, nowNs) < 1) return;
        if (nowNs >= untilNs) return this.#soon();
        this.#pacer.used(this.#message.length);
        this.#bytes += this.#message.length;
        socket.write(this.#message);
      }
    }
  }

  sent(): Sent {
    const tcp = this.#tcp();
    const endNs = this.#endNs ?? this.#options.clock.monotonicNs();
    // What waits in this process has not been sent.
    const waiting = this.#sockets.reduce((sum, socket) => sum + socket.writableLength, 0);
    return { bytes: this.#bytes - waiting, seconds: (endNs - this.#startNs) / 1e9, ...(tcp && { tcp }) };
  }

  async finish(): Promise<void> {
    this.#tcp();
    await Promise.all(this.#sockets.map((socket) => ended(socket)));
    this.#endNs = this.#options.clock.monotonicNs();
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.tick();
    });
  }

  #tcp(): TcpFigures | undefined {
    const { tcpFigures } = this.#options;
    if (tcpFigures === undefined) return undefined;
    for (const [i, socket] of this.#sockets.entries()) {
      const descriptor = descriptorOf(socket);
      if (descriptor >= 0) this.#figures[i] = tcpFigures(descriptor);
    }
    return this.#figures.reduce(added, undefined);
  }
}

const added = (a: TcpFigures | undefined, b: TcpFigures | undefined): TcpFigures | undefined =>
  a && b
    ? {
        segments: a.segments + b.segments,
        retransmits: a.retransmits + b.retransmits,
        rttNs: Math.max(a.rttNs, b.rttNs),
        minRttNs: Math.min(a.minRttNs, b.minRttNs),
        mssBytes: Math.min(a.mssBytes, b.mssBytes),
      }
    : (a ?? b);

/** The other end closes when it has read everything. */
function ended(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => socket.destroy(), FLUSH_MS);
  socket.once("close", () => {
    clearTimeout(timer);
    resolve();
  });
  socket.end();
  return promise;
}
