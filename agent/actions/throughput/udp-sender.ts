// The sending end of a UDP run: numbered packets at a steady rate, whatever comes of them.
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../base/clock.ts";
import { LIMITS } from "../../config/limits.ts";
import {
  KernelError,
  type Kernel,
  type PacketBatch,
  type PacketSocket,
  type SocketAddress,
} from "../../kernel/kernel.ts";
import type { IpFamily } from "../../model/peer.ts";
import { BULK_HEADER_BYTES, writeBulkHeader } from "../../wire/throughput.ts";
import { Pacer } from "./pacer.ts";
import type { Sent } from "./report.ts";
import type { BulkSender, SenderOptions } from "./sender.ts";

/** Packets of one system call. */
const BATCH = 64;
/** So many system calls in a row, and the process does something else. */
const BATCHES_A_TICK = 16;
/** That there are no more is told so often: such a packet may be lost too. */
const ENDS = 5;
const BETWEEN_ENDS_MS = 50;

export interface UdpSenderOptions extends SenderOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly family: IpFamily;
}

/** Throws KernelError. */
export function openUdpSender(options: UdpSenderOptions): BulkSender {
  const { kernel, family, streams } = options;
  const sockets: PacketSocket[] = [];
  try {
    for (let stream = 0; stream < streams; stream++)
      sockets.push(kernel.openUdp({ family, port: 0, transmitStamps: false }));
  } catch (err) {
    for (const socket of sockets) socket[Symbol.dispose]();
    throw err;
  }
  return new UdpSender(options, sockets);
}

class UdpSender implements BulkSender {
  readonly #options: UdpSenderOptions;
  readonly #sockets: readonly PacketSocket[];
  readonly #batch: PacketBatch;
  readonly #to: SocketAddress;
  readonly #pacer: Pacer;
  readonly #startNs: number;
  readonly #stopNs: number;
  readonly #next: number[];
  #endNs: number | undefined;
  #stream = 0;
  #packets = 0;
  #unsent = 0;
  #error: Error | undefined;

  constructor(options: UdpSenderOptions, sockets: readonly PacketSocket[]) {
    const { kernel, clock, to, rateMbps, messageBytes, seconds } = options;
    this.#options = options;
    this.#sockets = sockets;
    this.#next = sockets.map(() => 0);
    this.#to = kernel.socketAddress(to.address, to.port);
    this.#batch = kernel.createBatch(BATCH, LIMITS.maxPacketBytes);
    for (let i = 0; i < BATCH; i++) this.#batch.room(i).fill(0x5a, BULK_HEADER_BYTES);
    this.#startNs = clock.monotonicNs();
    this.#stopNs = this.#startNs + seconds * 1e9;
    this.#pacer = new Pacer({ rateMbps, messageBytes, nowNs: this.#startNs });
  }

  get isOver(): boolean {
    return this.#error !== undefined || this.#options.clock.monotonicNs() >= this.#stopNs;
  }

  get error(): Error | undefined {
    return this.#error;
  }

  tick(): void {
    for (let batches = 0; batches < BATCHES_A_TICK && !this.isOver; batches++) {
      const { clock, messageBytes } = this.#options;
      const due = Math.min(BATCH, this.#pacer.messages(messageBytes, clock.monotonicNs()));
      if (due === 0) return;
      this.#sendBatch(due);
    }
  }

  sent(): Sent {
    const endNs = this.#endNs ?? this.#options.clock.monotonicNs();
    return {
      bytes: this.#packets * this.#options.messageBytes,
      seconds: (endNs - this.#startNs) / 1e9,
      packets: this.#packets,
      unsent: this.#unsent,
    };
  }

  async finish(): Promise<void> {
    this.#endNs = this.#options.clock.monotonicNs();
    for (let i = 0; i < ENDS; i++) {
      for (const [stream, socket] of this.#sockets.entries()) {
        writeBulkHeader(this.#batch.room(0), this.#options.session, {
          kind: "end",
          stream,
          sequence: this.#next[stream]!,
          sentNs: this.#options.clock.realtimeNs(),
        });
        this.#batch.prepare(0, BULK_HEADER_BYTES, this.#to);
        socket.send(this.#batch, 0, 1);
      }
      await sleep(BETWEEN_ENDS_MS);
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket[Symbol.dispose]();
  }

  /** Streams take turns, a batch each. */
  #sendBatch(count: number): void {
    const { session, messageBytes, clock, kernel } = this.#options;
    const stream = this.#stream;
    const socket = this.#sockets[stream]!;
    this.#stream = (stream + 1) % this.#sockets.length;
    const sentNs = clock.realtimeNs();
    for (let i = 0; i < count; i++) {
      const sequence = this.#next[stream]! + i;
      writeBulkHeader(this.#batch.room(i), session, { kind: "data", stream, sequence, sentNs });
      this.#batch.prepare(i, messageBytes, this.#to);
    }
    this.#pacer.used(count * messageBytes);
    const sent = socket.send(this.#batch, 0, count);
    if (sent >= 0) {
      this.#next[stream]! += sent;
      this.#packets += sent;
      this.#unsent += count - sent;
      return;
    }
    this.#unsent += count;
    const errno = kernel.errnoName(sent);
    // A full queue below is part of the measurement; what no later packet gets past ends it.
    if (FATAL.has(errno)) this.#error = new KernelError("sendmmsg", errno, `${messageBytes} bytes of UDP payload`);
    else socket.receiveErrors(this.#batch);
  }
}

const FATAL: ReadonlySet<string> = new Set(["EMSGSIZE", "EACCES", "EPERM", "ENETUNREACH", "EHOSTUNREACH", "EINVAL"]);
