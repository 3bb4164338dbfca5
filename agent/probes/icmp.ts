// ICMP echo through one socket a family. RTT = kernel receive stamp − kernel transmit stamp (RFC 2681 from wire
// to wire, as near as software stamps come). Matching is by the looped or returned packet's own identifier,
// sequence and nonce, never by counting.
import type { Clock } from "../base/clock.ts";
import { FAILED, type Outcome } from "../model/outcome.ts";
import type { IpFamily } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import type { Kernel, PacketBatch, SocketAddress } from "../kernel/kernel.ts";
import { echoSequence, encodeEchoRequest, isEchoRequest, matchEchoReply } from "../wire/icmp.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import { ANSWERED, EchoRing, FAILED_OR_REFUSED, OUTSTANDING, type Place } from "./echo-ring.ts";
import { elapsed, exchangeBatches, PacketExchange, type Codec, type ExchangeBatches } from "./exchange.ts";
import { errnoEvent, icmpEvent, type ConntrackState } from "./kernel-events.ts";
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
  const batches = exchangeBatches(options.kernel, { packets: BATCH, packetBytes: options.settings.sizeBytes });
  const channels = new Map(
    options.families.map((family) => [family, new EchoChannel(options, family, watch, batches)]),
  );
  const all = [...channels.values()];
  return {
    protocol: "icmp",
    open: (slot) => channels.get(slot.family)?.open(slot),
    close: (slot) => channels.get(slot.family)?.close(slot),
    send(due) {
      watch.check();
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
    mostAtOnce: Math.min(...all.map((channel) => channel.holds)),
    socketDrops: () => all.reduce((sum, channel) => sum + channel.drops(), 0),
    [Symbol.dispose]() {
      for (const channel of all) channel[Symbol.dispose]();
    },
  };
}

/** Packets a system call takes. */
const BATCH = 64;

/** The echoes of one family. */
class EchoChannel implements Codec<Place>, Disposable {
  readonly #sink: OutcomeSink;
  readonly #kernel: Kernel;
  readonly #conntrack: () => ConntrackState;
  readonly #watch: ClockWatch;
  readonly #family: IpFamily;
  readonly #sizeBytes: number;
  readonly #timeoutNs: number;
  readonly #exchange: PacketExchange<Place>;
  readonly #ring: EchoRing;
  readonly #addresses = new Map<Slot, SocketAddress>();
  /** When the last drain began. */
  #drainedNs = 0;

  constructor(options: IcmpProberOptions, family: IpFamily, watch: ClockWatch, batches: ExchangeBatches) {
    const { kernel } = options;
    this.#sink = options.sink;
    this.#kernel = kernel;
    this.#conntrack = options.conntrack;
    this.#watch = watch;
    this.#family = family;
    this.#sizeBytes = options.settings.sizeBytes;
    this.#timeoutNs = options.settings.timeoutMs * 1e6;
    const socket = kernel.openIcmp({ family });
    this.#exchange = new PacketExchange({ kernel, socket, batches, watch, codec: this });
    this.#ring = new EchoRing(socket.port);
  }

  get outstanding(): number {
    return this.#ring.outstanding;
  }

  get holds(): number {
    return this.#exchange.holds;
  }

  drops(): number {
    return this.#exchange.readDrops();
  }

  open(slot: Slot): void {
    this.#addresses.set(slot, this.#kernel.socketAddress(slot.address, 0));
  }

  close(slot: Slot): void {
    this.#addresses.delete(slot);
    this.#ring.forgetAllOf(slot);
  }

  send(due: readonly Slot[]): void {
    const places: Place[] = [];
    for (const slot of due) {
      const address = this.#addresses.get(slot);
      if (address === undefined) continue;
      const place = this.#ring.begin(slot, address);
      if (place === undefined) this.#sink.skipped(slot);
      else places.push(place);
    }
    this.#exchange.send(places);
  }

  drain(): void {
    // What arrived before this moment will have been read when the queues are dry: expire goes by it, so that a
    // pause of this process between the two is never a loss.
    this.#drainedNs = this.#watch.check();
    this.#exchange.drain();
  }

