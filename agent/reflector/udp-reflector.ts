// The answering end of UDP probes: a stateful STAMP session-reflector (RFC 8762 §4.3). It says when a packet came
// (the kernel's stamp) and when its answer left, so that the sender can take its residence out, and which of the
// sender's newest packets arrived, so that the sender knows which way the others died.
import type { Clock } from "../base/clock.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import { cannotListen } from "../base/listen.ts";
import { KernelError, type Kernel, type PacketBatch, type PacketSocket, type SocketAddress } from "../kernel/kernel.ts";
import type { IpFamily, Node } from "../model/peer.ts";
import type { UdpReceived } from "../model/snapshot.ts";
import { exchangeBatches } from "../probes/exchange.ts";
import { arrivalsHex } from "../wire/arrivals.ts";
import { id64, StampFormat, type ReceivedRequest } from "../wire/stamp.ts";
import { FollowUps } from "./follow-ups.ts";
import { SessionSenders } from "./session-senders.ts";
import { StampAnswers, type Admission, type AnswersContext } from "./stamp-answers.ts";
import { Tally, type ReflectorCounts, type Unanswered } from "./tally.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { TransmitLag } from "./transmit-lag.ts";

export { packetsByResult, type ReflectorCounts, type Unanswered } from "./tally.ts";

export interface UdpReflectorOptions {
  readonly kernel: Pick<Kernel, "createBatch" | "openUdp" | "errnoName">;
  readonly clock: Clock;
  readonly port: number;
  /** One socket each; no address binds to all of that family. */
  readonly listen: readonly { readonly family: IpFamily; readonly address?: string }[];
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  /** Largest UDP payload that is answered; larger ones are faults. */
  readonly maxPacketBytes: number;
  readonly key?: Uint8Array | undefined;
  /**
   * Is this address, in canonical spelling, one of the peer whose name has this hash (`nodeHashHex`)? Packets from others are answered within
   * a limit and counted nowhere: anybody can send them.
   */
  readonly isFrom: (hash: string, ip: string) => boolean;
  /** The peer whose name has this hash. */
  readonly nodeOf: (hash: string) => Node | undefined;
  /** The first packet that was not answered for this reason came from this address: for the log. */
  readonly unanswered?: (why: Unanswered, ip: string) => void;
}

export interface UdpReflector extends Disposable {
  /** Answer what has arrived, on every socket until it is dry (or a bound is reached). Returns how many packets came. */
  drain(): number;
  tick(): void;
  /** It waits for nothing. */
  readonly busy: false;
  /** Test packets by source slot, of sources that are peers: for the row and for `internode_udp_received_total`. */
  received(): readonly UdpReceived[];
  readonly counts: ReflectorCounts;
  /** Packets that the kernel dropped at these sockets. */
  socketDrops(): number;
}

/** Throws, with the cure, when the port cannot be opened (EADDRINUSE …). */
export function udpReflector(options: UdpReflectorOptions): UdpReflector {
  return new StatefulReflector(options);
}

const BATCH = 64;
const STRANGERS_PER_SECOND = 100;
const STRANGERS_BURST = 200;
/** How long an address that was found to be a peer's is taken to be one without asking again. */
const TRUST_NS = 10e9;

class StatefulReflector implements UdpReflector {
  readonly #options: UdpReflectorOptions;
  readonly #answers: StampAnswers[] = [];
  readonly #senders = new SessionSenders();
  /** Runs of actions: remembered, so that they learn direction and delay as the schedule does, and told to nobody. */
  readonly #onDemand = new SessionSenders({ eachLife: true });
  readonly #strangers: TokenBucket;
  readonly #followUps = new FollowUps();
  readonly #tally = new Tally();
  readonly #watch: ClockWatch;
  /** Of the clock, before the last drain. */
  #steps = 0;
  #closed = false;

