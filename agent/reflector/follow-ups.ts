// When the reflector's replies really left: a reply that has been sent waits here for the kernel's transmit stamp, which
// the next reply of the same sender then carries. Matched by the looped frame's own content, never by counting.
import type { FollowUp, StampRequest } from "../wire/stamp.ts";
import type { Life } from "./session-senders.ts";

/** More than a drain answers; a device that stamps nothing must not fill the memory. */
const MAX_WAITING = 4_096;

export type ReplyName = Pick<StampRequest, "number" | "nonceHigh" | "nonceLow">;

export interface SentReply extends ReplyName {
  readonly life: Life;
  /** The clock's reading before it was sent, and the transmit time that it carries: the two differ by the guessed lag. */
  readonly readNs: number;
  readonly transmitNs: number;
}

export class FollowUps {
  /** By the sender's nonce, oldest first. */
  readonly #waiting = new Map<number, SentReply>();

  /** `isDuplicate`: the sender may have taken either of two replies for its answer, so nothing exact can be said. */
  sent(reply: SentReply, isDuplicate: boolean): void {
    const { life, number } = reply;
    life.followUp = undefined;
    life.latest = isDuplicate ? undefined : number;
    if (isDuplicate) return;
    this.#waiting.set(key(reply), reply);
    if (this.#waiting.size > MAX_WAITING) this.#waiting.delete(this.#waiting.keys().next().value!);
  }

  /** A reply left at this time by the kernel. Returns how long after the clock was read; undefined when it is not one that waits. */
  left(name: ReplyName, stampNs: number): number | undefined {
    const reply = this.#waiting.get(key(name));
    if (reply?.number !== name.number || reply.nonceLow !== name.nonceLow) return undefined;
    // The first stamp is ours; devices below (a bridge, an overlay) may add theirs for the same packet.
    this.#waiting.delete(key(name));
    const lagNs = stampNs - reply.readNs;
    // It cannot have left before the clock was read, nor is it held for a second: then a clock stepped in between.
    if (!(lagNs >= 0 && lagNs < 1e9)) return undefined;
    const followUp: FollowUp = { number: reply.number, correctionNs: stampNs - reply.transmitNs };
    if (reply.life.latest === reply.number) reply.life.followUp = followUp;
    return lagNs;
  }

  /** The clock stepped: no difference of times on both sides of it is true. */
  forget(): void {
    this.#waiting.clear();
  }
}

/** 53 of the 64 random bits. */
const key = ({ nonceHigh, nonceLow }: ReplyName): number => nonceHigh * 2 ** 21 + (nonceLow >>> 11);
