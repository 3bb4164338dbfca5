// The claims that this agent's runs hold in the mesh: asked for before a run begins, renewed while it lasts, given back
// when it ends. Who the keepers are is looked up each time, so those that came or started meanwhile learn of the run.
import type { Node } from "../model/peer.ts";
import {
  keepersOf,
  LEASE_SECONDS,
  majorityOf,
  whyNotGranted,
  type Claim,
  type Vote,
  type Votes,
  type WhyNot,
} from "./claims.ts";

export interface LeasesOptions {
  /** The agent that claims. */
  readonly self: Node;
  /** All other members, serving or not: a keeper that cannot be asked must not be replaced by one that knows nothing. */
  readonly others: () => readonly Node[];
  /** Undefined: it cannot be asked. Never rejects. */
  readonly ask: (keeper: string, claim: Claim, token: string) => Promise<Vote | undefined>;
}

export interface Wanted {
  readonly action: string;
  readonly run: string;
  readonly limit: number;
  /** It runs only by the word of most keepers, and no longer than it has that. */
  readonly mustBeGranted: boolean;
  readonly token: string;
  /** Fires when whoever asked is gone. */
  readonly signal: AbortSignal;
}

export interface Lease extends Disposable {
  /** Fires when another run may begin, since most keepers could not be told of this one any more. */
  readonly lost: AbortSignal;
}

/** Several times within a lease: a lost packet, or a busy machine, must not end a run. */
const RENEW_MS = 2_000;
const ASK_AGAIN_MS = 1_000;

export class Leases {
  readonly #options: LeasesOptions;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Waits for keepers that have just started, for no longer than they abstain. */
  async claim(wanted: Wanted): Promise<{ readonly lease: Lease } | { readonly why: WhyNot; readonly votes: Votes }> {
    const startMs = performance.now();
    for (;;) {
      const askedMs = performance.now();
      const votes = await this.#vote(wanted, { seconds: LEASE_SECONDS });
      const why = whyNotGranted(votes, wanted.mustBeGranted);
      if (why === undefined) return { lease: this.#held(wanted, askedMs) };
      const isOver = wanted.signal.aborted || performance.now() > startMs + LEASE_SECONDS * 1_000;
      if (why.kind !== "abstained" || isOver) {
        void this.#vote(wanted, { seconds: 0 });
        return { why, votes };
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  #held(wanted: Wanted, askedMs: number): Lease {
    const lost = new AbortController();
    let untilMs = askedMs + LEASE_SECONDS * 1_000;
    let isOver = false;
    let renewing: Promise<void> = Promise.resolve();
    const renew = async (): Promise<void> => {
      const nowMs = performance.now();
      const votes = await this.#vote(wanted, { seconds: LEASE_SECONDS, renews: true });
      if (votes.granted >= majorityOf(votes)) untilMs = nowMs + LEASE_SECONDS * 1_000;
      else if (votes.refused >= majorityOf(votes)) untilMs = nowMs;
    };
    let renewedMs = askedMs;
    const timer = setInterval(() => {
      const nowMs = performance.now();
      if (wanted.mustBeGranted && nowMs >= untilMs) lost.abort();
      if (nowMs < renewedMs + RENEW_MS || isOver) return;
      renewedMs = nowMs;
      renewing = Promise.all([renewing, renew()]).then(() => {});
    }, RENEW_MS / 10);
    return {
      lost: lost.signal,
      [Symbol.dispose]: () => {
        isOver = true;
        clearInterval(timer);
        // A renewal that is under way must not come after.
        void renewing.then(() => this.#vote(wanted, { seconds: 0 }));
      },
    };
  }

  async #vote(
    { action, run, limit, token }: Wanted,
    terms: { readonly seconds: number; readonly renews?: true },
  ): Promise<Votes> {
    const { self, others, ask } = this.#options;
    const keepers = keepersOf([self, ...others()]);
    const claim: Claim = { action, run, holder: self.name, limit, ...terms };
    const votes = await Promise.all(keepers.map(({ name }) => ask(name, claim, token)));
    const count = (vote: Vote["vote"]) => votes.filter((one) => one?.vote === vote).length;
    const no = votes.find((one) => one?.vote === "no");
    return {
      asked: keepers.length,
      granted: count("yes"),
      refused: count("no"),
      abstained: count("abstains"),
      holder: no?.holder,
    };
  }
}
