// ICMP echo through one socket a family. RTT = kernel receive stamp − kernel transmit stamp (RFC 2681 from wire
// to wire, as near as software stamps come). Matching is by the looped or returned packet's own identifier,
// sequence and nonce, never by counting.
import type { Clock } from "../base/clock.ts";
import { FAILED, type Outcome } from "../model/outcome.ts";
import type { IpFamily } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import { drainQueue } from "../kernel/drain.ts";
import type { Kernel, PacketBatch, PacketSocket, SocketAddress } from "../kernel/kernel.ts";
import { echoSequence, encodeEchoRequest, isEchoRequest, matchEchoReply, type Echo } from "../wire/icmp.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import { errnoEvent, icmpEvent, type ConntrackState } from "./kernel-events.ts";
import { randomU32 } from "./nonces.ts";
import type { OutcomeSink, Prober } from "./prober.ts";

export interface IcmpSettings {
  readonly timeoutMs: number;
  /** ICMP message, header and payload. */
  readonly sizeBytes: number;
}

export interface IcmpProberOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly sink: OutcomeSink;
  readonly settings: IcmpSettings;
  readonly families: readonly IpFamily[];
  /** Asked only when a send fails with EPERM. */
  readonly conntrack: () => ConntrackState;
}

/** Throws KernelError, with the cure in its text, when no ICMP socket may be opened. */
export function icmpProber(options: IcmpProberOptions): Prober {
  const watch = new ClockWatch(options.clock);
  // The looped frame has link and IP headers (at most 14 + 40, and tags) in front of the packet.
  const batch = options.kernel.createBatch(BATCH, options.settings.sizeBytes + 128);
  const channels = new Map(options.families.map((family) => [family, new EchoChannel(options, family, watch, batch)]));
  const all = [...channels.values()];
  return {
    protocol: "icmp",
    open: (slot) => channels.get(slot.family)?.open(slot),
    close: (slot) => channels.get(slot.family)?.close(slot),
    send(due) {
      watch.look();
      for (const [family, channel] of channels)
        channel.send(all.length === 1 ? due : due.filter((slot) => slot.family === family));
    },
    drain() {
      for (const channel of all) channel.drain();
    },
    expire() {
      for (const channel of all) channel.expire();
    },
    get outstanding() {
      return all.reduce((sum, channel) => sum + channel.outstanding, 0);
    },
    socketDrops: () => all.reduce((sum, channel) => sum + channel.drops(), 0),
    [Symbol.dispose]() {
      for (const channel of all) channel[Symbol.dispose]();
    },
  };
}

/** Packets a system call takes. */
const BATCH = 64;
/** Probes remembered, outstanding or ended (to know a late or duplicate reply): 20,000/s for more than a second. */
const RING = 32_768;
/** What a place in the ring holds. Ended probes are remembered to tell late and duplicate replies. */
const FREE = 0,
  OUTSTANDING = 1,
  ANSWERED = 2,
  FAILED_OR_REFUSED = 3;

/** One socket, and the ring of what was sent on it, indexed by sequence number modulo its size. */
class EchoChannel {
  readonly #sink: OutcomeSink;
  readonly #kernel: Kernel;
  readonly #conntrack: () => ConntrackState;
  readonly #watch: ClockWatch;
  readonly #family: IpFamily;
  readonly #sizeBytes: number;
  readonly #timeoutNs: number;
  readonly #batch: PacketBatch;
  readonly #socket: PacketSocket;
  readonly #addresses = new Map<Slot, SocketAddress>();

  readonly #state = new Uint8Array(RING);
  readonly #slots: (Slot | undefined)[] = Array.from({ length: RING });
  readonly #to: (SocketAddress | undefined)[] = Array.from({ length: RING });
  readonly #sequence = new Uint16Array(RING);
  readonly #nonceHigh = new Uint32Array(RING);
  readonly #nonceLow = new Uint32Array(RING);
  /** Monotonic time of the send call. */
  readonly #sentNs = new Float64Array(RING);
  /** The kernel's transmit stamp, NaN until it comes. */
  readonly #stampNs = new Float64Array(RING);
  /** Counts all probes; the low 16 bits are the sequence number. */
  #next = 0;
  /** All before this one have ended. */
  #oldest = 0;
  #outstanding = 0;
  /** When the last drain began. */
  #drainedNs = 0;
  /** Replies that came before their transmit stamp did: ring index and receive stamp. */
  #unstamped: { ring: number; receivedNs: number }[] = [];

