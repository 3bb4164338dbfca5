// UDP probes as STAMP (RFC 8762) to the peers' stateful reflector. RTT = kernel receive stamp − kernel transmit stamp
// − residence at the reflector, which its next reply tells exactly (udp-delays.ts). What gets no answer is attributed to
// a direction as soon as the peer tells what arrived there (loss-direction.ts).
import type { Clock } from "../base/clock.ts";
import { FAILED, type Outcome } from "../model/outcome.ts";
import type { IpFamily } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import { id64, nodeHash, StampFormat, type StampReply } from "../wire/stamp.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import { elapsed, exchangeBatches } from "./exchange.ts";
import { errnoEvent, type ConntrackState, type Verdict } from "./kernel-events.ts";
import type { Delay, MonotonicNs, OutcomeSink, Prober } from "./prober.ts";
import { UdpChannel, type Came, type ChannelContext, type ChannelListener, type UdpKernel } from "./udp-channel.ts";
import { UdpLosses, type PeerRow } from "./udp-losses.ts";
import { SOURCE_PORTS, UdpSlot, type UdpProbe } from "./udp-session.ts";

export type { PeerRow } from "./udp-losses.ts";

export interface UdpSettings {
  readonly timeoutMs: number;
  /** UDP payload. */
  readonly sizeBytes: number;
  /** The peers' probe port. */
  readonly port: number;
}

export interface UdpProberOptions {
  readonly kernel: UdpKernel;
  readonly clock: Clock;
  readonly sink: OutcomeSink;
  readonly settings: UdpSettings;
  readonly families: readonly IpFamily[];
  /** Name of this node. */
  readonly source: string;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  readonly key?: Uint8Array | undefined;
  /** Asked only when a send fails with EPERM. */
  readonly conntrack: () => ConntrackState;
  /** Number of the first probe of a slot; above all that this incarnation has used. 0 unless given. */
  readonly firstNumber?: number;
  /** The peer answers them and counts none. */
  readonly onDemand?: boolean;
}

export interface UdpProber extends Prober {
  /** Slots whose lost probes no reply decides any more: fetch the rows of these peers (at leisure) and hand them in. */
  wantingPeerRow(): readonly Slot[];
  /** The peer's row came. It must have been written after `askedNs`. */
  peerReported(slot: Slot, report: { readonly row: PeerRow; readonly askedNs: MonotonicNs }): void;
}

/** Throws KernelError when a socket cannot be opened. */
export function udpProber(options: UdpProberOptions): UdpProber {
  return new StampProber(options);
}

/** Packets a system call takes. */
const BATCH = 32;
/** Channels with nothing in flight are looked at this often, for what is late or twice. */
const SWEEP_NS = 5e9;
/** A slot that comes back begins beyond the reach of the bitmap, so that old packets mean nothing. */
const NUMBERS_BETWEEN_SLOTS = 64;

class StampProber implements UdpProber, ChannelListener {
  readonly protocol = "udp";
  readonly #kernel: UdpKernel;
  readonly #sink: OutcomeSink;
  readonly #conntrack: () => ConntrackState;
  readonly #port: number;
  readonly #timeoutNs: number;
  readonly #watch: ClockWatch;
  readonly #channels = new Map<IpFamily, readonly UdpChannel[]>();
  readonly #all: UdpChannel[] = [];
  /** By slot index. */
  readonly #slots = new Map<number, UdpSlot>();
  readonly #losses: UdpLosses;
  /** In the order they were sent; ended ones leave from the front. */
  #inFlight: UdpProbe[] = [];
  #outstanding = 0;
  #firstNumber: number;
  #drainedNs: MonotonicNs = 0;
  #sweptNs: MonotonicNs = -Infinity;
  #closed = false;

