// The packets of one answering socket: STAMP requests come in, replies go out that say when the request came (the
// kernel's stamp) and when the reply leaves. When it really left is told by the next reply (follow-ups.ts).
import type { Clock } from "../base/clock.ts";
import type { ClockWatch } from "../base/clock-watch.ts";
import type { PacketBatch, PacketSocket } from "../kernel/kernel.ts";
import { PacketExchange, type Codec, type ExchangeOptions } from "../probes/exchange.ts";
import { firstArrival } from "../wire/arrivals.ts";
import {
  TTL_UNKNOWN,
  type Fault,
  type Id64,
  type ReceivedRequest,
  type StampFormat,
  type UnsealedReply,
} from "../wire/stamp.ts";
import type { FollowUps } from "./follow-ups.ts";
import type { Life } from "./session-senders.ts";
import type { TransmitLag } from "./transmit-lag.ts";

/** Answering takes longer than reading: the rest of a flood waits in the receive buffer for the next tick. */
const MAX_BATCHES_ANSWERED = 32;
/** Longer than any pause of a process that still answers something useful; beyond it a clock was set. */
const MAX_RESIDENCE_NS = 60e9;

/** Whose packet it is: a peer's test packet belongs to a life of that peer, any other is answered and not counted. */
export interface Admission {
  readonly life: Life | undefined;
  /** Its number came for the first time. */
  readonly first: boolean;
}

/** What the sockets of a reflector have in common. */
export interface AnswersContext extends Pick<ExchangeOptions<never>, "kernel" | "batches"> {
  readonly clock: Clock;
  readonly watch: ClockWatch;
  readonly format: StampFormat;
  readonly incarnation: Id64;
  readonly followUps: FollowUps;
  readonly lag: TransmitLag;
  /** The clock stepped since the last drain. */
  readonly stepped: () => boolean;
  /** Undefined: it is not to be answered, and has been counted. */
  readonly admit: (request: ReceivedRequest, batch: PacketBatch, i: number) => Admission | undefined;
  readonly answered: (request: ReceivedRequest) => void;
  readonly unanswered: (why: Fault | "truncated" | "unsent", batch: PacketBatch, i: number) => void;
}

interface Answer extends Admission {
  readonly request: ReceivedRequest;
  readonly batch: PacketBatch;
  /** Its place in the batch. */
  readonly at: number;
  reply: UnsealedReply | undefined;
  readNs: number;
  transmitNs: number;
}

export class StampAnswers implements Codec<Answer>, Disposable {
  readonly #context: AnswersContext;
  readonly #exchange: PacketExchange<Answer>;
  readonly #port: number;
  /** Something was sent since the error queue was read: nothing is in that of a socket that sent nothing. */
  #sent = false;
  /** Size of the last reply to a probe. */
  #replyBytes = 0;

  constructor(context: AnswersContext, socket: PacketSocket) {
    this.#context = context;
    this.#port = socket.port;
    this.#exchange = new PacketExchange({ ...context, socket, codec: this, maxBatches: MAX_BATCHES_ANSWERED });
  }

  /** Answer what has come. Returns how many packets that was. */
  drain(): number {
    const came = this.#exchange.drainReplies();
    if (this.#sent) {
      if (this.#context.stepped()) this.#context.followUps.forget();
      this.#exchange.drainErrors();
    }
    this.#sent = false;
    return came;
  }

  drops(): number {
    return this.#exchange.readDrops();
  }

  /** Somebody asks: what comes to this socket are requests. */
  reply(batch: PacketBatch, i: number): undefined {
    if (i === 0) this.#exchange.readDrops();
    this.#request(batch, i);
  }

  awaits(): boolean {
    return false;
  }

  prepare(answer: Answer, outgoing: PacketBatch, i: number): void {
    const { clock, format, incarnation, stepped } = this.#context;
    const { request, life, batch, at } = answer;
    const stampNs = batch.stampNs(at);
    const nowNs = clock.realtimeNs();
    const receivedNs = Number.isNaN(stampNs) ? nowNs : stampNs;
    const sane = !stepped() && nowNs >= receivedNs && nowNs - receivedNs < MAX_RESIDENCE_NS;
    const ttl = batch.ttl(at);
    const reply = format.encodeReply(outgoing.room(i), batch.bytes(at), {
      sequence: life && request.port < life.replies.length ? life.replies[request.port]!++ : 0,
      receivedNs,
      residenceClock: sane ? (Number.isNaN(stampNs) ? "user" : "kernel") : "unknown",
      ttl: ttl < 0 ? TTL_UNKNOWN : ttl,
      reflector: incarnation,
      arrivals: life?.arrivals ?? firstArrival(request.number),
      drops: this.#exchange.drops,
      followUp: life?.followUp,
      seen: { ...batch.source(at), destinationPort: this.#port },
    });
    if (life) this.#replyBytes = reply.bytes.length;
    outgoing.prepareReply(i, reply.bytes.length, { received: batch, at });
    answer.reply = reply;
  }

  /** The last thing before it leaves is to write when. */
  sending(answer: Answer): void {
    const { clock, format, lag } = this.#context;
    answer.readNs = clock.realtimeNs();
    answer.transmitNs = answer.readNs + lag.ns;
    format.sealReply(answer.reply!, answer.transmitNs);
    this.#sent = true;
  }

  unsent({ batch, at }: Answer): void {
    this.#context.unanswered("unsent", batch, at);
  }

  stamp(frame: Uint8Array, stampNs: number): void {
    const { format, followUps, lag } = this.#context;
    // Replies of another size than the last one are passed over.
    const name = format.peek(frame.subarray(Math.max(0, frame.length - this.#replyBytes)));
    const lagNs = name && followUps.left(name, stampNs);
    if (lagNs !== undefined) lag.learn(lagNs);
  }

  [Symbol.dispose](): void {
    this.#exchange[Symbol.dispose]();
  }

  #request(batch: PacketBatch, i: number): void {
    const { format, unanswered, admit, answered, followUps } = this.#context;
    if (batch.truncated(i)) return unanswered("truncated", batch, i);
    const decoded = format.decodeRequest(batch.bytes(i));
    if (decoded.kind === "fault") return unanswered(decoded.fault, batch, i);
    const request = decoded.value;
    const admission = admit(request, batch, i);
    if (!admission) return;
    const answer: Answer = { ...admission, request, batch, at: i, reply: undefined, readNs: 0, transmitNs: 0 };
    if (this.#exchange.send([answer]) === 0) return;
    answered(request);
    const { life, first, readNs, transmitNs } = answer;
    if (life) followUps.sent({ ...request, life, readNs, transmitNs }, !first);
  }
}
