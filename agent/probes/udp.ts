// UDP probes as STAMP (RFC 8762) to the peers' stateful reflector. RTT = kernel receive stamp − kernel transmit stamp
// − residence at the reflector, which its next reply tells exactly (udp-delays.ts). What gets no answer is attributed to
// a direction as soon as the peer tells what arrived there (loss-direction.ts).
import type { PacketBatch } from "../kernel/kernel.ts";
import type { Clock } from "../base/clock.ts";
import { FAILED, type Outcome } from "../model/outcome.ts";
import type { IpFamily } from "../model/peer.ts";
import type { PairWindow, Row } from "../model/snapshot.ts";
import type { Slot } from "../model/slot.ts";
import { parseArrivals } from "../wire/arrivals.ts";
import { id64, nodeHash, StampFormat, type Id64, type StampReply } from "../wire/stamp.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import { errnoEvent, icmpEvent, type ConntrackState } from "./kernel-events.ts";
import type { Evidence } from "./loss-direction.ts";
import type { Delay, MonotonicNs, OutcomeSink, Prober } from "./prober.ts";
import { channelBatches, UdpChannel, type ChannelListener, type UdpKernel } from "./udp-channel.ts";
import { SOURCE_PORTS, UdpSlot, type UdpProbe } from "./udp-session.ts";

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
}

export interface UdpProber extends Prober {
  /** Slots whose lost probes no reply decides any more: fetch the rows of these peers (at leisure) and hand them in. */
  wantingPeerRow(): readonly Slot[];
  /** The peer's row came. It must have been written after `askedNs`. */
  peerReported(slot: Slot, report: { readonly row: PeerRow; readonly askedNs: MonotonicNs }): void;
}

/** What of a peer's row tells the direction. */
export type PeerRow = Pick<Row, "incarnation" | "udpReceived"> & {
  readonly pairs: readonly Pick<PairWindow, "destination" | "network" | "family">[];
  readonly health: Pick<Row["health"], "socketDrops">;
};

/** Throws KernelError when a socket cannot be opened. */
export function udpProber(options: UdpProberOptions): UdpProber {
  return new StampProber(options);
}

/** Without a reply for this long, the peer's own row decides. */
const ASK_PEER_AFTER_NS = 60e9;
/** And when that has not come either: `unknown`. */
const GIVE_UP_AFTER_NS = 150e9;
/** Channels with nothing in flight are looked at this often, for what is late or twice. */
const SWEEP_NS = 1e9;
/** A slot that comes back begins beyond the reach of the bitmap, so that old packets mean nothing. */
const NUMBERS_BETWEEN_SLOTS = 64;

class StampProber implements UdpProber, ChannelListener {
  readonly protocol = "udp";
  readonly #kernel: UdpKernel;
  readonly #sink: OutcomeSink;
  readonly #conntrack: () => ConntrackState;
  readonly #settings: UdpSettings;
  readonly #timeoutNs: number;
  readonly #watch: ClockWatch;
  readonly #format: StampFormat;
  readonly #incarnation: Id64;
  readonly #incarnationHex: string;
  readonly #source: Id64;
  readonly #channels = new Map<IpFamily, readonly UdpChannel[]>();
  /** By slot index. */
  readonly #slots = new Map<number, UdpSlot>();
  /** In the order they were sent; ended ones leave from the front. */
  #inFlight: UdpProbe[] = [];
  #outstanding = 0;
  #firstNumber: number;
  #drainedNs: MonotonicNs = 0;
  #sweptNs: MonotonicNs = -Infinity;
  /** Replies that came before their transmit stamp did. */
  #unstamped: { readonly probe: UdpProbe; readonly reply: StampReply; readonly receivedNs: number }[] = [];
  /** News of what arrived at a peer, kept until all that has come is read: a late reply goes before a verdict. */
  #evidence: { readonly state: UdpSlot; readonly evidence: Evidence }[] = [];
  #closed = false;

