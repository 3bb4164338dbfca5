// Path MTU of every pair: once an interval a packet of the size the kernel believes in, with DF set and whatever the
// kernel has learnt ignored. Only when that size fails is there a search for the one that passes; what is missing is
// a black hole. A router that says "fragmentation needed" is working discovery and no fault (design §2.10).
import { phase } from "../base/hash.ts";
import { drainQueue } from "../kernel/drain.ts";
import type { Kernel, PacketBatch, PacketSocket, SocketAddress } from "../kernel/kernel.ts";
import type { Clock } from "../base/clock.ts";
import type { IpFamily } from "../model/peer.ts";
import { slotKey, type Slot } from "../model/slot.ts";
import type { PathMtu } from "../model/snapshot.ts";
import { id64, nodeHash, StampFormat, type Id64 } from "../wire/stamp.ts";
import { PathMtuSearch } from "./path-mtu-search.ts";
import { Trial, type TrialPacket } from "./path-mtu-trial.ts";
import type { MonotonicNs } from "./prober.ts";

export interface PathMtuSettings {
  readonly intervalMs: number;
  /** How long a packet is waited for. */
  readonly timeoutMs: number;
  /** The peers' probe port. */
  readonly port: number;
  /** Largest IP packet tried (the reflector must take its payload). */
  readonly maxPacketBytes: number;
}

export interface PathMtuOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly settings: PathMtuSettings;
  readonly families: readonly IpFamily[];
  /** Name of this node. */
  readonly source: string;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  readonly key?: Uint8Array | undefined;
}

/** Not a prober: it has no outcomes, only a figure for each pair. Takes the UDP slots. */
export interface PathMtuProber extends Disposable {
  open(slot: Slot): void;
  close(slot: Slot): void;
  /** The peer has a new address: what was known stays until it has been verified there, which is done at once. */
  move(from: Slot, to: Slot): void;
  /** Drain, conclude, send what is due. */
  tick(): void;
  /** A trial is under way: tick on. */
  readonly busy: boolean;
  /** Monotonic time of the next verification; Infinity without slots. */
  readonly nextDueNs: MonotonicNs;
  /** What is known; pairs of which nothing is known are absent. */
  values(): readonly PathMtu[];
}

/** Throws KernelError when a socket cannot be opened. */
export function pathMtuProber(options: PathMtuOptions): PathMtuProber {
  return new DontFragmentProber(options);
}

const HEADERS_BYTES = { ipv4: 20 + 8, ipv6: 40 + 8 } as const;
/** Enough of a looped or quoted packet to tell whose it is. */
const QUOTE_BYTES = 512;
const BATCH = 16;
/** A first figure soon after the start, without a burst. */
const FIRST_WITHIN_NS = 10e9;
/** Verifications in a row that could say nothing before the last figure is given up. */
const STALE_AFTER = 3;
/** ICMP "fragmentation needed" (RFC 1191) and ICMPv6 "packet too big" (RFC 4443 §3.2). */
const isTooBig = (family: IpFamily, type: number, code: number) =>
  family === "ipv4" ? type === 3 && code === 4 : type === 2;

interface Target {
  readonly slot: Slot;
  readonly address: SocketAddress;
  dueNs: MonotonicNs;
  running: { readonly search: PathMtuSearch; trial: Trial } | undefined;
  value: { readonly passesBytes: number; readonly shortfallBytes: number } | undefined;
  unclear: number;
}

class DontFragmentProber implements PathMtuProber {
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #settings: PathMtuSettings;
  readonly #format: StampFormat;
  readonly #incarnation: Id64;
  readonly #source: Id64;
  readonly #sockets = new Map<IpFamily, PacketSocket>();
  readonly #outgoing: PacketBatch;
  readonly #replies: PacketBatch;
  readonly #errors: PacketBatch;
  /** By slot index. */
  readonly #targets = new Map<number, Target>();
  readonly #active = new Set<Target>();
  #nextDueNs: MonotonicNs = Infinity;
  #number = 0;

