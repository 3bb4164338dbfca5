// The answering end of UDP probes: a stateful STAMP session-reflector (RFC 8762 §4.3). It says when a packet came
// (the kernel's stamp) and when its answer left, so that the sender can take its residence out, and which of the
// sender's newest packets arrived, so that the sender knows which way the others died.
import type { Clock } from "../base/clock.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import { cannotListen } from "../base/listen.ts";
import { drainQueue } from "../kernel/drain.ts";
import { KernelError, type Kernel, type PacketBatch, type PacketSocket, type SocketAddress } from "../kernel/kernel.ts";
import type { IpFamily, Node } from "../model/peer.ts";
import { REFLECTOR_RESULTS, type ReflectorResult, type UdpReceived } from "../model/snapshot.ts";
import { arrivalsHex, firstArrival } from "../wire/arrivals.ts";
import { id64, StampFormat, type Fault, type Id64, type ReceivedRequest } from "../wire/stamp.ts";
import { FollowUps } from "./follow-ups.ts";
import { Sources, type Life } from "./sources.ts";
import { TokenBucket } from "./token-bucket.ts";
import { TransmitLag } from "./transmit-lag.ts";

/** Why a packet got no answer. */
export type Unanswered = Exclude<ReflectorResult, "answered" | "duplicate">;

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

/** What came, since it was opened. */
export interface ReflectorCounts {
  /** Duplicates included. */
  readonly answered: number;
  /** Test packets whose number had come before. Answered, but not counted as received again. */
  readonly duplicates: number;
  /** Strangers' packets above the limit; not answered. */
  readonly limited: number;
  /** Answers the kernel would not send. */
  readonly unsent: number;
  /** Not ours, or damaged; not answered. `truncated`: larger than `maxPacketBytes`. */
  readonly faults: Readonly<Partial<Record<Fault | "truncated", number>>>;
}

