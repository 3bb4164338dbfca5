// How often a round trip took how long: the buckets of `internode_zone_rtt_seconds` and, in full detail, of a pair.

/** Upper bounds, nanoseconds: 25 µs (one rack) to 10 s, three a decade. */
export const RTT_BOUNDS_NS = [
  25e3, 50e3, 100e3, 250e3, 500e3, 1e6, 2.5e6, 5e6, 10e6, 25e6, 50e6, 100e6, 250e6, 500e6, 1e9, 2.5e9, 5e9, 10e9,
] as const;

/** Doubles, because all pairs of two zones together would outgrow 32 bits in months. */
export class RttHistogram {
  /** Per bound those at most that long and longer than the bound before; last, those beyond every bound. */
  readonly #counts = new Float64Array(RTT_BOUNDS_NS.length + 1);
  #sumNs = 0;

  observe(rttNs: number): void {
    let bucket = 0;
    while (bucket < RTT_BOUNDS_NS.length && rttNs > RTT_BOUNDS_NS[bucket]!) bucket++;
    this.#counts[bucket]! += 1;
    this.#sumNs += rttNs;
  }

  get sumNs(): number {
    return this.#sumNs;
  }

  /** As Prometheus wants it: per bound all that were at most that long, and at the end all. */
  cumulative(): Float64Array {
    const counts = this.#counts.slice();
    for (let i = 1; i < counts.length; i++) counts[i]! += counts[i - 1]!;
    return counts;
  }
}