  expire(): void {
    const overdueNs = this.#drainedNs - this.#timeoutNs;
    for (let place; (place = this.#ring.oldestBefore(overdueNs)) !== undefined;) this.#end(place, FAILED.timeout);
  }

  prepare(place: Place, batch: PacketBatch, i: number): void {
    // Outgoing rooms are as large as the packet.
    encodeEchoRequest(batch.room(i), this.#family, this.#ring.echo(place));
    batch.prepare(i, this.#sizeBytes, this.#ring.to[place]!);
  }

  sending(place: Place, nowNs: number): void {
    this.#ring.sentNs[place] = nowNs;
  }

  unsent(place: Place, errno: string): void {
    const verdict = errnoEvent(errno, this.#conntrack);
    if (verdict.kind === "outcome") return this.#end(place, verdict.outcome);
    const slot = this.#ring.slots[place]!;
    this.#ring.forget(place);
    this.#sink.localError(slot, errno);
  }

  stamp(frame: Uint8Array, stampNs: number): void {
    const place = this.#outstanding(frame.subarray(Math.max(0, frame.length - this.#sizeBytes)));
    // The first stamp is ours; further ones come from devices below (a bridge, an overlay) for the same packet.
    if (place !== undefined && Number.isNaN(this.#ring.stampNs[place])) this.#ring.stampNs[place] = stampNs;
  }

  icmpError(batch: PacketBatch, i: number): void {
    const place = this.#outstanding(batch.bytes(i));
    if (place === undefined) return;
    const address = this.#ring.to[place]!;
    if (!batch.isFrom(i, address)) return;
    const verdict = icmpEvent(this.#family, { ...batch.icmp(i), fromTarget: batch.isErrorOf(i, address) });
    if (verdict.kind === "outcome") this.#end(place, verdict.outcome);
  }

  reply(batch: PacketBatch, i: number): (() => void) | undefined {
    const bytes = batch.bytes(i);
    const place = this.#ring.at(echoSequence(bytes));
    if (place === undefined || !batch.isFrom(i, this.#ring.to[place]!)) return undefined;
    const slot = this.#ring.slots[place]!;
    const state = this.#ring.state[place];
    // What ended before its slot was closed is still in the ring.
    if (state !== OUTSTANDING && !this.#addresses.has(slot)) return undefined;
    const match = batch.truncated(i)
      ? "corrupt"
      : matchEchoReply(bytes, this.#family, this.#ring.echo(place), this.#sizeBytes);
    if (match === "foreign") return undefined;
    const receivedNs = batch.stampNs(i);
    if (match === "corrupt") this.#sink.anomaly(slot, "corrupt");
    else if (state !== OUTSTANDING) this.#sink.anomaly(slot, state === ANSWERED ? "duplicate" : "late");
    else {
      this.#sink.travelled(slot, { ttl: batch.ttl(i) });
      if (Number.isNaN(this.#ring.stampNs[place])) return () => this.#answer(place, receivedNs);
      this.#answer(place, receivedNs);
    }
    return undefined;
  }

  awaits(): boolean {
    return this.#ring.outstanding > 0;
  }

  [Symbol.dispose](): void {
    this.#exchange[Symbol.dispose]();
  }

  /** The outstanding probe whose request these bytes are, or as much of it as came back. */
  #outstanding(request: Uint8Array): Place | undefined {
    const place = this.#ring.at(echoSequence(request));
    if (place === undefined || this.#ring.state[place] !== OUTSTANDING) return undefined;
    return isEchoRequest(request, this.#family, this.#ring.echo(place)) ? place : undefined;
  }

  #answer(place: Place, receivedNs: number): void {
    const slot = this.#ring.slots[place];
    if (slot === undefined) return;
    // Two copies of one reply, both before its stamp.
    if (this.#ring.state[place] !== OUTSTANDING) return this.#sink.anomaly(slot, "duplicate");
    const sentNs = this.#ring.sentNs[place]!;
    const took = elapsed(this.#watch, { sentNs, stampNs: this.#ring.stampNs[place]!, receivedNs });
    // Across a step of the clock the answer is certain, its delay is not.
    if (took === undefined) return this.#end(place, { kind: "answered", rttNs: undefined, clock: "user" });
    if (took.ns > this.#timeoutNs) {
      this.#end(place, FAILED.timeout);
      this.#sink.anomaly(slot, "late");
    } else this.#end(place, { kind: "answered", rttNs: took.ns > 0 ? took.ns : undefined, clock: took.clock });
  }

  #end(place: Place, outcome: Outcome): void {
    this.#ring.end(place, outcome.kind === "answered" ? ANSWERED : FAILED_OR_REFUSED);
    this.#sink.record(this.#ring.slots[place]!, outcome);
  }
}
