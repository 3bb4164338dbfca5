// Which size to try next, from what is known so far. Pure. Sizes are bytes of IP packet.

/** How the trial of one size ended. `told`: a router said what fits, as it should. */
export type TrialResult =
  { readonly kind: "passes" | "fails" | "unclear" } | { readonly kind: "told"; readonly mtu: number };

export type SearchStep =
  | { readonly kind: "try"; readonly size: number }
  | { readonly kind: "found"; readonly passesBytes: number; readonly shortfallBytes: number }
  /** Nothing can be said: the small packets were lost too, or the answers contradict each other. */
  | { readonly kind: "unclear" };

/**
 * Trials in which the smallest size that fails must have failed. Where half of all packets are lost, one trial in 64 has
 * three large ones lost and three small ones answered; three of them agree in one verification of 250,000.
 */
const FAILS_SEEN = 3;
/** Routers may point to each other's MTU; a sane path is settled after a few. */
const MAX_REDIRECTS = 8;

/** One verification: first the believed size, then (only if that fails) a search below it. */
export class PathMtuSearch {
  #believed: number;
  /** Largest size known to pass, smallest known to fail. */
  #passes: number;
  #fails: number;
  /** In so many trials. */
  #failed = 0;
  readonly #floor: number;
  /** What passed last time: tried first, and one more. */
  readonly #hint: number | undefined;
  #trying: number;
  #redirects = 0;

  /** `floor` passes, by the small packets that accompany every trial. */
  constructor(options: { readonly believed: number; readonly floor: number; readonly hint: number | undefined }) {
    this.#believed = Math.max(options.believed, options.floor);
    this.#floor = options.floor;
    this.#passes = options.floor;
    this.#fails = this.#believed + 1;
    this.#hint = options.hint;
    this.#trying = this.#believed;
  }

  get first(): number {
    return this.#trying;
  }

  next(result: TrialResult): SearchStep {
    switch (result.kind) {
      case "unclear":
        return { kind: "unclear" };
      case "told":
        return this.#redirect(result.mtu);
      case "passes":
        this.#passes = Math.max(this.#passes, this.#trying);
        // What seemed too large was lost by chance.
        if (this.#passes >= this.#fails) this.#failsAbove(this.#believed);
        break;
      case "fails":
        this.#failed = this.#trying === this.#fails ? this.#failed + 1 : 1;
        this.#fails = this.#trying;
        break;
    }
    if (this.#fails - this.#passes > 1) return this.#try(this.#nextSize());
    // What is as it was last time is no news.
    const isKnown = this.#fails > this.#believed || this.#passes === this.#hint;
    if (!isKnown && this.#failed < FAILS_SEEN) return this.#try(this.#fails);
    return { kind: "found", passesBytes: this.#passes, shortfallBytes: this.#believed - this.#passes };
  }

  /** Nothing is known to fail up to the size that is believed in. */
  #failsAbove(believed: number): void {
    this.#fails = believed + 1;
    this.#failed = 0;
  }

  #nextSize(): number {
    const hint = this.#hint;
    if (hint !== undefined && hint > this.#passes && hint < this.#fails) return hint;
    if (hint === this.#passes) return hint + 1;
    return Math.floor((this.#passes + this.#fails) / 2);
  }

  /** Working discovery: what the router says is what is believed from now on. */
  #redirect(mtu: number): SearchStep {
    if (mtu >= this.#trying || ++this.#redirects > MAX_REDIRECTS) return { kind: "unclear" };
    this.#believed = Math.max(mtu, this.#floor);
    this.#failsAbove(this.#believed);
    this.#passes = Math.min(this.#passes, this.#believed);
    return this.#try(this.#believed);
  }

  #try(size: number): SearchStep {
    this.#trying = size;
    return { kind: "try", size };
  }
}
