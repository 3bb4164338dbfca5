// Probes that somebody asked for: UDP packets to one peer, of any size and hop limit, from a few source ports that are
// theirs alone, each with its own fate. They are STAMP requests for a small reply, which the peer's reflector answers
// and counts nowhere; an error that comes back for one of them fails no probe of the schedule, whose sockets are others.
import { randomBytes } from "node:crypto";
import { ClockWatch } from "../../base/clock-watch.ts";
import type { Clock } from "../../base/clock.ts";
import type { Kernel, PacketBatch, SocketAddress } from "../../kernel/kernel.ts";
import type { IpFamily, Network } from "../../model/peer.ts";
import { elapsed, exchangeBatches, PacketExchange, type Codec, type ExchangeBatches } from "../../probes/exchange.ts";
import { icmpEvent } from "../../probes/kernel-events.ts";
import { randomU32 } from "../../probes/nonces.ts";
import type { MonotonicNs } from "../../probes/prober.ts";
import { id64, nodeHash, StampFormat, type Id64, type StampReply } from "../../wire/stamp.ts";

/** What every sender gives its packets (net.ipv4.ip_default_ttl, net.ipv6.conf.*.hop_limit): far beyond any path. */
export const WHOLE_WAY = 64;

/** What became of a probe. `by`: the address that said so; `rttNs`: undefined across a step of the clock. */
export type Fate =
  | { readonly kind: "outstanding" | "lost" }
  /** By the agent there. `hopLimitThere`: what was left of the hop limit. */
  | { readonly kind: "answered"; readonly rttNs: number | undefined; readonly hopLimitThere: number | undefined }
  /** By the target itself, where nothing listens on that port: it was reached. */
  | { readonly kind: "refused"; readonly by: string; readonly rttNs: number | undefined }
  /** Its hop limit ended at this router. */
  | { readonly kind: "expired"; readonly by: string; readonly rttNs: number | undefined }
  | { readonly kind: "too big"; readonly by: string; readonly mtu: number }
  | { readonly kind: "blocked" | "unreachable"; readonly by: string; readonly rttNs: number | undefined }
  /** Our own machine would not send it. */
  | { readonly kind: "unsent"; readonly errno: string };

export interface AskedProbe {
  /** Which of the source ports, from 0. */
  readonly port: number;
  readonly hopLimit: number;
  /** Size of the IP packet; the smallest unless given. */
  readonly ipBytes?: number;
}

export interface PathProbe extends Required<AskedProbe> {
  readonly number: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  sentNs: MonotonicNs;
  /** The kernel's transmit stamp; NaN without. */
  stampNs: number;
  fate: Fate;
}

export interface PathProbesOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly key: Uint8Array | undefined;
  /** Name of this node. */
  readonly source: string;
  readonly to: { readonly address: string; readonly port: number };
  readonly network: Network;
  readonly family: IpFamily;
  /** How many source ports. */
  readonly ports: number;
  readonly timeoutMs: number;
  /** With DF, and ignoring what the kernel has learnt of path MTU. */
  readonly dontFragment?: boolean;
  readonly maxIpBytes?: number;
}

const HEADERS_BYTES = { ipv4: 20 + 8, ipv6: 40 + 8 } as const;
const BATCH = 16;
/** Enough of a looped or quoted packet to tell whose it is. */
const QUOTE_BYTES = 512;
const LARGEST_IP_BYTES = 9_000;
/** A reply is small, and a few come at a time. */
const RECEIVE_BUFFER_BYTES = 256 * 1024;

export class PathProbes implements Disposable {
  /** Numbers of the source ports. */
  readonly sourcePorts: readonly number[];
  readonly #options: PathProbesOptions;
  readonly #format: StampFormat;
  readonly #watch: ClockWatch;
  readonly #flows: Flow[] = [];
  #number = 0;