/** The same, each packet under one result. */
export function packetsByResult(counts: ReflectorCounts): Record<ReflectorResult, number> {
  const { answered, duplicates, limited, unsent, faults } = counts;
  const none = Object.fromEntries(REFLECTOR_RESULTS.map((result) => [result, 0])) as Record<ReflectorResult, number>;
  return { ...none, ...faults, answered: Math.max(0, answered - duplicates), duplicate: duplicates, limited, unsent };
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
/** Answering takes longer than reading: the rest of a flood waits in the receive buffer for the next tick. */
const MAX_BATCHES_ANSWERED = 32;
/** Link, IP and UDP headers in front of a looped frame. */
const FRAME_HEADERS_BYTES = 128;
const STRANGERS_PER_SECOND = 100;
const STRANGERS_BURST = 200;
/** How long an address that was found to be a peer's is taken to be one without asking again. */
const TRUST_NS = 10e9;
/** Longer than any pause of a process that still answers something useful; beyond it a clock was set. */
const MAX_RESIDENCE_NS = 60e9;
const TTL_UNKNOWN = 255;

/** Where the packets of a batch came from, as of its reading. */
interface Queue {
  readonly socket: PacketSocket;
  readonly drops: number;
  readonly stepped: boolean;
}

class StatefulReflector implements UdpReflector {
  readonly #clock: Clock;
  readonly #format: StampFormat;
  readonly #incarnation: Id64;
  readonly #isFrom: UdpReflectorOptions["isFrom"];
  readonly #nodeOf: UdpReflectorOptions["nodeOf"];
  readonly #sockets: PacketSocket[] = [];
  readonly #sources = new Sources();
  readonly #strangers: TokenBucket;
  readonly #incoming: PacketBatch;
  readonly #outgoing: PacketBatch;
  readonly #errors: PacketBatch;
  readonly #lag = new TransmitLag();
  readonly #watch: ClockWatch;
  readonly #tell: UdpReflectorOptions["unanswered"];
  #answered = 0;
  #duplicates = 0;
  readonly #unanswered: Record<Unanswered, number> = {
    limited: 0,
    key: 0,
    checksum: 0,
    version: 0,
    short: 0,
    foreign: 0,
    truncated: 0,
    unsent: 0,
  };
  readonly #followUps = new FollowUps();
  /** Something was sent on the socket that is being drained. */
  #sent = false;
  /** Size of the last reply to a probe. */
  #replyBytes = 0;
  #closed = false;

  constructor(options: UdpReflectorOptions) {
    const { kernel, clock, maxPacketBytes } = options;
    this.#clock = clock;
    this.#watch = new ClockWatch(clock);
    this.#format = new StampFormat({ baseSeconds: clock.baseSeconds, key: options.key });
    this.#incarnation = id64(options.incarnation);
    this.#isFrom = options.isFrom;
    this.#nodeOf = options.nodeOf;
    this.#tell = options.unanswered;
    this.#strangers = new TokenBucket({
      perSecond: STRANGERS_PER_SECOND,
      burst: STRANGERS_BURST,
      nowNs: clock.monotonicNs(),
    });
    this.#incoming = kernel.createBatch(BATCH, maxPacketBytes);
    this.#outgoing = kernel.createBatch(1, maxPacketBytes);
    this.#errors = kernel.createBatch(16, maxPacketBytes + FRAME_HEADERS_BYTES);
    try {
      for (const { family, address } of options.listen) {
        this.#sockets.push(openSocket(kernel, { family, port: options.port, address }));
      }
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
    const steps = this.#watch.steps;
    this.#watch.look();
    const stepped = this.#watch.steps !== steps;
    if (stepped) this.#followUps.forget();
    let came = 0;
    for (const socket of this.#sockets) {
      this.#sent = false;
      let drops = 0;
      came += drainQueue(
        this.#incoming,
        (batch) => socket.receive(batch),
        (_, i) => {
          if (i === 0) drops = socket.drops();
          this.#request(i, { socket, drops, stepped });
        },
        MAX_BATCHES_ANSWERED,
      );
      // Nothing is in the error queue of a socket that sent nothing.
      if (this.#sent) this.#drainErrors(socket);
    }
    return came;
  }

  received(): readonly UdpReceived[] {
    return [...this.#sources.all()].flatMap(({ hash, network, family, received, lives }) => {
      const source = this.#nodeOf(hash);
      if (source === undefined) return [];
      const { incarnation, arrivals } = lives[0]!;
      return [
        { source, network, family, received, incarnation, highest: arrivals.highest, bitmap: arrivalsHex(arrivals) },
      ];
    });
  }

  get counts(): ReflectorCounts {
    const { limited, unsent, ...faults } = this.#unanswered;
    const seen = Object.fromEntries(Object.entries(faults).filter(([, count]) => count > 0));
    return { answered: this.#answered, duplicates: this.#duplicates, limited, unsent, faults: seen };
  }

  socketDrops(): number {
    return this.#sockets.reduce((sum, socket) => sum + socket.drops(), 0);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#sockets) socket[Symbol.dispose]();
    this.#sockets.length = 0;
  }

  #request(i: number, from: Queue): void {
    const bytes = this.#incoming.bytes(i);
    if (this.#incoming.truncated(i)) return this.#refuse("truncated", i);
    const decoded = this.#format.decodeRequest(bytes);
    if (decoded.kind === "fault") return this.#refuse(decoded.fault, i);
    const request = decoded.value;
    const nowNs = this.#clock.monotonicNs();
    const isPeer = this.#isPeer(i, request, nowNs);
    if (!isPeer && !this.#strangers.take(nowNs)) return this.#refuse("limited", i);
    if (request.smallReply || !isPeer) return this.#answer(i, from, { bytes, request, life: undefined, first: false });
    const { source, life, first } = this.#sources.note(request);
    if (!first) this.#duplicates++;
    source.trusted ??= { address: anyPort(this.#incoming.copyAddress(i)), untilNs: nowNs + TRUST_NS };
    this.#answer(i, from, { bytes, request, life, first });
  }

  #refuse(why: Unanswered, i: number): void {
    if (this.#unanswered[why]++ === 0) this.#tell?.(why, this.#incoming.from(i).ip);
  }

  /** A peer's address is asked about once in a while, not for every packet. */
  #isPeer(i: number, request: ReceivedRequest, nowNs: number): boolean {
    const source = this.#sources.find(request);
    const trusted = source?.trusted;
    if (trusted && trusted.untilNs > nowNs && this.#incoming.isFrom(i, trusted.address)) return true;
    if (!this.#isFrom(request.source, this.#incoming.from(i).ip)) return false;
    if (source) source.trusted = undefined;
    return true;
  }

  #answer(
    i: number,
    from: Queue,
    packet: {
      readonly bytes: Uint8Array;
      readonly request: ReceivedRequest;
      readonly life: Life | undefined;
      readonly first: boolean;
    },
  ): void {
    const { socket } = from;
    const { request, life } = packet;
    const stampNs = this.#incoming.stampNs(i);
    const nowNs = this.#clock.realtimeNs();
    const receivedNs = Number.isNaN(stampNs) ? nowNs : stampNs;
    const sane = !from.stepped && nowNs >= receivedNs && nowNs - receivedNs < MAX_RESIDENCE_NS;
    const ttl = this.#incoming.ttl(i);
    const reply = this.#format.encodeReply(this.#outgoing.room(0), packet.bytes, {
      sequence: life && request.port < life.replies.length ? life.replies[request.port]!++ : 0,
      receivedNs,
      residenceClock: sane ? (Number.isNaN(stampNs) ? "user" : "kernel") : "unknown",
      ttl: ttl < 0 ? TTL_UNKNOWN : ttl,
      reflector: this.#incarnation,
      arrivals: life?.arrivals ?? firstArrival(request.number),
      drops: from.drops,
      followUp: life?.followUp,
    });
    if (life) this.#replyBytes = reply.bytes.length;
    this.#outgoing.prepareReply(0, reply.bytes.length, { received: this.#incoming, at: i });
    // Another's pending ICMP error may fail this send: then drain the errors and try once more.
    for (let tries = 0; tries < 2; tries++) {
      const readNs = this.#clock.realtimeNs();
      const transmitNs = readNs + this.#lag.ns;
      this.#format.sealReply(reply, transmitNs);
      this.#sent = true;
      if (socket.send(this.#outgoing, 0, 1) === 1) {
        this.#answered++;
        if (life) this.#followUps.sent({ ...request, life, readNs, transmitNs }, !packet.first);
        return;
      }
      this.#drainErrors(socket);
    }
    this.#refuse("unsent", i);
  }

  #drainErrors(socket: PacketSocket): void {
    drainQueue(
      this.#errors,
      (batch) => socket.receiveErrors(batch),
      (batch, i) => {
        if (batch.origin(i) !== "stamp") return;
        const frame = batch.bytes(i);
        const reply = frame.subarray(Math.max(0, frame.length - this.#replyBytes));
        // Replies of another size than the last one are passed over.
        const name = this.#format.peek(reply);
        const lagNs = name && this.#followUps.left(name, batch.stampNs(i));
        if (lagNs !== undefined) this.#lag.learn(lagNs);
      },
    );
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
