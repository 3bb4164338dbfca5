// One of the UDP prober's source ports: what its packets are. STAMP requests go out; what comes back is matched to its
// probe and handed to the prober, which decides what it means.
import type { Kernel, PacketBatch } from "../kernel/kernel.ts";
import type { IpFamily } from "../model/peer.ts";
import type { Id64, StampFormat, StampReply } from "../wire/stamp.ts";
import type { ClockWatch } from "../base/clock-watch.ts";
import { PacketExchange, type Codec, type ExchangeBatches } from "./exchange.ts";
import { icmpEvent, type Verdict } from "./kernel-events.ts";
import type { MonotonicNs } from "./prober.ts";
import type { UdpProbe, UdpSlot } from "./udp-session.ts";

/** What UDP asks of a kernel: node:dgram can stand in for it. */
export type UdpKernel = Pick<Kernel, "socketAddress" | "createBatch" | "openUdp" | "errnoName">;

/** What the channels of a prober have in common. */
export interface ChannelContext {
  readonly kernel: UdpKernel;
  readonly watch: ClockWatch;
  readonly batches: ExchangeBatches;
  readonly format: StampFormat;
  readonly sizeBytes: number;
  readonly incarnation: Id64;
  /** Hash of this node's name. */
  readonly source: Id64;
  readonly onDemand: boolean;
  /** By slot index. */
  readonly slots: ReadonlyMap<number, UdpSlot>;
  readonly listener: ChannelListener;
}

/** How a reply came: the kernel's stamp, and the TTL that was left. */
export interface Came {
  readonly receivedNs: number;
  readonly ttl: number;
}

export interface ChannelListener {
  /** An answer to this probe; what waits for its transmit stamp is handed back (see `Codec.reply`). */
  replied(probe: UdpProbe, reply: StampReply, came: Came): (() => void) | undefined;
  corrupt(probe: UdpProbe): void;
  /** The kernel would not send an outstanding probe, at once or after all. */
  sendFailed(probe: UdpProbe, errno: string): void;
  /** An ICMP error answers an outstanding probe. */
  icmpError(probe: UdpProbe, verdict: Verdict): void;
}

export class UdpChannel implements Codec<UdpProbe>, Disposable {
  readonly family: IpFamily;
  readonly port: number;
  readonly exchange: PacketExchange<UdpProbe>;
  /** In flight from here. */
  readonly outstanding = new Set<UdpProbe>();
  readonly #context: ChannelContext;

  /** `port` is its index. Throws KernelError when its socket cannot be opened. */
  constructor(context: ChannelContext, { family, port }: { readonly family: IpFamily; readonly port: number }) {
    const { kernel, batches, watch } = context;
    this.#context = context;
    this.family = family;
    this.port = port;
    const socket = kernel.openUdp({ family, port: 0 });
    this.exchange = new PacketExchange({ kernel, socket, batches, watch, codec: this });
  }

  prepare(probe: UdpProbe, batch: PacketBatch, i: number): void {
    const { format, watch, sizeBytes, incarnation, source, onDemand } = this.#context;
    const { slot, address } = probe.slot;
    format.encodeRequest(batch.room(i).subarray(0, sizeBytes), {
      sequence: probe.sequence,
      port: probe.port,
      slot: slot.index,
      number: probe.number,
      nonceHigh: probe.nonceHigh,
      nonceLow: probe.nonceLow,
      network: slot.network,
      family: slot.family,
      smallReply: false,
      onDemand,
      asksSource: true,
      sentNs: watch.toRealtimeNs(probe.sentNs),
      incarnation,
      source,
    });
    batch.prepare(i, sizeBytes, address);
  }

  sending(probe: UdpProbe, nowNs: MonotonicNs): void {
    probe.sentNs = nowNs;
  }

  unsent(probe: UdpProbe, errno: string): void {
    if (probe.state === "outstanding") this.#context.listener.sendFailed(probe, errno);
  }

  stamp(frame: Uint8Array, stampNs: number): void {
    const probe = this.#match(frame.subarray(Math.max(0, frame.length - this.#context.sizeBytes)));
    // The first stamp is ours; devices below (a bridge, an overlay) may add theirs for the same packet.
    if (probe?.state === "outstanding" && Number.isNaN(probe.stampNs)) probe.stampNs = stampNs;
  }

  icmpError(batch: PacketBatch, i: number): void {
    const quote = batch.bytes(i);
    const probe = this.#context.format.peek(quote) ? this.#match(quote) : this.#inFlightTo(batch, i);
    if (probe?.state !== "outstanding" || !batch.isFrom(i, probe.slot.address)) return;
    const fromTarget = batch.isErrorOf(i, probe.slot.address);
    this.#context.listener.icmpError(probe, icmpEvent(this.family, { ...batch.icmp(i), fromTarget }));
  }

  localError(batch: PacketBatch, i: number): void {
    const probe = this.#match(batch.bytes(i));
    if (probe && batch.isFrom(i, probe.slot.address)) this.unsent(probe, batch.errno(i));
  }

  reply(batch: PacketBatch, i: number): (() => void) | undefined {
    const { format, sizeBytes, listener } = this.#context;
    const bytes = batch.bytes(i);
    const decoded = format.decodeReply(bytes);
    if (decoded.kind === "fault" && decoded.fault !== "checksum") return undefined;
    const probe = this.#match(bytes);
    if (!probe || probe.port !== this.port || !batch.isFrom(i, probe.slot.address)) return undefined;
    if (decoded.kind === "fault" || bytes.length !== sizeBytes || batch.truncated(i)) {
      listener.corrupt(probe);
      return undefined;
    }
    // Another session's number under our nonce is not by our reflector.
    return decoded.value.sequence === probe.sequence
      ? listener.replied(probe, decoded.value, { receivedNs: batch.stampNs(i), ttl: batch.ttl(i) })
      : undefined;
  }

  awaits(): boolean {
    return this.outstanding.size > 0;
  }

  [Symbol.dispose](): void {
    this.exchange[Symbol.dispose]();
  }

  #match(bytes: Uint8Array): UdpProbe | undefined {
    const claim = this.#context.format.peek(bytes);
    return claim && this.#context.slots.get(claim.slot)?.match(claim);
  }

  /** An ICMP error that quotes less than our body (RFC 792 asks for 8 bytes): by destination and source port. */
  #inFlightTo(batch: PacketBatch, i: number): UdpProbe | undefined {
    for (const probe of this.outstanding) if (batch.isFrom(i, probe.slot.address)) return probe;
    return undefined;
  }
}
