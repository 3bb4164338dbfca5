// Times in which an agent served nobody, and what was lost to it meanwhile.
import type { Steps } from "../../base/slices.ts";
import { SECONDS_TOLD, pathName, type Evidence } from "./evidence.ts";
import type { PathHistory } from "./path-history.ts";
import { RING_SECONDS, RING_WORDS, countBits, ringMask } from "./ring.ts";

/** Seconds by the judge's clock. */
interface Absence {
  readonly from: number;
  readonly until: number;
  /** It stood still and goes on, where another has begun a new life: its kernel answered ICMP all the time. */
  readonly isSameLife: boolean;
}

interface Kept {
  readonly now: number;
  readonly kept: ReadonlyMap<string, PathHistory>;
}

/** Before the first second of an agent that nobody knew: its pod is there, or its address listed, a little earlier. */
const STARTING_SECONDS = 30;
/** After it: until all peers have heard of it, and the last lost probes have timed out. */
const SETTLING_SECONDS = 10;
/** Share of a pair's ICMP that is lost meanwhile, from which on it was the network; and of another protocol, up to which. */
const ICMP_LOST = 0.1;
const SERVED_NOBODY = 0.4;

export class Absences {
  /** By node name: from its last word to the first seconds after it. */
  readonly #of = new Map<string, Absence>();

  has(name: string): boolean {
    return this.#of.has(name);
  }

  /** Its first second, and when the life before was heard last. */
  restarted(name: string, { start, heard }: { readonly start: number; readonly heard: number | undefined }): void {
    const from = heard === undefined ? start - STARTING_SECONDS : Math.min(start, heard);
    this.#of.set(name, { from, until: start + SETTLING_SECONDS, isSameLife: false });
  }

  /** It was silent since it was heard last, and is the same. */
  wentOn(name: string, { heard, now }: { readonly heard: number; readonly now: number }): void {
    this.#of.set(name, { from: heard, until: now + SETTLING_SECONDS, isSameLife: true });
  }

  /**
   * An agent that restarts, and its pod with it, answers nobody for some seconds, and a rollout is many of these; nor does
   * one that stands still: what was lost to it meanwhile is no loss of the network. Without it the node's own network
   * answers ICMP, and with its pod there the pod network does.
   */
  *forget({ nodes, pairs, paths }: Evidence, { now, kept: known }: Kept): Steps<void> {
    for (const [name, { from, until, isSameLife }] of this.#of) {
      const node = nodes.findIndex((n) => n.node.name === name);
      const end = Math.min(now, until);
      const keep = ringMask(end, Math.min(RING_SECONDS, end - from)).map((w) => ~w);
      // A row that comes again tells of no more than its last minute.
      const seconds = Math.min(SECONDS_TOLD, end - from);
      const told = ringMask(end, seconds);
      for (const path of paths) {
        const kept = known.get(pathName(path))!;
        if (path.protocol === "icmp" && (path.network === "node" || isSameLife)) continue;
        const icmp = known.get(pathName({ ...path, protocol: "icmp" }));
        const share = (of: PathHistory, pair: number): number =>
          (countBits(of.lost, pair, told) * SECONDS_TOLD) / (of.perMinute[pair]! * seconds);
        const stoodStill = (pair: number): boolean =>
          icmp !== undefined && share(icmp, pair) < ICMP_LOST && share(kept, pair) > SERVED_NOBODY;
        for (let pair = 0; pair < pairs.count; pair++) {
          if (pairs.source[pair] !== node && pairs.destination[pair] !== node) continue;
          if (isSameLife && !stoodStill(pair)) continue;
          for (let w = 0; w < RING_WORDS; w++) kept.lost[pair * RING_WORDS + w]! &= keep[w]!;
        }
      }
      yield;
      if (now > until + SECONDS_TOLD) this.#of.delete(name);
    }
  }
}
