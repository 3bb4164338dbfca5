// The packets of path MTU: STAMP requests of two sizes that ask for a small reply, and what comes back for them.
import type { Clock } from "../base/clock.ts";
import type { PacketBatch, SocketAddress } from "../kernel/kernel.ts";
import type { IpFamily } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import { id64, nodeHash, StampFormat, type Id64 } from "../wire/stamp.ts";
import type { Codec } from "./exchange.ts";
import type { PathMtuSearch } from "./path-mtu-search.ts";
import type { Trial, TrialPacket } from "./path-mtu-trial.ts";
import type { MonotonicNs } from "./prober.ts";

const HEADERS_BYTES = { ipv4: 20 + 8, ipv6: 40 + 8 } as const;
/** ICMP "fragmentation needed" (RFC 1191) and ICMPv6 "packet too big" (RFC 4443 §3.2). */
const isTooBig = (family: IpFamily, type: number, code: number) =>
  family === "ipv4" ? type === 3 && code === 4 : type === 2;

/** Who is probed. */
export interface MtuTarget {
  readonly slot: Slot;
  readonly address: SocketAddress;
  running: { readonly search: PathMtuSearch; trial: Trial } | undefined;
}

/** A packet of the trial that is running at a target. */
export interface MtuPacket {
  readonly target: MtuTarget;
  readonly packet: TrialPacket;
  /** Of the trial: what the large packets are, IP header included. */
  readonly size: number;
}

export interface MtuCodecOptions {
  readonly clock: Clock;
  /** Name of this node. */
  readonly source: string;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  readonly key?: Uint8Array | undefined;
  readonly targets: ReadonlyMap<number, MtuTarget>;
  /** What the kernel believes; undefined when it cannot be asked. */
  readonly believed: (target: MtuTarget) => number | undefined;
}

export class MtuCodec implements Codec<MtuPacket> {
  readonly #clock: Clock;
  readonly #format: StampFormat;
  readonly #incarnation: Id64;
  readonly #source: Id64;
  readonly #targets: ReadonlyMap<number, MtuTarget>;
  readonly #believed: MtuCodecOptions["believed"];

  constructor({ clock, source, incarnation, key, targets, believed }: MtuCodecOptions) {
    this.#clock = clock;
    this.#format = new StampFormat({ baseSeconds: clock.baseSeconds, key });
    this.#incarnation = id64(incarnation);
    this.#source = nodeHash(source);
    this.#targets = targets;
    this.#believed = believed;
  }

  /** Payload of every reply. */
  get replyBytes(): number {
    return this.#format.minBytes;
  }

  /** The smallest IP packet that can be tried. */
  smallest(family: IpFamily): number {
    return this.#format.minBytes + HEADERS_BYTES[family];
  }

  prepare({ target, packet, size }: MtuPacket, batch: PacketBatch, i: number): void {
    const { slot, address } = target;
    const bytes = packet.large ? size - HEADERS_BYTES[slot.family] : this.#format.minBytes;
    this.#format.encodeRequest(batch.room(i).subarray(0, bytes), {
      sequence: packet.number,
      port: 0,
      slot: slot.index,
      number: packet.number,
      nonceHigh: packet.nonceHigh,
      nonceLow: packet.nonceLow,
      network: slot.network,
      family: slot.family,
      smallReply: true,
      sentNs: this.#clock.realtimeNs(),
      incarnation: this.#incarnation,
      source: this.#source,
    });
    batch.prepare(i, bytes, address);
  }

  sending({ packet }: MtuPacket, nowNs: MonotonicNs): void {
    packet.sentNs = nowNs;
  }

  unsent({ packet }: MtuPacket): void {
    packet.state = "failed";
  }

  reply(batch: PacketBatch, i: number): undefined {
    const bytes = batch.bytes(i);
    const target = this.#targetOf(bytes);
    if (!target?.running || !batch.isFrom(i, target.address)) return;
    const decoded = this.#format.decodeReply(bytes);
    const packet = decoded.kind === "ok" ? target.running.trial.match(decoded.value) : undefined;
    if (packet?.state === "outstanding") packet.state = "answered";
  }

  icmpError(batch: PacketBatch, i: number): void {
    const { type, code, info } = batch.icmp(i);
    const claim = this.#format.peek(batch.bytes(i));
    const target = claim ? this.#targets.get(claim.slot) : this.#runningAt(batch, i);
    if (!target?.running || !batch.isFrom(i, target.address)) return;
    const packet = claim && target.running.trial.match(claim);
    if (claim && !packet) return; // of an earlier trial, or forged
    if (isTooBig(target.slot.family, type, code)) {
      // RFC 1191 §5: old routers say 0; what the kernel made of it counts.
      const mtu = info > 0 ? info : this.#believed(target);
      if (mtu !== undefined && mtu < target.running.trial.size) target.running.trial.told(mtu);
    } else if (packet?.state === "outstanding") {
      packet.state = "failed";
    }
  }

  /** For quotes too short to name their packet. */
  #runningAt(batch: PacketBatch, i: number): MtuTarget | undefined {
    for (const target of this.#targets.values()) if (target.running && batch.isFrom(i, target.address)) return target;
    return undefined;
  }

  #targetOf(bytes: Uint8Array): MtuTarget | undefined {
    const claim = this.#format.peek(bytes);
    return claim && this.#targets.get(claim.slot);
  }
}