  constructor(options: PathMtuOptions) {
    const { kernel, settings } = options;
    this.#kernel = kernel;
    this.#clock = options.clock;
    this.#settings = settings;
    this.#format = new StampFormat({ baseSeconds: options.clock.baseSeconds, key: options.key });
    this.#incarnation = id64(options.incarnation);
    this.#source = nodeHash(options.source);
    this.#outgoing = kernel.createBatch(1, settings.maxPacketBytes);
    this.#replies = kernel.createBatch(BATCH, this.#format.minBytes);
    this.#errors = kernel.createBatch(BATCH, QUOTE_BYTES);
    try {
      for (const family of options.families)
        this.#sockets.set(family, kernel.openUdp({ family, port: 0, dontFragment: true }));
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  get busy(): boolean {
    return this.#active.size > 0;
  }

  get nextDueNs(): MonotonicNs {
    return this.#nextDueNs;
  }

  open(slot: Slot): void {
    this.close(slot);
    const withinNs = Math.min(FIRST_WITHIN_NS, this.#settings.intervalMs * 1e6);
    const dueNs = this.#clock.monotonicNs() + phase(`${slotKey(slot)}/path-mtu`) * withinNs;
    this.#targets.set(slot.index, {
      slot,
      address: this.#kernel.socketAddress(slot.address, this.#settings.port),
      dueNs,
      running: undefined,
      value: undefined,
      unclear: 0,
    });
    this.#nextDueNs = Math.min(this.#nextDueNs, dueNs);
  }

  close(slot: Slot): void {
    const target = this.#targets.get(slot.index);
    if (!target) return;
    this.#targets.delete(slot.index);
    this.#active.delete(target);
  }

  move(from: Slot, to: Slot): void {
    const known = this.#targets.get(from.index)?.value;
    this.close(from);
    this.open(to);
    const target = this.#targets.get(to.index)!;
    target.value = known;
    if (known === undefined) return;
    target.dueNs = this.#clock.monotonicNs();
    this.#nextDueNs = Math.min(this.#nextDueNs, target.dueNs);
  }

  tick(): void {
    const nowNs = this.#clock.monotonicNs();
    if (this.#active.size > 0) {
      for (const socket of this.#sockets.values()) {
        this.#drainErrors(socket);
        this.#drainReplies(socket);
      }
      for (const target of this.#active) this.#conclude(target, nowNs);
    }
    if (nowNs >= this.#nextDueNs) this.#beginDue(nowNs);
    for (const target of this.#active) this.#sendDue(target, nowNs);
  }

  values(): readonly PathMtu[] {
    return [...this.#targets.values()].flatMap(({ slot, value }) =>
      value ? { destination: slot.pair.destination, network: slot.network, family: slot.family, ...value } : [],
    );
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket[Symbol.dispose]();
    this.#sockets.clear();
    this.#active.clear();
    this.#targets.clear();
    this.#nextDueNs = Infinity;
  }

  #beginDue(nowNs: MonotonicNs): void {
    this.#nextDueNs = Infinity;
    for (const target of this.#targets.values()) {
      if (nowNs >= target.dueNs) {
        // A search may outlast a short interval: then this turn is left out.
        if (!target.running) this.#begin(target, nowNs);
        const intervalNs = this.#settings.intervalMs * 1e6;
        target.dueNs += intervalNs * Math.ceil((nowNs - target.dueNs + 1) / intervalNs);
      }
      this.#nextDueNs = Math.min(this.#nextDueNs, target.dueNs);
    }
  }

  /** Undefined when there is no route to it at the moment, or no descriptor to ask with. */
  #believed(target: Target): number | undefined {
    try {
      return this.#kernel.believedMtu(target.address);
    } catch {
      return undefined;
    }
  }

  #begin(target: Target, nowNs: MonotonicNs): void {
    const believed = this.#believed(target);
    if (believed === undefined) return this.#unclear(target);
    const search = new PathMtuSearch({
      believed: Math.min(believed, this.#settings.maxPacketBytes),
      floor: this.#format.minBytes + HEADERS_BYTES[target.slot.family],
      hint: target.value?.passesBytes,
    });
    target.running = { search, trial: this.#trial(search.first, nowNs) };
    this.#active.add(target);
  }

  #trial(size: number, nowNs: MonotonicNs): Trial {
    return new Trial({ size, timeoutNs: this.#settings.timeoutMs * 1e6, nowNs });
  }

  #conclude(target: Target, drainedNs: MonotonicNs): void {
    const { running } = target;
    const result = running?.trial.result(drainedNs);
    if (!running || !result) return;
    const step = running.search.next(result);
    if (step.kind === "try") {
      running.trial = this.#trial(step.size, drainedNs);
      return;
    }
    target.running = undefined;
    this.#active.delete(target);
    if (step.kind === "unclear") return this.#unclear(target);
    target.value = { passesBytes: step.passesBytes, shortfallBytes: step.shortfallBytes };
    target.unclear = 0;
  }

  #unclear(target: Target): void {
    if (++target.unclear >= STALE_AFTER) target.value = undefined;
  }

  #sendDue(target: Target, nowNs: MonotonicNs): void {
    const trial = target.running?.trial;
    const socket = this.#sockets.get(target.slot.family);
    if (!trial || !socket) return;
    for (const packet of trial.due(nowNs, this.#number)) {
      this.#number = (this.#number + 1) % 2 ** 32;
      if (!this.#send(socket, target, packet, trial.size)) packet.state = "failed";
    }
  }

  #send(socket: PacketSocket, target: Target, packet: TrialPacket, size: number): boolean {
    const { slot } = target;
    const bytes = packet.large ? size - HEADERS_BYTES[slot.family] : this.#format.minBytes;
    this.#format.encodeRequest(this.#outgoing.room(0).subarray(0, bytes), {
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
    this.#outgoing.prepare(0, bytes, target.address);
    packet.sentNs = this.#clock.monotonicNs();
    if (socket.send(this.#outgoing, 0, 1) === 1) return true;
    // Another peer's pending error, perhaps.
    this.#drainErrors(socket);
    return socket.send(this.#outgoing, 0, 1) === 1;
  }

  #drainErrors(socket: PacketSocket): void {
    drainQueue(
      this.#errors,
      (batch) => socket.receiveErrors(batch),
      (batch, i) => {
        if (batch.origin(i) === "icmp") this.#icmpError(socket.family, i);
      },
    );
  }

  #icmpError(family: IpFamily, i: number): void {
    const { type, code, info } = this.#errors.icmp(i);
    const target = this.#targetOf(this.#errors.bytes(i)) ?? this.#activeAt(i);
    if (!target?.running || !this.#errors.isFrom(i, target.address)) return;
    const claim = this.#format.peek(this.#errors.bytes(i));
    const packet = claim && target.running.trial.match(claim);
    if (claim && !packet) return; // of an earlier trial, or forged
    if (isTooBig(family, type, code)) {
      // RFC 1191 §5: old routers say 0; what the kernel made of it counts.
      const mtu = info > 0 ? info : this.#believed(target);
      if (mtu !== undefined && mtu < target.running.trial.size) target.running.trial.told(mtu);
    } else if (packet?.state === "outstanding") {
      packet.state = "failed";
    }
  }

  /** For quotes too short to name their packet. */
  #activeAt(i: number): Target | undefined {
    if (this.#format.peek(this.#errors.bytes(i))) return undefined;
    return [...this.#active].find((target) => this.#errors.isFrom(i, target.address));
  }

  #drainReplies(socket: PacketSocket): void {
    drainQueue(
      this.#replies,
      (batch) => socket.receive(batch),
      (batch, i) => {
        const bytes = batch.bytes(i);
        const target = this.#targetOf(bytes);
        if (!target?.running || !batch.isFrom(i, target.address)) return;
        const decoded = this.#format.decodeReply(bytes);
        const packet = decoded.kind === "ok" ? target.running.trial.match(decoded.value) : undefined;
        if (packet?.state === "outstanding") packet.state = "answered";
      },
    );
  }

  #targetOf(bytes: Uint8Array): Target | undefined {
    const claim = this.#format.peek(bytes);
    return claim && this.#targets.get(claim.slot);
  }
}
