// Where large packets vanish without a word: each hop is asked by large and by small packets that expire there. A router
// looks at the hop limit first, so it answers for a large packet that its next link would not take.
import type { MonotonicNs } from "../../probes/prober.ts";
import type { PathProbe } from "../path/path-probes.ts";
import type { HopAt, VanishingPoint } from "./report.ts";
import { reached, type Send } from "./size-trial.ts";

const ATTEMPTS = 3;
/** Routers send one such error a second to one address, after a burst. */
const GAP_NS = 750e6;

interface HopTrack {
  readonly large: PathProbe[];
  readonly small: PathProbe[];
  dueNs: MonotonicNs;
}

export class VanishingSearch {
  readonly #bytes: number;
  readonly #send: Send;
  readonly #hops: ReadonlyMap<number, HopTrack>;

  /** `length`: hops to the target, itself included. */
  constructor(options: { readonly bytes: number; readonly length: number; readonly send: Send }) {
    this.#bytes = options.bytes;
    this.#send = options.send;
    const hops = Array.from({ length: options.length - 1 }, (_, i) => i + 1);
    this.#hops = new Map(hops.map((hop) => [hop, { large: [], small: [], dueNs: -Infinity }]));
  }

  /** Send what is due; the answer, once there is one. */
  tick(nowNs: MonotonicNs): VanishingPoint | undefined {
    const open = [...this.#hops].filter(([, track]) => !isDecided(track));
    for (const [hop, track] of open) {
      if (nowNs < track.dueNs || track.small.length === ATTEMPTS) continue;
      const isLargeNext = track.large.length === track.small.length;
      track.dueNs = nowNs + GAP_NS;
      const probe = this.#send({ port: 0, hopLimit: hop, ...(isLargeNext && { ipBytes: this.#bytes }) });
      (isLargeNext ? track.large : track.small).push(probe);
    }
    return open.length === 0 ? this.#point() : undefined;
  }

  #point(): VanishingPoint {
    const hops = [...this.#hops].map(([hop, { large, small }]) => ({
      hop,
      large: addressOf(large),
      address: addressOf([...large, ...small]),
    }));
    const last = hops.findLast(({ large }) => large !== undefined);
    const next = hops.find(({ hop, address }) => hop > (last?.hop ?? 0) && address !== undefined);
    const at = (found: { readonly hop: number; readonly address: string | undefined } | undefined): HopAt | undefined =>
      found && { hop: found.hop, address: found.address! }; // both were chosen by having one
    const [reachedHop, missed] = [at(last), at(next)];
    return { ...(reachedHop && { reached: reachedHop }), ...(missed && { missed }) };
  }
}

function isDecided({ large, small }: HopTrack): boolean {
  if (addressOf(large) !== undefined) return true;
  return small.length === ATTEMPTS && [...large, ...small].every(({ fate }) => fate.kind !== "outstanding");
}

const addressOf = (probes: readonly PathProbe[]): string | undefined =>
  probes.flatMap(({ fate }) => (fate.kind === "expired" ? [fate.by] : [])).at(-1);

/** Hops to the target as its agent's answers tell. */
export function lengthOf(probes: readonly PathProbe[]): number | undefined {
  for (const { hopLimit, fate } of probes)
    if (reached(fate) && fate.kind === "answered" && fate.hopLimitThere !== undefined)
      return Math.max(1, hopLimit - fate.hopLimitThere + 1);
  return undefined;
}
