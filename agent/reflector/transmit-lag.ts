// How long after the clock was read a reply really leaves: learnt from the kernel's stamps of the newest replies, so
// that the transmit time written into the next one is right. The median: a reply that was held up says nothing of
// the usual one.

/** Through checksum, system call and driver, on the machines measured. */
const FIRST_GUESS_NS = 2_500;
const REMEMBERED = 15;

export class TransmitLag {
  readonly #newest: number[] = [];
  #next = 0;
  #ns = FIRST_GUESS_NS;

  get ns(): number {
    return this.#ns;
  }

  /** A reply left so long after the clock was read for it. */
  learn(lagNs: number): void {
    this.#newest[this.#next++ % REMEMBERED] = lagNs;
    const sorted = this.#newest.toSorted((a, b) => a - b);
    this.#ns = sorted[sorted.length >> 1]!;
  }
}
