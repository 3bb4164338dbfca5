// A rate limit: so many at once, so many a second.

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledNs: number;

  constructor(options: { readonly perSecond: number; readonly burst: number; readonly nowNs: number }) {
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#filledNs = options.nowNs;
  }

  /** Take one token; false when there is none. `nowNs` is monotonic. */
  take(nowNs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowNs - this.#filledNs) / 1e9) * this.#perSecond);
    this.#filledNs = nowNs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