  constructor(options: UdpProberOptions) {
    const { kernel, clock, settings } = options;
    this.#kernel = kernel;
    this.#sink = options.sink;
    this.#conntrack = options.conntrack;
    this.#port = settings.port;
    this.#timeoutNs = settings.timeoutMs * 1e6;
    this.#watch = new ClockWatch(clock);
    this.#losses = new UdpLosses(options.sink, options.incarnation);
    this.#firstNumber = options.firstNumber ?? 0;
    const context: ChannelContext = {
      kernel,
      watch: this.#watch,
      batches: exchangeBatches(kernel, { packets: BATCH, packetBytes: settings.sizeBytes }),
      format: new StampFormat({ baseSeconds: clock.baseSeconds, key: options.key }),
      sizeBytes: settings.sizeBytes,
      incarnation: id64(options.incarnation),
      source: nodeHash(options.source),
      onDemand: options.onDemand ?? false,
      slots: this.#slots,
      listener: this,
    };
    try {
      for (const family of options.families) {
        for (let port = 0; port < SOURCE_PORTS; port++) this.#all.push(new UdpChannel(context, { family, port }));
        this.#channels.set(family, this.#all.slice(-SOURCE_PORTS));
      }
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  /** Of one socket, though there are many: as many come from the peers to the one of the reflector. */
  get mostAtOnce(): number {
    return Math.min(...this.#all.map(({ exchange }) => exchange.holds));
  }

  open(slot: Slot): void {
    this.close(slot);
    const address = this.#kernel.socketAddress(slot.address, this.#port);
    this.#slots.set(slot.index, new UdpSlot({ slot, address, firstNumber: this.#firstNumber }));
  }

  close(slot: Slot): void {
    const state = this.#slots.get(slot.index);
    if (!state) return;
    this.#slots.delete(slot.index);
    state.closed = true;
    this.#firstNumber = Math.max(this.#firstNumber, state.next + NUMBERS_BETWEEN_SLOTS);
    if (state.outstanding) this.#leave(state.outstanding, "forgotten");
  }

  send(due: readonly Slot[]): void {
    const sentNs = this.#watch.check();
    const byChannel = new Map<UdpChannel, UdpProbe[]>();
    for (const slot of due) {
      const state = this.#slots.get(slot.index);
      const channels = this.#channels.get(slot.family);
      if (!state || !channels) continue;
      if (state.outstanding) {
        this.#sink.skipped(slot);
        continue;
      }
      const probe = state.begin({ sentNs, socketDrops: (port) => channels[port]!.exchange.drops });
      this.#known(slot, state.delays.sent(probe.number));
      const channel = channels[probe.port]!;
      channel.outstanding.add(probe);
      this.#outstanding++;
      this.#inFlight.push(probe);
      const batch = byChannel.get(channel);
      if (batch) batch.push(probe);
      else byChannel.set(channel, [probe]);
    }
    for (const [channel, probes] of byChannel) channel.exchange.send(probes);
  }

  drain(): void {
    // What arrived before this moment is read when the queues are dry: expire goes by it, so that a pause of this
    // process between the two is never a loss.
    const drainedNs = this.#watch.check();
    const sweep = drainedNs - this.#sweptNs >= SWEEP_NS;
    for (const channel of this.#all) if (sweep || channel.outstanding.size > 0) channel.exchange.drain();
    // And once more what a reading that was cut short has left: a late reply goes before a verdict.
    if (this.#losses.pending) for (const channel of this.#all) channel.exchange.drain();
    if (sweep) this.#sweptNs = drainedNs;
    this.#drainedNs = drainedNs;
    this.#losses.decide();
  }

  expire(): void {
    let ended = 0;
    for (const probe of this.#inFlight) {
      if (probe.state === "outstanding") {
        if (this.#drainedNs - probe.sentNs <= this.#timeoutNs) break;
        this.#timedOut(probe);
      }
      ended++;
    }
    if (ended > 0) this.#inFlight.splice(0, ended);
    if (this.#drainedNs === this.#sweptNs) this.#losses.giveUp(this.#slots.values(), this.#drainedNs);
  }

  wantingPeerRow(): readonly Slot[] {
    return this.#losses.wantingPeerRow(this.#slots.values(), this.#watch.check());
  }

  peerReported(slot: Slot, report: { readonly row: PeerRow; readonly askedNs: MonotonicNs }): void {
    const state = this.#slots.get(slot.index);
    if (state?.slot === slot) this.#losses.peerReported(state, report);
  }

  socketDrops(): number {
    return this.#all.reduce((sum, { exchange }) => sum + exchange.readDrops(), 0);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const channel of this.#all) channel[Symbol.dispose]();
  }

  icmpError(probe: UdpProbe, verdict: Verdict): void {
    if (verdict.kind === "outcome") this.#end(probe, verdict.outcome);
  }

  sendFailed(probe: UdpProbe, errno: string): void {
    const verdict = errnoEvent(errno, this.#conntrack);
    if (verdict.kind === "outcome") return this.#end(probe, verdict.outcome);
    this.#leave(probe, "forgotten");
    this.#sink.localError(probe.slot.slot, errno);
  }

  corrupt(probe: UdpProbe): void {
    this.#sink.anomaly(probe.slot.slot, "corrupt");
  }

  replied(probe: UdpProbe, reply: StampReply, { receivedNs, ttl }: Came): (() => void) | undefined {
    const { slot } = probe.slot;
    this.#losses.heard(probe.slot, {
      reflector: { incarnation: reply.reflector, drops: reply.drops },
      arrivals: reply.arrivals,
      beforeNumber: probe.number,
    });
    this.#known(slot, probe.slot.delays.told(probe.number, reply.followUp));
    switch (probe.state) {
      case "outstanding":
        this.#sink.travelled(
          slot,
          { ttl, there: { ttl: reply.ttlThere, seenAs: probe.slot.seenAs(reply.seenAs) } },
          probe.port,
        );
        if (Number.isNaN(probe.stampNs)) return () => this.#answer(probe, reply, receivedNs);
        this.#answer(probe, reply, receivedNs);
        break;
      case "answered":
        this.#sink.anomaly(slot, "duplicate");
        break;
      case "failed":
      case "refused":
        this.#late(probe);
        break;
      case "forgotten":
        break;
    }
    return undefined;
  }

  #answer(probe: UdpProbe, reply: StampReply, receivedNs: number): void {
    // Two copies of one reply, both before its stamp.
    if (probe.state !== "outstanding") return this.#sink.anomaly(probe.slot.slot, "duplicate");
    const took = elapsed(this.#watch, { sentNs: probe.sentNs, stampNs: probe.stampNs, receivedNs });
    // Across a step of the clock the answer is certain, its delay is not.
    if (took === undefined) return this.#end(probe, { kind: "answered", rttNs: undefined, clock: "user" });
    if (took.ns > this.#timeoutNs) {
      this.#timedOut(probe);
      return this.#late(probe);
    }
    const clock = reply.residenceClock === "kernel" ? took.clock : "user";
    const rttNs = probe.slot.delays.answered({
      number: probe.number,
      estimateNs: took.ns - reply.residenceNs,
      clock,
      follows: reply.followUp !== undefined,
    });
    this.#end(probe, { kind: "answered", rttNs, clock });
  }

  #known(slot: Slot, delay: Delay | undefined): void {
    if (delay) this.#sink.delay(slot, delay);
  }

  #timedOut(probe: UdpProbe): void {
    this.#end(probe, FAILED.timeout);
    const { exchange } = this.#channelOf(probe);
    probe.slot.directions.failed({
      number: probe.number,
      failedNs: this.#drainedNs,
      reflector: probe.reflector,
      droppedHere: () => exchange.readDrops() !== probe.socketDrops,
    });
  }

  #late(probe: UdpProbe): void {
    this.#sink.anomaly(probe.slot.slot, "late");
    probe.slot.directions.cameLate(probe.number);
    probe.state = "answered"; // the next copy is a duplicate
  }

  #end(probe: UdpProbe, outcome: Outcome): void {
    this.#leave(probe, outcome.kind);
    this.#sink.record(probe.slot.slot, outcome, probe.port);
  }

  #leave(probe: UdpProbe, state: UdpProbe["state"]): void {
    if (probe.state !== "outstanding") return;
    probe.state = state;
    probe.slot.outstanding = undefined;
    this.#outstanding--;
    this.#channelOf(probe).outstanding.delete(probe);
  }

  #channelOf(probe: UdpProbe): UdpChannel {
    return this.#channels.get(probe.slot.slot.family)![probe.port]!;
  }
}
