// The ICMP probes of one socket, outstanding and ended, by sequence number. Ended ones are remembered to tell late and
// duplicate replies. Plain arrays: at full speed 20,000 are sent in a second.
import type { SocketAddress } from "../kernel/kernel.ts";
import type { Slot } from "../model/slot.ts";
import type { Echo } from "../wire/icmp.ts";
import { randomU32 } from "./nonces.ts";

/** 20,000 a second for more than a second. */
const PLACES = 32_768;
export const FREE = 0,
  OUTSTANDING = 1,
  ANSWERED = 2,
  FAILED_OR_REFUSED = 3;

/** A place in the ring stands for a probe. */
export type Place = number;

export class EchoRing {
  readonly state = new Uint8Array(PLACES);
  readonly slots: (Slot | undefined)[] = Array.from({ length: PLACES });
  readonly to: (SocketAddress | undefined)[] = Array.from({ length: PLACES });
  /** Monotonic time of the send call. */
  readonly sentNs = new Float64Array(PLACES);
  /** The kernel's transmit stamp, NaN until it comes. */
  readonly stampNs = new Float64Array(PLACES);
  outstanding = 0;
  readonly #identifier: number;
  readonly #sequence = new Uint16Array(PLACES);
  readonly #nonceHigh = new Uint32Array(PLACES);
  readonly #nonceLow = new Uint32Array(PLACES);
  /** Counts all probes; the low 16 bits are the sequence number. */
  #next = 0;
  /** All before this one have ended. */
  #oldest = 0;

  constructor(identifier: number) {
    this.#identifier = identifier;
  }

  /** A new probe, or undefined while the one a whole ring ago is outstanding. */
  begin(slot: Slot, to: SocketAddress): Place | undefined {
    const place = this.#next % PLACES;
    if (this.state[place] === OUTSTANDING) return undefined;
    this.#sequence[place] = this.#next++ & 0xffff;
    this.#nonceHigh[place] = randomU32();
    this.#nonceLow[place] = randomU32();
    this.slots[place] = slot;
    this.to[place] = to;
    this.stampNs[place] = NaN;
    this.state[place] = OUTSTANDING;
    this.outstanding++;
    return place;
  }

  /** Whose packet would carry this sequence number, if any (−1 is none). */
  at(sequence: number): Place | undefined {
    const place = sequence % PLACES;
    return place >= 0 && this.state[place] !== FREE ? place : undefined;
  }

  echo(place: Place): Echo {
    return {
      identifier: this.#identifier,
      sequence: this.#sequence[place]!,
      nonceHigh: this.#nonceHigh[place]!,
      nonceLow: this.#nonceLow[place]!,
    };
  }

  /** The oldest outstanding one, when it was sent before this moment. */
  oldestBefore(sentNs: number): Place | undefined {
    while (this.#oldest < this.#next && this.state[this.#oldest % PLACES] !== OUTSTANDING) this.#oldest++;
    const place = this.#oldest % PLACES;
    return this.#oldest < this.#next && this.sentNs[place]! < sentNs ? place : undefined;
  }

  end(place: Place, state: typeof ANSWERED | typeof FAILED_OR_REFUSED): void {
    this.state[place] = state;
    this.outstanding--;
  }

  forget(place: Place): void {
    if (this.state[place] === OUTSTANDING) this.outstanding--;
    this.state[place] = FREE;
    this.slots[place] = undefined;
    this.to[place] = undefined;
  }

  /** What is outstanding of this slot is nobody's any more. */
  forgetAllOf(slot: Slot): void {
    for (let i = this.#oldest; i < this.#next; i++) if (this.slots[i % PLACES] === slot) this.forget(i % PLACES);
  }
}
