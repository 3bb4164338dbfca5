// Path MTU of every pair: once an interval a packet of the size the kernel believes in, with DF set and whatever the
// kernel has learnt ignored. Only when that size fails is there a search for the one that passes; what is missing is
// a black hole. A router that says "fragmentation needed" is working discovery and no fault (design §2.10).
import { phase } from "../base/hash.ts";
import { turnAfterNs } from "../base/turns.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import type { Clock } from "../base/clock.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { IpFamily } from "../model/peer.ts";
import { slotKey, type Slot } from "../model/slot.ts";
import type { PathMtu } from "../model/snapshot.ts";
import { exchangeBatches, PacketExchange } from "./exchange.ts";
import { MtuCodec, type MtuPacket, type MtuTarget } from "./path-mtu-codec.ts";
import { PathMtuSearch } from "./path-mtu-search.ts";
import { Trial } from "./path-mtu-trial.ts";
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

/** Enough of a looped or quoted packet to tell whose it is. */
const QUOTE_BYTES = 512;
const BATCH = 16;
/** A trial's large and small packet leave together. */
const SENT_TOGETHER = 2;
/** A first figure soon after the start, without a burst. */
const FIRST_WITHIN_NS = 10e9;
/** Verifications in a row that could say nothing before the last figure is given up. */
const STALE_AFTER = 3;

interface Target extends MtuTarget {
  dueNs: MonotonicNs;
  value: { readonly passesBytes: number; readonly shortfallBytes: number } | undefined;
  unclear: number;
}

class DontFragmentProber implements PathMtuProber {
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #settings: PathMtuSettings;
  readonly #codec: MtuCodec;
  readonly #exchanges = new Map<IpFamily, PacketExchange<MtuPacket>>();
  /** By slot index. */
  readonly #targets = new Map<number, Target>();
  readonly #active = new Set<Target>();
  #nextDueNs: MonotonicNs = Infinity;
  #number = 0;

  constructor(options: PathMtuOptions) {
    const { kernel, settings, clock } = options;
    this.#kernel = kernel;
    this.#clock = clock;
    this.#settings = settings;
    this.#codec = new MtuCodec({
      ...options,
      targets: this.#targets,
      believed: (target) => this.#believed(target),
    });
    const batches = exchangeBatches(kernel, {
      packets: BATCH,
      outgoingPackets: SENT_TOGETHER,
      packetBytes: settings.maxPacketBytes,
      incomingBytes: this.#codec.replyBytes,
      errorBytes: QUOTE_BYTES,
    });
    const watch = new ClockWatch(clock);
    try {
      for (const family of options.families) {
        const socket = kernel.openUdp({ family, port: 0, dontFragment: true });
        this.#exchanges.set(family, new PacketExchange({ kernel, socket, batches, watch, codec: this.#codec }));
      }
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
      for (const exchange of this.#exchanges.values()) exchange.drain();
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
    for (const exchange of this.#exchanges.values()) exchange[Symbol.dispose]();
    this.#exchanges.clear();
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
        target.dueNs = turnAfterNs(nowNs, { dueNs: target.dueNs, intervalMs: this.#settings.intervalMs });
      }
      this.#nextDueNs = Math.min(this.#nextDueNs, target.dueNs);
    }
  }

  /** Undefined when there is no route to it at the moment, or no descriptor to ask with. */
  #believed(target: MtuTarget): number | undefined {
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
      floor: this.#codec.smallest(target.slot.family),
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
    if (!trial) return;
    const packets = trial.due(nowNs, this.#number);
    if (packets.length === 0) return;
    this.#number = (this.#number + packets.length) % 2 ** 32;
    const { size } = trial;
    this.#exchanges.get(target.slot.family)?.send(packets.map((packet) => ({ target, packet, size })));
  }
}
