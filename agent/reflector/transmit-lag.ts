// How long after the clock was read a reply really leaves: learnt from the kernel's stamps of replies already sent,
// so that the transmit time written into the next one is right. A median, followed in small steps: a reply that was
// held up says nothing of the usual one.

/** Two to four microseconds on the machines measured, through checksum, system call and driver. */
const FIRST_GUESS_NS = 2_500;
const LARGEST_STEP_NS = 100;

export class TransmitLag {
  #ns = FIRST_GUESS_NS;

  get ns(): number {
    return this.#ns;
  }

  /** A reply left this much later than was written into it with the lag as it was then. */
  learn(lateNs: number): void {
    this.#ns = Math.max(0, this.#ns + Math.max(-LARGEST_STEP_NS, Math.min(LARGEST_STEP_NS, lateNs / 4)));
  }
}
