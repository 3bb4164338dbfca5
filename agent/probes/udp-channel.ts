// One of the UDP prober's source ports: sends batches of probes, and drains its two queues until they are dry.
import { drainQueue } from "../kernel/drain.ts";
import type { Kernel, PacketBatch, PacketSocket } from "../kernel/kernel.ts";
import type { IpFamily } from "../model/peer.ts";
import type { UdpProbe } from "./udp-session.ts";

/** Packets a system call takes. */
const BATCH = 32;
/** Link, IP and UDP headers in front of a looped frame. */
const FRAME_HEADERS_BYTES = 128;

/** What UDP asks of a kernel: node:dgram can stand in for it. */
export type UdpKernel = Pick<Kernel, "socketAddress" | "createBatch" | "openUdp" | "errnoName">;

/** What a channel hands to the prober; `i` is an index into `batch`, valid during the call. */
export interface ChannelListener {
  encode(probe: UdpProbe, into: Uint8Array): void;
  transmitStamp(frame: Uint8Array, stampNs: number): void;
  icmpError(channel: UdpChannel, batch: PacketBatch, i: number): void;
  /** Our own machine would not send a packet of ours after all. */
  localError(batch: PacketBatch, i: number): void;
  reply(channel: UdpChannel, batch: PacketBatch, i: number): void;
  /** The kernel would not send it, twice. */
  sendFailed(probe: UdpProbe, errno: string): void;
}

/** Batches are large; all channels take turns with the same ones. */
export interface ChannelBatches {
  readonly send: PacketBatch;
  readonly receive: PacketBatch;
  readonly sizeBytes: number;
}

export function channelBatches(kernel: UdpKernel, sizeBytes: number): ChannelBatches {
  return {
    send: kernel.createBatch(BATCH, sizeBytes),
    receive: kernel.createBatch(BATCH, sizeBytes + FRAME_HEADERS_BYTES),
    sizeBytes,
  };
}

export class UdpChannel implements Disposable {
  readonly family: IpFamily;
  readonly port: number;
  /** Probes in flight that were sent from here. */
  outstanding = 0;
  /** Packets the kernel dropped here, as last read. */
  drops = 0;
  readonly #kernel: UdpKernel;
  readonly #socket: PacketSocket;
  readonly #batches: ChannelBatches;
  readonly #listener: ChannelListener;

  constructor(options: {
    readonly kernel: UdpKernel;
    readonly family: IpFamily;
    readonly port: number;
    readonly batches: ChannelBatches;
    readonly listener: ChannelListener;
  }) {
    this.family = options.family;
    this.port = options.port;
    this.#kernel = options.kernel;
    this.#batches = options.batches;
    this.#listener = options.listener;
    this.#socket = options.kernel.openUdp({ family: options.family, port: 0 });
  }

  /** `now` is asked before every system call that sends; its time is the probes'. */
  send(probes: readonly UdpProbe[], now: () => number): void {
    for (let from = 0; from < probes.length; from += BATCH) this.#sendBatch(probes.slice(from, from + BATCH), now);
  }

  /** A send can fail for another peer's pending error: then drain the errors and try again, once. */
  #sendBatch(probes: readonly UdpProbe[], now: () => number): void {
    const { send, sizeBytes } = this.#batches;
    for (const [i, probe] of probes.entries()) {
      this.#listener.encode(probe, send.room(i).subarray(0, sizeBytes));
      send.prepare(i, sizeBytes, probe.slot.address);
    }
    for (let first = 0, retried = false; first < probes.length;) {
      const sentNs = now();
      for (let i = first; i < probes.length; i++) probes[i]!.sentNs = sentNs;
      const sent = this.#socket.send(send, first, probes.length);
      if (sent > 0) {
        first += sent;
        retried = false;
      } else if (!retried) {
        retried = true;
        this.drainErrors();
      } else {
        this.#listener.sendFailed(probes[first]!, this.#kernel.errnoName(sent));
        first++;
        retried = false;
      }
    }
  }

  drainErrors(): void {
    drainQueue(
      this.#batches.receive,
      (batch) => this.#socket.receiveErrors(batch),
      (batch, i) => this.#takeError(batch, i),
    );
  }

  drainReplies(): void {
    drainQueue(
      this.#batches.receive,
      (batch) => this.#socket.receive(batch),
      (batch, i) => this.#listener.reply(this, batch, i),
    );
  }

  #takeError(batch: PacketBatch, i: number): void {
    switch (batch.origin(i)) {
      case "stamp":
        return this.#listener.transmitStamp(batch.bytes(i), batch.stampNs(i));
      case "icmp":
        return this.#listener.icmpError(this, batch, i);
      case "local": // told after the send call, or by it too
        return this.#listener.localError(batch, i);
    }
  }

  readDrops(): number {
    this.drops = this.#socket.drops();
    return this.drops;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
