// The exchange of packets over one socket, the same for every protocol: batches, the one retry after the errors have
// been drained, both queues read by one rule, replies that came before their stamp. What the packets mean is the
// codec's business.
import type { ClockWatch } from "../base/clock-watch.ts";
import type { StampClock } from "../model/outcome.ts";
import { drainQueue } from "../kernel/drain.ts";
import type { Kernel, PacketBatch, PacketSocket } from "../kernel/kernel.ts";
import type { MonotonicNs } from "./prober.ts";

/** Link, IP and UDP headers, and tags, in front of the packet in a looped frame. */
const FRAME_HEADERS_BYTES = 128;

/** What the packets of a protocol are. `i` is a place in the batch, valid during the call. */
export interface Codec<P> {
  /** Write the packet to place `i` and prepare it to be sent. */
  prepare(packet: P, batch: PacketBatch, i: number): void;
  /** The system call that sends it comes next; again when it must be tried again. */
  sending(packet: P, nowNs: MonotonicNs): void;
  /** The kernel would not send it, twice. */
  unsent(packet: P, errno: string): void;
  /** The kernel's transmit stamp of the packet that the looped frame ends with. */
  stamp?(frame: Uint8Array, stampNs: number): void;
  /** Something came. What waits for its transmit stamp is handed back: called when the stamp has been looked for. */
  reply(batch: PacketBatch, i: number): (() => void) | undefined;
  /**
   * A packet is awaited: then all that has come is read, that none is judged while its answer waits. Else what one read
   * leaves can wait for the next drain. Left out, a packet always is.
   */
  awaits?(): boolean;
  /** Somebody on the way, or the target, answers a packet of ours with an ICMP error. */
  icmpError?(batch: PacketBatch, i: number): void;
  /** Our own machine would not send a packet of ours after all. Told after the send call, or by it too. */
  localError?(batch: PacketBatch, i: number): void;
}

/** Batches are large; the exchanges of a protocol take turns with the same ones. */
export interface ExchangeBatches {
  readonly outgoing: PacketBatch;
  readonly incoming: PacketBatch;
  readonly errors: PacketBatch;
}

export function exchangeBatches(
  kernel: Pick<Kernel, "createBatch">,
  options: {
    /** Packets a system call takes. */
    readonly packets: number;
    /** Largest packet sent. */
    readonly packetBytes: number;
    readonly incomingBytes?: number;
    readonly outgoingPackets?: number;
    readonly errorBytes?: number;
  },
): ExchangeBatches {
  const { packets, packetBytes } = options;
  return {
    outgoing: kernel.createBatch(options.outgoingPackets ?? packets, packetBytes),
    // Room for one byte more, at least: what is larger than it should be is seen.
    incoming: kernel.createBatch(packets, options.incomingBytes ?? packetBytes + FRAME_HEADERS_BYTES),
    errors: kernel.createBatch(packets, options.errorBytes ?? packetBytes + FRAME_HEADERS_BYTES),
  };
}

export interface ExchangeOptions<P> {
  readonly kernel: Pick<Kernel, "errnoName">;
  readonly socket: PacketSocket;
  readonly batches: ExchangeBatches;
  readonly watch: ClockWatch;
  readonly codec: Codec<P>;
  /** Reads of a drain, at most; see drain.ts. */
  readonly maxBatches?: number;
}

/** What an answer may cost of a receive buffer: a page of the driver's, and the kernel's own note of the packet. */
const ANSWER_BYTES = 4_352;
/** A looped packet of up to 1,500 bytes, charged to the same buffer. */
const LOOPED_BYTES = 2_304;

export class PacketExchange<P> implements Disposable {
  /** Packets that the kernel dropped at the socket, as last read. */
  drops = 0;
  readonly #options: ExchangeOptions<P>;
  #unfinished: (() => void)[] = [];

  constructor(options: ExchangeOptions<P>) {
    this.#options = options;
  }

  get port(): number {
    return this.#options.socket.port;
  }