  constructor(options: IcmpProberOptions, family: IpFamily, watch: ClockWatch, batch: PacketBatch) {
    this.#sink = options.sink;
    this.#kernel = options.kernel;
    this.#conntrack = options.conntrack;
    this.#watch = watch;
    this.#family = family;
    this.#sizeBytes = options.settings.sizeBytes;
    this.#timeoutNs = options.settings.timeoutMs * 1e6;
    this.#batch = batch;
    this.#socket = options.kernel.openIcmp({ family });
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  drops(): number {
    return this.#socket.drops();
  }

  open(slot: Slot): void {
    this.#addresses.set(slot, this.#kernel.socketAddress(slot.address, 0));
  }

  close(slot: Slot): void {
    this.#addresses.delete(slot);
    for (let i = this.#oldest; i < this.#next; i++) if (this.#slots[i % RING] === slot) this.#forget(i % RING);
  }

  send(due: readonly Slot[]): void {
    for (let from = 0; from < due.length; from += BATCH) this.#sendBatch(due.slice(from, from + BATCH));
  }

  #sendBatch(due: readonly Slot[]): void {
    const rings: number[] = [];
    for (const slot of due) {
      const address = this.#addresses.get(slot);
      const ring = this.#next % RING;
      if (address === undefined) continue;
      if (this.#state[ring] === OUTSTANDING) {
        this.#sink.skipped(slot);
        continue;
      }
      this.#sequence[ring] = this.#next++ & 0xffff;
      this.#nonceHigh[ring] = randomU32();
      this.#nonceLow[ring] = randomU32();
      this.#slots[ring] = slot;
      this.#to[ring] = address;
      this.#stampNs[ring] = NaN;
      this.#state[ring] = OUTSTANDING;
      this.#outstanding++;
      const i = rings.push(ring) - 1;
      encodeEchoRequest(this.#batch.room(i).subarray(0, this.#sizeBytes), this.#family, this.#echo(ring));
      this.#batch.prepare(i, this.#sizeBytes, address);
    }
    this.#transmit(rings);
  }

  /** A send that fails may be charged with another peer's pending error: drain the errors and try again, once. */
  #transmit(rings: readonly number[]): void {
    let first = 0;
    let retried = false;
    while (first < rings.length) {
      const sentNs = this.#watch.look();
      for (let i = first; i < rings.length; i++) this.#sentNs[rings[i]!] = sentNs;
      const sent = this.#socket.send(this.#batch, first, rings.length);
      if (sent > 0) {
        first += sent;
        retried = false;
      } else if (!retried) {
        retried = true;
        // The batch holds what is still to be sent; the errors need one of their own.
        this.#drainErrors(this.#errors());
      } else {
        this.#refusedBySend(rings[first]!, this.#kernel.errnoName(sent));
        first++;
        retried = false;
      }
    }
  }

  #errorBatch: PacketBatch | undefined;
  #errors(): PacketBatch {
    return (this.#errorBatch ??= this.#kernel.createBatch(16, this.#batch.packetBytes));
  }

  #refusedBySend(ring: number, errno: string): void {
    const slot = this.#slots[ring]!;
    const verdict = errnoEvent(errno, this.#conntrack);
    if (verdict.kind === "outcome") return this.#end(ring, verdict.outcome);
    this.#forget(ring);
    this.#sink.localError(slot, errno);
  }

  drain(): void {
    // What arrived before this moment will have been read when the queues are dry: expire goes by it, so that a
    // pause of this process between the two is never a loss.
    this.#drainedNs = this.#watch.look();
    this.#drainErrors(this.#batch);
    drainQueue(
      this.#batch,
      (batch) => this.#socket.receive(batch),
      (_, i) => {
        // A step of the clock since the last look makes what was read after it no delay.
        if (i === 0) this.#watch.look();
        this.#reply(i);
      },
    );
    if (this.#unstamped.length === 0) return;
    // A packet that waited for its neighbour's address can be answered in the moment between the two queues.
    this.#drainErrors(this.#batch);
    for (const { ring, receivedNs } of this.#unstamped) this.#answer(ring, receivedNs);
    this.#unstamped = [];
  }

  #drainErrors(batch: PacketBatch): void {
    drainQueue(
      batch,
      (into) => this.#socket.receiveErrors(into),
      (_, i) => {
        const origin = batch.origin(i);
        if (origin === "stamp") this.#stamp(batch, i);
        // Local ones (EMSGSIZE and the like) have been reported by send itself.
        if (origin === "icmp") this.#icmpError(batch, i);
      },
    );
  }

  #stamp(batch: PacketBatch, i: number): void {
    const frame = batch.bytes(i);
    const ring = this.#ringOfRequest(frame.subarray(frame.length - this.#sizeBytes));
    // The first stamp is ours; further ones come from devices below (a bridge, an overlay) for the same packet.
    if (ring >= 0 && this.#state[ring] === OUTSTANDING && Number.isNaN(this.#stampNs[ring]))
      this.#stampNs[ring] = batch.stampNs(i);
  }

  #icmpError(batch: PacketBatch, i: number): void {
    const ring = this.#ringOfRequest(batch.bytes(i));
    if (ring < 0 || this.#state[ring] !== OUTSTANDING) return;
    const address = this.#to[ring]!;
    if (!batch.isFrom(i, address)) return;
    const verdict = icmpEvent(this.#family, { ...batch.icmp(i), fromTarget: batch.isErrorOf(i, address) });
    if (verdict.kind === "outcome") this.#end(ring, verdict.outcome);
  }

  #ringOfRequest(bytes: Uint8Array): number {
    const ring = echoSequence(bytes) % RING;
    return ring >= 0 && this.#state[ring] !== FREE && isEchoRequest(bytes, this.#family, this.#echo(ring)) ? ring : -1;
  }

  #reply(i: number): void {
    const bytes = this.#batch.bytes(i);
    const ring = echoSequence(bytes) % RING;
    const slot = ring >= 0 ? this.#slots[ring] : undefined;
    const address = ring >= 0 ? this.#to[ring] : undefined;
    if (slot === undefined || address === undefined || !this.#batch.isFrom(i, address)) return;
    // What ended before its slot was closed is still in the ring.
    if (this.#state[ring] !== OUTSTANDING && !this.#addresses.has(slot)) return;
    const match = this.#batch.truncated(i)
      ? "corrupt"
      : matchEchoReply(bytes, this.#family, this.#echo(ring), this.#sizeBytes);
    if (match === "foreign") return;
    if (match === "corrupt") return this.#sink.anomaly(slot, "corrupt");
    if (this.#state[ring] === ANSWERED) return this.#sink.anomaly(slot, "duplicate");
    if (this.#state[ring] === FAILED_OR_REFUSED) return this.#sink.anomaly(slot, "late");
    const receivedNs = this.#batch.stampNs(i);
    if (Number.isNaN(this.#stampNs[ring])) this.#unstamped.push({ ring, receivedNs });
    else this.#answer(ring, receivedNs);
  }

  #answer(ring: number, receivedNs: number): void {
    const slot = this.#slots[ring];
    if (this.#state[ring] !== OUTSTANDING || slot === undefined) {
      // Two copies of one reply, both before its stamp.
      if (slot !== undefined) this.#sink.anomaly(slot, "duplicate");
      return;
    }
    const sentNs = this.#sentNs[ring]!;
    // Across a step of the clock the answer is certain, its delay is not.
    if (!this.#watch.trusts(sentNs)) return this.#end(ring, { kind: "answered", rttNs: undefined, clock: "user" });
    const stampNs = this.#stampNs[ring]!;
    const kernel = !Number.isNaN(stampNs) && !Number.isNaN(receivedNs);
    const received = Number.isNaN(receivedNs) ? this.#watch.toRealtimeNs(this.#watch.look()) : receivedNs;
    const rttNs = received - (Number.isNaN(stampNs) ? this.#watch.toRealtimeNs(sentNs) : stampNs);
    if (rttNs > this.#timeoutNs) {
      this.#end(ring, FAILED.timeout);
      this.#sink.anomaly(slot, "late");
    } else {
      this.#end(ring, { kind: "answered", rttNs: rttNs > 0 ? rttNs : undefined, clock: kernel ? "kernel" : "user" });
    }
  }

  expire(): void {
    while (this.#oldestIsOverdue()) this.#end(this.#oldest++ % RING, FAILED.timeout);
  }

  /** Passes over what has ended. */
  #oldestIsOverdue(): boolean {
    while (this.#oldest < this.#next && this.#state[this.#oldest % RING] !== OUTSTANDING) this.#oldest++;
    return this.#oldest < this.#next && this.#drainedNs - this.#sentNs[this.#oldest % RING]! > this.#timeoutNs;
  }

  #end(ring: number, outcome: Outcome): void {
    const slot = this.#slots[ring]!;
    this.#state[ring] = outcome.kind === "answered" ? ANSWERED : FAILED_OR_REFUSED;
    this.#outstanding--;
    this.#sink.record(slot, outcome);
  }

  #forget(ring: number): void {
    if (this.#state[ring] === OUTSTANDING) this.#outstanding--;
    this.#state[ring] = FREE;
    this.#slots[ring] = undefined;
    this.#to[ring] = undefined;
  }

  #echo(ring: number): Echo {
    return {
      identifier: this.#socket.port,
      sequence: this.#sequence[ring]!,
      nonceHigh: this.#nonceHigh[ring]!,
      nonceLow: this.#nonceLow[ring]!,
    };
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
