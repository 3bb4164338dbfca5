// The pods behind cluster DNS, by a name that lists them all (a headless Service): which of them this node asks. While
// DNS does not answer, the last known stay; only what it says for certain is forgotten.
import type { Clock } from "../base/clock.ts";
import { findAddresses, type LookUp } from "./service-addresses.ts";

export interface DnsPodsOptions {
  readonly clock: Pick<Clock, "monotonicNs">;
  readonly host: string;
  /** In [0, 1), of a name: the pods that rank first by it are asked, so that all nodes together ask all pods. */
  readonly rank: (address: string) => number;
  readonly changed: (addresses: readonly string[]) => void;
  /** Why none is known, or why older ones stay, in words; undefined when all is well. */
  readonly looked: (trouble: string | undefined) => void;
  readonly lookUp?: LookUp;
}

/** A thousand nodes that each ask a hundred pods would be a load of its own. */
export const MOST_PODS = 8;
const EVERY_MS = 30_000;
/** As long as cluster DNS lets its answers be kept. */
const AT_MOST_EVERY_MS = 5_000;
const NS_PER_MS = 1e6;

export class DnsPods {
  readonly #options: DnsPodsOptions;
  #known: readonly string[] = [];
  #trouble: string | undefined;
  #lookedAtNs = -Infinity;
  #isWanted = true;
  #isLookingUp = false;

  constructor(options: DnsPodsOptions) {
    this.#options = options;
  }

  tick(): void {
    const ageMs = (this.#options.clock.monotonicNs() - this.#lookedAtNs) / NS_PER_MS;
    const isDue = ageMs >= EVERY_MS || (this.#isWanted && ageMs >= AT_MOST_EVERY_MS);
    if (isDue && !this.#isLookingUp) void this.#lookUp();
  }

  /** One of them has failed: it may be gone. */
  doubted(): void {
    this.#isWanted = true;
  }

  async #lookUp(): Promise<void> {
    const { clock, host, rank, changed, looked, lookUp } = this.#options;
    this.#isLookingUp = true;
    this.#lookedAtNs = clock.monotonicNs();
    this.#isWanted = false;
    const { usable, isCertain, trouble } = await findAddresses([host], lookUp);
    this.#isLookingUp = false;
    const wanted = [...new Set(usable)].toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).slice(0, MOST_PODS);
    if (isCertain) {
      const isSame = wanted.length === this.#known.length && wanted.every((address) => this.#known.includes(address));
      this.#known = wanted;
      if (!isSame) changed(wanted);
    }
    this.#isWanted ||= trouble !== undefined;
    if (trouble !== this.#trouble) looked(trouble);
    this.#trouble = trouble;
  }
}