  /** Packets whose answers and stamps the socket holds until it is drained. */
  get holds(): number {
    return Math.floor(this.#options.socket.receiveBufferBytes / (ANSWER_BYTES + LOOPED_BYTES));
  }

  /** Returns how many went out. */
  send(packets: readonly P[]): number {
    const { capacity } = this.#options.batches.outgoing;
    let sent = 0;
    for (let from = 0; from < packets.length; from += capacity)
      sent += this.#sendBatch(packets, from, Math.min(from + capacity, packets.length));
    return sent;
  }

  /** A send that fails may be charged with another peer's pending error: drain the errors and try again, once. */
  #sendBatch(packets: readonly P[], from: number, to: number): number {
    const { codec, socket, kernel, watch } = this.#options;
    const { outgoing } = this.#options.batches;
    let unsent = 0;
    for (let i = from; i < to; i++) codec.prepare(packets[i]!, outgoing, i - from);
    for (let first = from, retried = false; first < to;) {
      const nowNs = watch.check();
      for (let i = first; i < to; i++) codec.sending(packets[i]!, nowNs);
      const sent = socket.send(outgoing, first - from, to - from);
      if (sent > 0) {
        first += sent;
        retried = false;
      } else if (!retried) {
        retried = true;
        this.drainErrors();
      } else {
        codec.unsent(packets[first]!, kernel.errnoName(sent));
        unsent++;
        first++;
        retried = false;
      }
    }
    return to - from - unsent;
  }

  /** Take all that has arrived: the error queue first, for the stamps. */
  drain(): void {
    this.drainErrors();
    this.drainReplies();
    if (this.#unfinished.length === 0) return;
    // A packet that waited for its neighbour's address can be answered in the moment between the two queues.
    this.drainErrors();
    const unfinished = this.#unfinished;
    this.#unfinished = [];
    for (const finish of unfinished) finish();
  }

  /** Returns how many packets came. */
  drainReplies(): number {
    const { codec, socket, watch, batches, maxBatches } = this.#options;
    const goesOn = () => codec.awaits?.() ?? true;
    return drainQueue(
      batches.incoming,
      (batch) => socket.receive(batch),
      (batch, i) => {
        // A step of the clock since the last look makes what was read after it no delay.
        if (i === 0) watch.check();
        const finish = codec.reply(batch, i);
        if (finish) this.#unfinished.push(finish);
      },
      { ...(maxBatches !== undefined && { maxBatches }), goesOn },
    );
  }

  drainErrors(): void {
    const { codec, socket, batches } = this.#options;
    drainQueue(
      batches.errors,
      (batch) => socket.receiveErrors(batch),
      (batch, i) => {
        switch (batch.origin(i)) {
          case "stamp":
            return codec.stamp?.(batch.bytes(i), batch.stampNs(i));
          case "icmp":
            return codec.icmpError?.(batch, i);
          case "local":
            return codec.localError?.(batch, i);
        }
      },
      { goesOn: () => false },
    );
  }

  readDrops(): number {
    this.drops = this.#options.socket.drops();
    return this.drops;
  }

  [Symbol.dispose](): void {
    this.#options.socket[Symbol.dispose]();
  }
}

/** What is known of when a probe left and when its answer came. NaN: the kernel gave no stamp. */
export interface Stamps {
  /** Before the send call. */
  readonly sentNs: MonotonicNs;
  readonly stampNs: number;
  readonly receivedNs: number;
}

/** How long the answer took, by the kernel's clock where it gave both stamps. Undefined across a step of the clock. */
export function elapsed(
  watch: ClockWatch,
  { sentNs, stampNs, receivedNs }: Stamps,
): { readonly ns: number; readonly clock: StampClock } | undefined {
  if (!watch.trusts(sentNs)) return undefined;
  const leftNs = Number.isNaN(stampNs) ? watch.toRealtimeNs(sentNs) : stampNs;
  if (Number.isNaN(receivedNs)) return { ns: watch.toRealtimeNs(watch.check()) - leftNs, clock: "user" };
  return { ns: receivedNs - leftNs, clock: Number.isNaN(stampNs) ? "user" : "kernel" };
}
