// How many runs of an action there are in the mesh: whoever wants to start one asks the keepers, a few agents that all
// agents choose alike. More than half of them say yes to one run at most where one is the limit, so two runs never have
// the word of a majority at the same time. A claim is a lease: its holder renews it while the run lasts (leases.ts), and
// one that is not renewed ends. So a keeper that has just started knows all claims as soon as one lease has passed; until
// then it abstains.
import { createHash } from "node:crypto";
import * as z from "zod";
import type { Node } from "../model/peer.ts";

export const KEEPERS = 5;
/** Of a claim, unless it is renewed. */
export const LEASE_SECONDS = 10;

export const claimSchema = z.strictObject({
  action: z.string().min(1).max(64),
  /** Of the run that claims. */
  run: z.string().regex(/^[0-9a-f]{16}$/),
  holder: z.string().min(1).max(253),
  limit: z.int().min(1).max(1_000),
  /** 0 gives it back. */
  seconds: z.number().min(0).max(3_600),
  /** The run is under way, by the word of most keepers. */
  renews: z.boolean().optional(),
});
export type Claim = z.infer<typeof claimSchema>;

export const voteSchema = z.discriminatedUnion("vote", [
  z.object({ vote: z.literal("yes") }),
  z.object({ vote: z.literal("no"), holder: z.string() }),
  /** It started so lately that there may be claims which it does not know. */
  z.object({ vote: z.literal("abstains") }),
]);
export type Vote = z.infer<typeof voteSchema>;

/** By a hash of their names, so that all agents come to the same ones. */
export function keepersOf(nodes: readonly Node[]): Node[] {
  const rank = ({ name }: Node) => createHash("sha256").update(`keeper ${name}`).digest("hex");
  return nodes
    .map((node) => ({ node, rank: rank(node) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, KEEPERS)
    .map(({ node }) => node);
}

interface Held {
  readonly action: string;
  readonly holder: string;
  readonly untilMs: number;
}

/** Claims are kept for as many runs as a mesh can have. */
const MAX_HELD = 1_024;

/** What a keeper remembers. */
export class ClaimBook {
  readonly #held = new Map<string, Held>();
  readonly #nowMs: () => number;
  /** Every claim that somebody holds has been renewed here by then. */
  readonly #wholeMs: number;

  constructor({
    nowMs = () => performance.now(),
    isNew = true,
  }: {
    readonly nowMs?: () => number;
    /** False: nobody can hold a claim yet. */ readonly isNew?: boolean;
  } = {}) {
    this.#nowMs = nowMs;
    this.#wholeMs = isNew ? nowMs() + LEASE_SECONDS * 1_000 : -Infinity;
  }

  take({ action, run, holder, limit, seconds, renews = false }: Claim): Vote {
    const nowMs = this.#nowMs();
    for (const [key, { untilMs }] of this.#held) if (untilMs <= nowMs) this.#held.delete(key);
    if (seconds === 0) {
      this.#held.delete(run);
      return { vote: "yes" };
    }
    const others = [...this.#held].filter(([key, held]) => key !== run && held.action === action);
    if (others.length >= limit || this.#held.size >= MAX_HELD)
      return { vote: "no", holder: others[0]?.[1].holder ?? "others" };
    if (nowMs < this.#wholeMs && !renews) return { vote: "abstains" };
    this.#held.set(run, { action, holder, untilMs: nowMs + seconds * 1_000 });
    return { vote: "yes" };
  }
}

/** What became of asking them all. */
export interface Votes {
  readonly asked: number;
  readonly granted: number;
  readonly refused: number;
  readonly abstained: number;
  /** Of one that refused: who holds it. */
  readonly holder: string | undefined;
}

export const majorityOf = ({ asked }: Votes): number => Math.floor(asked / 2) + 1;

export type WhyNot =
  | { readonly kind: "taken"; readonly holder: string }
  /** Soon they will know. */
  | { readonly kind: "abstained" }
  | { readonly kind: "unasked" };

/** Undefined where a run may start, else why it may not. */
export function whyNotGranted(votes: Votes, mustBeGranted: boolean): WhyNot | undefined {
  const { granted, refused, abstained, holder } = votes;
  const majority = majorityOf(votes);
  if (granted >= majority) return undefined;
  if (refused >= (mustBeGranted ? 1 : majority)) return { kind: "taken", holder: holder ?? "others" };
  if (!mustBeGranted) return undefined;
  return { kind: granted + abstained >= majority ? "abstained" : "unasked" };
}
