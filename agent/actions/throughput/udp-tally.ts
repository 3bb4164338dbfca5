// What came of one UDP stream: once each, out of order, twice; and how unevenly. Pure.

/** Packets that come later than so many others are taken for duplicates of what nobody remembers. */
const REMEMBERED = 8_192;
/** RFC 3550 §6.4.1. */
const JITTER_GAIN = 1 / 16;

export class UdpTally {
  packets = 0;
  duplicates = 0;
  reordered = 0;
  jitterNs = 0;
  /** How many the sender says that there were. */
  announced: number | undefined;
  #highest = -1;
  #transitNs: number | undefined;
  /** By number modulo its length: the number + 1. */
  readonly #seen = new Uint32Array(REMEMBERED);

  /** Both times by their own clocks: only differences count. */
  came(sequence: number, sentNs: number, receivedNs: number): void {
    const place = sequence % REMEMBERED;
    if (sequence <= this.#highest - REMEMBERED || this.#seen[place] === sequence + 1) {
      this.duplicates++;
      return;
    }
    this.#seen[place] = sequence + 1;
    this.packets++;
    if (sequence < this.#highest) this.reordered++;
    else this.#highest = sequence;
    const transitNs = receivedNs - sentNs;
    if (this.#transitNs !== undefined)
      this.jitterNs += (Math.abs(transitNs - this.#transitNs) - this.jitterNs) * JITTER_GAIN;
    this.#transitNs = transitNs;
  }
}