  constructor(options: UdpProberOptions) {
    const { kernel, clock, settings } = options;
    this.#kernel = kernel;
    this.#sink = options.sink;
    this.#conntrack = options.conntrack;
    this.#settings = settings;
    this.#timeoutNs = settings.timeoutMs * 1e6;
    this.#watch = new ClockWatch(clock);
    this.#format = new StampFormat({ baseSeconds: clock.baseSeconds, key: options.key });
    this.#incarnation = id64(options.incarnation);
    this.#incarnationHex = options.incarnation.toLowerCase();
    this.#source = nodeHash(options.source);
    this.#firstNumber = options.firstNumber ?? 0;
    const batches = channelBatches(kernel, settings.sizeBytes);
    const opened: UdpChannel[] = [];
    try {
      for (const family of options.families) {
        const channels = Array.from({ length: SOURCE_PORTS }, (_, port) => {
          const channel = new UdpChannel({ kernel, family, port, batches, listener: this });
          opened.push(channel);
          return channel;
        });
        this.#channels.set(family, channels);
      }
    } catch (err) {
      for (const channel of opened) channel[Symbol.dispose]();
      throw err;
    }
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  open(slot: Slot): void {
    this.close(slot);
    const address = this.#kernel.socketAddress(slot.address, this.#settings.port);
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
    const sentNs = this.#watch.look();
    const byChannel = new Map<UdpChannel, UdpProbe[]>();
    for (const slot of due) {
      const state = this.#slots.get(slot.index);
      const channels = this.#channels.get(slot.family);
      if (!state || !channels) continue;
      if (state.outstanding) {
        this.#sink.skipped(slot);
        continue;
      }
      const probe = state.begin({ sentNs, socketDrops: (port) => channels[port]!.drops });
      this.#known(slot, state.delays.sent(probe.number));
      const channel = channels[probe.port]!;
      channel.outstanding++;
      this.#outstanding++;
      this.#inFlight.push(probe);
      const batch = byChannel.get(channel);
      if (batch) batch.push(probe);
      else byChannel.set(channel, [probe]);
    }
    for (const [channel, probes] of byChannel) channel.send(probes, () => this.#watch.look());
  }

  drain(): void {
    // What arrived before this moment is read when the queues are dry: expire goes by it, so that a pause of this
    // process between the two is never a loss.
    const drainedNs = this.#watch.look();
    const sweep = drainedNs - this.#sweptNs >= SWEEP_NS;
    this.#drainChannels((channel) => sweep || channel.outstanding > 0);
    // Before a gap is attributed, everything that may still take a probe out of it must have been read.
    if (!sweep && this.#evidence.some(({ state }) => state.directions.undecided > 0)) this.#drainChannels(() => true);
    if (sweep) this.#sweptNs = drainedNs;
    this.#drainedNs = drainedNs;
    const evidence = this.#evidence;
    this.#evidence = [];
    for (const { state, evidence: news } of evidence) this.#decide(state, news);
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
    if (this.#drainedNs !== this.#sweptNs) return;
    for (const state of this.#slots.values()) {
      for (let n = state.directions.giveUp(this.#drainedNs - GIVE_UP_AFTER_NS); n > 0; n--)
        this.#sink.lost(state.slot, "unknown");
    }
  }

  wantingPeerRow(): readonly Slot[] {
    const nowNs = this.#watch.look();
    return [...this.#slots.values()]
      .filter((s) => s.directions.wantsPeerRow({ nowNs, afterNs: ASK_PEER_AFTER_NS }))
      .map((s) => s.slot);
  }

  peerReported(slot: Slot, { row, askedNs }: { readonly row: PeerRow; readonly askedNs: MonotonicNs }): void {
    const state = this.#slots.get(slot.index);
    if (!state || state.slot !== slot) return;
    const { source } = slot.pair;
    const ours = row.udpReceived.find(
      (r) =>
        r.source.name === source.name &&
        r.network === slot.network &&
        r.family === slot.family &&
        r.incarnation.toLowerCase() === this.#incarnationHex,
    );
    const arrivals = ours
      ? parseArrivals(ours.highest, ours.bitmap)
      : this.#arrivedNone(slot, row)
        ? "none"
        : "unknown";
    // An invalid row decides nothing.
    if (arrivals === undefined) return;
    const undecided = state.directions.firstFailedSince(askedNs);
    this.#decide(state, {
      reflector: {
        incarnation: row.incarnation.toLowerCase(),
        drops: row.health.socketDrops > 0 ? Number.NaN : undefined,
      },
      arrivals,
      beforeNumber: undecided ?? state.next,
    });
  }

  /** A peer that has no count for us, though it knows us (as it probes us), has had nothing of us. */
  #arrivedNone({ pair, network, family }: Slot, row: PeerRow): boolean {
    return row.pairs.some(
      (p) => p.destination.name === pair.source.name && p.network === network && p.family === family,
    );
  }

  socketDrops(): number {
    let sum = 0;
    for (const channels of this.#channels.values()) for (const channel of channels) sum += channel.readDrops();
    return sum;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const channels of this.#channels.values()) for (const channel of channels) channel[Symbol.dispose]();
  }

  encode(probe: UdpProbe, into: Uint8Array): void {
    const { slot } = probe.slot;
    this.#format.encodeRequest(into, {
      sequence: probe.sequence,
      port: probe.port,
      slot: slot.index,
      number: probe.number,
      nonceHigh: probe.nonceHigh,
      nonceLow: probe.nonceLow,
      network: slot.network,
      family: slot.family,
      smallReply: false,
      sentNs: this.#watch.toRealtimeNs(probe.sentNs),
      incarnation: this.#incarnation,
      source: this.#source,
    });
  }

  transmitStamp(frame: Uint8Array, stampNs: number): void {
    const probe = this.#match(frame.subarray(Math.max(0, frame.length - this.#settings.sizeBytes)));
    // The first stamp is ours; devices below (a bridge, an overlay) may add theirs for the same packet.
    if (probe?.state === "outstanding" && Number.isNaN(probe.stampNs)) probe.stampNs = stampNs;
  }

  icmpError(channel: UdpChannel, batch: PacketBatch, i: number): void {
    const quote = batch.bytes(i);
    const probe = this.#format.peek(quote) ? this.#match(quote) : this.#inFlightTo(channel, batch, i);
    if (probe?.state !== "outstanding" || !batch.isFrom(i, probe.slot.address)) return;
    const fromTarget = batch.isErrorOf(i, probe.slot.address);
    const verdict = icmpEvent(channel.family, { ...batch.icmp(i), fromTarget });
    if (verdict.kind === "outcome") this.#end(probe, verdict.outcome);
  }

  localError(batch: PacketBatch, i: number): void {
    const probe = this.#match(batch.bytes(i));
    if (probe && batch.isFrom(i, probe.slot.address)) this.sendFailed(probe, batch.errno(i));
  }

  reply(channel: UdpChannel, batch: PacketBatch, i: number): void {
    // A step of the clock since the last look makes what was read after it no delay.
    if (i === 0) this.#watch.look();
    const bytes = batch.bytes(i);
    const decoded = this.#format.decodeReply(bytes);
    const probe =
      decoded.kind === "ok" ? this.#match(bytes) : decoded.fault === "checksum" ? this.#match(bytes) : undefined;
    if (!probe || probe.port !== channel.port || !batch.isFrom(i, probe.slot.address)) return;
    const { slot } = probe.slot;
    if (decoded.kind === "fault" || bytes.length !== this.#settings.sizeBytes || batch.truncated(i))
      return this.#sink.anomaly(slot, "corrupt");
    const reply = decoded.value;
    if (reply.sequence !== probe.sequence) return; // another session's number under our nonce: not by our reflector
    this.#evidence.push({
      state: probe.slot,
      evidence: {
        reflector: { incarnation: reply.reflector, drops: reply.drops },
        arrivals: reply.arrivals,
        beforeNumber: probe.number,
      },
    });
    this.#known(slot, probe.slot.delays.told(probe.number, reply.followUp));
    const receivedNs = batch.stampNs(i);
    switch (probe.state) {
      case "outstanding":
        if (Number.isNaN(probe.stampNs)) this.#unstamped.push({ probe, reply, receivedNs });
        else this.#answer(probe, reply, receivedNs);
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
  }

  sendFailed(probe: UdpProbe, errno: string): void {
    if (probe.state !== "outstanding") return;
    const verdict = errnoEvent(errno, this.#conntrack);
    if (verdict.kind === "outcome") return this.#end(probe, verdict.outcome);
    this.#leave(probe, "forgotten");
    this.#sink.localError(probe.slot.slot, errno);
  }

  #drainChannels(which: (channel: UdpChannel) => boolean): void {
    for (const channels of this.#channels.values()) {
      for (const channel of channels) {
        if (!which(channel)) continue;
        channel.drainErrors();
        channel.drainReplies();
        if (this.#unstamped.length === 0) continue;
        // A packet that waited for its neighbour's address can be answered in the moment between the two queues.
        channel.drainErrors();
        for (const { probe, reply, receivedNs } of this.#unstamped) this.#answer(probe, reply, receivedNs);
        this.#unstamped = [];
      }
    }
  }

  #match(bytes: Uint8Array): UdpProbe | undefined {
    const claim = this.#format.peek(bytes);
    return claim && this.#slots.get(claim.slot)?.match(claim);
  }

  /** An ICMP error that quotes less than our body (RFC 792 asks for 8 bytes): by destination and source port. */
  #inFlightTo(channel: UdpChannel, batch: PacketBatch, i: number): UdpProbe | undefined {
    return this.#inFlight.find(
      (p) =>
        p.state === "outstanding" &&
        p.port === channel.port &&
        p.slot.slot.family === channel.family &&
        batch.isFrom(i, p.slot.address),
    );
  }

  #answer(probe: UdpProbe, reply: StampReply, receivedNs: number): void {
    const { slot } = probe.slot;
    // Two copies of one reply, both before its stamp.
    if (probe.state !== "outstanding") return this.#sink.anomaly(slot, "duplicate");
    // Across a step of the clock the answer is certain, its delay is not.
    if (!this.#watch.trusts(probe.sentNs))
      return this.#end(probe, { kind: "answered", rttNs: undefined, clock: "user" });
    const cameNs = Number.isNaN(receivedNs) ? this.#watch.toRealtimeNs(this.#watch.look()) : receivedNs;
    const elapsedNs = cameNs - (Number.isNaN(probe.stampNs) ? this.#watch.toRealtimeNs(probe.sentNs) : probe.stampNs);
    if (elapsedNs > this.#timeoutNs) {
      this.#timedOut(probe);
      return this.#late(probe);
    }
    const kernel = !Number.isNaN(probe.stampNs) && !Number.isNaN(receivedNs) && reply.residenceClock === "kernel";
    const clock = kernel ? "kernel" : "user";
    const rttNs = probe.slot.delays.answered({
      number: probe.number,
      estimateNs: elapsedNs - reply.residenceNs,
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
    const channel = this.#channels.get(probe.slot.slot.family)![probe.port]!;
    probe.slot.directions.failed({
      number: probe.number,
      failedNs: this.#drainedNs,
      reflector: probe.reflector,
      droppedHere: () => channel.readDrops() !== probe.socketDrops,
    });
  }

  #late(probe: UdpProbe): void {
    this.#sink.anomaly(probe.slot.slot, "late");
    probe.slot.directions.cameLate(probe.number);
    probe.state = "answered"; // the next copy is a duplicate
  }

  #decide(state: UdpSlot, evidence: Evidence): void {
    if (state.closed) return;
    for (const direction of state.directions.decide(evidence)) this.#sink.lost(state.slot, direction);
  }

  #end(probe: UdpProbe, outcome: Outcome): void {
    this.#leave(probe, outcome.kind);
    this.#sink.record(probe.slot.slot, outcome);
  }

  #leave(probe: UdpProbe, state: UdpProbe["state"]): void {
    if (probe.state !== "outstanding") return;
    probe.state = state;
    probe.slot.outstanding = undefined;
    this.#outstanding--;
    this.#channels.get(probe.slot.slot.family)![probe.port]!.outstanding--;
  }
}