  constructor(options: UdpReflectorOptions) {
    const { kernel, clock, maxPacketBytes } = options;
    this.#options = options;
    this.#watch = new ClockWatch(clock);
    this.#strangers = new TokenBucket({
      perSecond: STRANGERS_PER_SECOND,
      burst: STRANGERS_BURST,
      nowNs: clock.monotonicNs(),
    });
    const context: AnswersContext = {
      kernel,
      clock,
      watch: this.#watch,
      batches: exchangeBatches(kernel, {
        packets: BATCH,
        outgoingPackets: 1,
        packetBytes: maxPacketBytes,
        incomingBytes: maxPacketBytes,
      }),
      format: new StampFormat({ baseSeconds: clock.baseSeconds, key: options.key }),
      incarnation: id64(options.incarnation),
      followUps: this.#followUps,
      lag: new TransmitLag(),
      stepped: () => this.#watch.steps !== this.#steps,
      admit: (request, batch, i) => this.#admit(request, batch, i),
      answered: ({ onDemand }) => void (onDemand === true || this.#tally.answered++),
      unanswered: (why, batch, i) => this.#refuse(why, batch, i),
    };
    try {
      for (const { family, address } of options.listen)
        this.#answers.push(new StampAnswers(context, openSocket(kernel, { family, port: options.port, address })));
    } catch (err) {
      this[Symbol.dispose]();
      throw err;
    }
  }

  readonly busy = false;

  tick(): void {
    this.drain();
  }

  drain(): number {
    this.#watch.check();
    if (this.#watch.steps !== this.#steps) this.#followUps.forget();
    let came = 0;
    for (const answers of this.#answers) came += answers.drain();
    this.#steps = this.#watch.steps;
    return came;
  }

  received(): readonly UdpReceived[] {
    return [...this.#senders.all()].flatMap(({ hash, network, family, received, lives }) => {
      const source = this.#options.nodeOf(hash);
      if (source === undefined) return [];
      const { incarnation, arrivals } = lives[0]!;
      return [
        { source, network, family, received, incarnation, highest: arrivals.highest, bitmap: arrivalsHex(arrivals) },
      ];
    });
  }

  get counts(): ReflectorCounts {
    return this.#tally.counts;
  }

  socketDrops(): number {
    return this.#answers.reduce((sum, answers) => sum + answers.drops(), 0);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const answers of this.#answers) answers[Symbol.dispose]();
    this.#answers.length = 0;
  }

  #admit(request: ReceivedRequest, batch: PacketBatch, i: number): Admission | undefined {
    const nowNs = this.#options.clock.monotonicNs();
    const isPeer = this.#isPeer(request, batch, i, nowNs);
    if (!isPeer && !this.#strangers.take(nowNs)) {
      this.#refuse("limited", batch, i);
      return undefined;
    }
    if (request.smallReply || !isPeer) return { life: undefined, first: false };
    const { sender, life, first } = this.#sendersOf(request).note(request);
    if (!first && request.onDemand !== true) this.#tally.duplicates++;
    sender.trusted ??= { address: anyPort(batch.copyAddress(i)), untilNs: nowNs + TRUST_NS };
    return { life, first };
  }

  /** A peer's address is asked about once in a while, not for every packet. */
  #isPeer(request: ReceivedRequest, batch: PacketBatch, i: number, nowNs: number): boolean {
    const sender = this.#sendersOf(request).find(request);
    const trusted = sender?.trusted;
    if (trusted && trusted.untilNs > nowNs && batch.isFrom(i, trusted.address)) return true;
    if (!this.#options.isFrom(request.source, batch.from(i).ip)) return false;
    if (sender) sender.trusted = undefined;
    return true;
  }

  #sendersOf({ onDemand }: ReceivedRequest): SessionSenders {
    return onDemand === true ? this.#onDemand : this.#senders;
  }

  #refuse(why: Unanswered, batch: PacketBatch, i: number): void {
    if (this.#tally.unanswered(why)) this.#options.unanswered?.(why, batch.from(i).ip);
  }
}

function openSocket(
  kernel: Pick<Kernel, "openUdp">,
  { family, port, address }: { readonly family: IpFamily; readonly port: number; readonly address: string | undefined },
): PacketSocket {
  try {
    return kernel.openUdp({ family, port, ...(address === undefined ? {} : { address }) });
  } catch (err) {
    if (!(err instanceof KernelError)) throw err;
    throw cannotListen({ what: "UDP probes", port, address, option: "ports.probe" }, err.errno, err);
  }
}

function anyPort(address: SocketAddress): SocketAddress {
  address[2] = 0;
  address[3] = 0;
  return address;
}