  /** Throws KernelError when a socket cannot be opened. */
  constructor(options: PathProbesOptions) {
    const { kernel, clock, key, source, to } = options;
    this.#options = options;
    this.#format = new StampFormat({ baseSeconds: clock.baseSeconds, key });
    this.#watch = new ClockWatch(clock);
    const context: FlowContext = {
      ...options,
      format: this.#format,
      watch: this.#watch,
      address: kernel.socketAddress(to.address, to.port),
      incarnation: id64(randomBytes(8).toString("hex")),
      sourceHash: nodeHash(source),
      batches: exchangeBatches(kernel, {
        packets: BATCH,
        outgoingPackets: 1,
        packetBytes: LARGEST_IP_BYTES,
        // Room for more than a reply has: what is larger than it should be is seen.
        incomingBytes: this.#format.minBytes + 64,
        errorBytes: QUOTE_BYTES,
      }),
    };
    try {
      for (let port = 0; port < options.ports; port++) this.#flows.push(new Flow(context));
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
    this.sourcePorts = this.#flows.map((flow) => flow.sourcePort);
  }

  /** Of an IP packet. */
  get smallestBytes(): number {
    return this.#format.minBytes + HEADERS_BYTES[this.#options.family];
  }

  /** It leaves at once, or is `unsent`. */
  send({ port, hopLimit, ipBytes = this.smallestBytes }: AskedProbe): PathProbe {
    const probe: PathProbe = {
      port,
      hopLimit,
      ipBytes,
      number: this.#number++,
      nonceHigh: randomU32(),
      nonceLow: randomU32(),
      sentNs: Number.NaN,
      stampNs: Number.NaN,
      fate: { kind: "outstanding" },
    };
    this.#flows[port]!.send(probe);
    return probe;
  }

  /** Take what has come, then give up what is overdue. */
  tick(): void {
    for (const flow of this.#flows) flow.tick(this.#options.timeoutMs * 1e6);
  }

  [Symbol.dispose](): void {
    for (const flow of this.#flows) flow[Symbol.dispose]();
    this.#flows.length = 0;
  }
}

interface FlowContext extends PathProbesOptions {
  readonly format: StampFormat;
  readonly watch: ClockWatch;
  readonly address: SocketAddress;
  readonly incarnation: Id64;
  readonly sourceHash: Id64;
  readonly batches: ExchangeBatches;
}

/** All that has the same addresses and ports, and so the same way where routers choose one by these. */
class Flow implements Codec<PathProbe>, Disposable {
  readonly sourcePort: number;
  readonly #context: FlowContext;
  readonly #socket: ReturnType<Kernel["openUdp"]>;
  readonly #exchange: PacketExchange<PathProbe>;
  readonly #outstanding = new Map<number, PathProbe>();
  #hopLimit = 0;

  constructor(context: FlowContext) {
    const { kernel, family, dontFragment = false, batches, watch } = context;
    this.#context = context;
    this.#socket = kernel.openUdp({ family, port: 0, dontFragment, receiveBufferBytes: RECEIVE_BUFFER_BYTES });
    this.#exchange = new PacketExchange({ kernel, socket: this.#socket, batches, watch, codec: this });
    this.sourcePort = this.#socket.port;
  }

  send(probe: PathProbe): void {
    if (probe.hopLimit !== this.#hopLimit) this.#socket.setHopLimit(probe.hopLimit);
    this.#hopLimit = probe.hopLimit;
    this.#outstanding.set(probe.number, probe);
    this.#exchange.send([probe]);
  }

  tick(timeoutNs: number): void {
    if (this.#outstanding.size === 0) return;
    this.#exchange.drain();
    const nowNs = this.#context.watch.check();
    for (const probe of this.#outstanding.values())
      if (nowNs - probe.sentNs > timeoutNs) this.#decide(probe, { kind: "lost" });
  }

  prepare(probe: PathProbe, batch: PacketBatch, i: number): void {
    const { format, family, network, clock, incarnation, sourceHash, address } = this.#context;
    const bytes = probe.ipBytes - HEADERS_BYTES[family];
    format.encodeRequest(batch.room(i).subarray(0, bytes), {
      sequence: probe.number,
      port: 0,
      slot: probe.port,
      number: probe.number,
      nonceHigh: probe.nonceHigh,
      nonceLow: probe.nonceLow,
      network,
      family,
      smallReply: true,
      onDemand: true,
      sentNs: clock.realtimeNs(),
      incarnation,
      source: sourceHash,
    });
    batch.prepare(i, bytes, address);
  }

  sending(probe: PathProbe, nowNs: MonotonicNs): void {
    probe.sentNs = nowNs;
  }

  unsent(probe: PathProbe, errno: string): void {
    this.#decide(probe, { kind: "unsent", errno });
  }

  stamp(frame: Uint8Array, stampNs: number): void {
    const probe = this.#match(frame.subarray(Math.max(0, frame.length - this.#context.format.minBytes)));
    // The first stamp is ours; devices below may add theirs.
    if (probe && Number.isNaN(probe.stampNs)) probe.stampNs = stampNs;
  }

  reply(batch: PacketBatch, i: number): (() => void) | undefined {
    const { format, address } = this.#context;
    const bytes = batch.bytes(i);
    const decoded = format.decodeReply(bytes);
    if (decoded.kind === "fault" || !batch.isFrom(i, address)) return undefined;
    const probe = this.#match(bytes);
    if (!probe) return undefined;
    const receivedNs = batch.stampNs(i);
    return () => this.#answered(probe, decoded.value, receivedNs);
  }

  icmpError(batch: PacketBatch, i: number): void {
    const { family, address } = this.#context;
    if (!batch.isFrom(i, address)) return;
    const { type, code, info } = batch.icmp(i);
    const probe = this.#quoted(batch.bytes(i), isExpired(family, type));
    if (!probe) return;
    const by = batch.offender(i) ?? "?";
    if (isTooBig(family, type, code)) return this.#decide(probe, { kind: "too big", by, mtu: info });
    const rttNs = this.#rttNs(probe, batch.stampNs(i));
    if (isExpired(family, type)) return this.#decide(probe, { kind: "expired", by, rttNs });
    const verdict = icmpEvent(family, { type, code, fromTarget: batch.isErrorOf(i, address) });
    if (verdict.kind !== "outcome") return;
    const { outcome } = verdict;
    if (outcome.kind === "refused") this.#decide(probe, { kind: "refused", by, rttNs });
    else if (outcome.kind === "failed")
      this.#decide(probe, { kind: outcome.reason === "blocked" ? "blocked" : "unreachable", by, rttNs });
  }

  localError(batch: PacketBatch, i: number): void {
    const probe = this.#match(batch.bytes(i));
    if (probe && batch.isFrom(i, this.#context.address)) this.unsent(probe, batch.errno(i));
  }

  [Symbol.dispose](): void {
    this.#exchange[Symbol.dispose]();
  }

  #answered(probe: PathProbe, { residenceNs, ttlThere }: StampReply, receivedNs: number): void {
    const wholeNs = this.#rttNs(probe, receivedNs);
    const rttNs = wholeNs && Math.max(0, wholeNs - (Number.isNaN(residenceNs) ? 0 : residenceNs));
    this.#decide(probe, { kind: "answered", rttNs, hopLimitThere: ttlThere });
  }

  #rttNs({ sentNs, stampNs }: PathProbe, receivedNs: number): number | undefined {
    return elapsed(this.#context.watch, { sentNs, stampNs, receivedNs })?.ns;
  }

  #decide(probe: PathProbe, fate: Fate): void {
    if (probe.fate.kind !== "outstanding") return;
    probe.fate = fate;
    this.#outstanding.delete(probe.number);
  }

  #match(bytes: Uint8Array): PathProbe | undefined {
    const claim = this.#context.format.peek(bytes);
    const probe = claim && this.#outstanding.get(claim.number);
    return probe && probe.nonceHigh === claim.nonceHigh && probe.nonceLow === claim.nonceLow ? probe : undefined;
  }

  /**
   * Whose packet a router speaks of. Many routers quote 8 bytes only (RFC 792), which the kernel does not hand on: then
   * it is the newest that can be meant, as those before it were answered, or are lost.
   */
  #quoted(quote: Uint8Array, isExpired: boolean): PathProbe | undefined {
    if (this.#context.format.peek(quote)) return this.#match(quote);
    return [...this.#outstanding.values()].findLast(({ hopLimit }) => !isExpired || hopLimit < WHOLE_WAY);
  }
}

/** RFC 792, RFC 4443 §3.3. */
const isExpired = (family: IpFamily, type: number) => type === (family === "ipv4" ? 11 : 3);
/** RFC 1191, RFC 4443 §3.2. */
const isTooBig = (family: IpFamily, type: number, code: number) =>
  family === "ipv4" ? type === 3 && code === 4 : type === 2;
