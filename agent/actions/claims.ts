// How many runs of an action there are in the mesh: whoever wants to start one asks the keepers, a few agents that all
// agents choose alike. More than half of them say yes to one run at most where one is the limit, so two runs never have
// the word of a majority at the same time. A claim ends by itself when its holder does not give it back.
import { createHash } from "node:crypto";
import * as z from "zod";
import type { Node } from "../model/peer.ts";

export const KEEPERS = 5;

export const claimSchema = z.strictObject({
  action: z.string().min(1).max(64),
  /** Of the run that claims. */
  run: z.string().regex(/^[0-9a-f]{16}$/),
  holder: z.string().min(1).max(253),
  limit: z.int().min(1).max(1_000),
  /** 0 gives it back. */
  seconds: z.number().min(0).max(3_600),
});
export type Claim = z.infer<typeof claimSchema>;

export type Granted = { readonly granted: true } | { readonly granted: false; readonly holder: string };

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

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  take({ action, run, holder, limit, seconds }: Claim): Granted {
    const nowMs = this.#nowMs();
    for (const [key, { untilMs }] of this.#held) if (untilMs <= nowMs) this.#held.delete(key);
    if (seconds === 0) {
      this.#held.delete(run);
      return { granted: true };
    }
    const others = [...this.#held].filter(([key, held]) => key !== run && held.action === action);
    if (others.length >= limit || this.#held.size >= MAX_HELD)
      return { granted: false, holder: others[0]?.[1].holder ?? "others" };
    this.#held.set(run, { action, holder, untilMs: nowMs + seconds * 1_000 });
    return { granted: true };
  }
}

/** What became of asking them all. */
export interface Votes {
  readonly asked: number;
  readonly granted: number;
  readonly refused: number;
  /** Of one that refused: who holds it. */
  readonly holder: string | undefined;
}

/** Undefined where a run may start, else why it may not. */
export function whyNotGranted(
  { asked, granted, refused, holder }: Votes,
  mustBeGranted: boolean,
): { readonly kind: "taken"; readonly holder: string } | { readonly kind: "unasked" } | undefined {
  const majority = Math.floor(asked / 2) + 1;
  if (granted >= majority) return undefined;
  if (refused >= (mustBeGranted ? 1 : majority)) return { kind: "taken", holder: holder ?? "others" };
  return mustBeGranted ? { kind: "unasked" } : undefined;
}
