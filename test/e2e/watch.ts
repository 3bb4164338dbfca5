// How long a pair goes without an answer while something is done to the cluster.
import { setTimeout as sleep } from "node:timers/promises";
import type { Release } from "./release.ts";
import { slotsOf } from "../support/slots.ts";

export interface Gap {
  readonly pair: string;
  readonly ms: number;
}

export interface GapWatch extends AsyncDisposable {
  /** Ends it: the longest time that any pair went without a new answer on any of its slots, up to now. */
  stop(): Promise<Gap>;
}

const LOOK_EVERY_MS = 1_000;

/** Watches from now on; all of these pairs ("node-1 → node-2") must have answers already. */
export async function watchGaps(release: Release, pairs: readonly string[]): Promise<GapWatch> {
  const answers = new Map<string, number>();
  const newSince = new Map<string, number>();
  const stopped = new AbortController();
  let longest: Gap = { pair: "none", ms: 0 };

  const note = (pair: string, at: number): void => {
    const ms = at - (newSince.get(pair) ?? at);
    if (ms > longest.ms) longest = { pair, ms };
  };
  const look = async (): Promise<void> => {
    const counted = await answersByPair(release);
    const at = performance.now();
    for (const [pair, count] of counted) {
      // A new agent counts from 0: any other number than before, but 0, is new answers.
      if (count === answers.get(pair) || count === 0) continue;
      note(pair, at);
      answers.set(pair, count);
      newSince.set(pair, at);
    }
  };
  await look();
  const unseen = pairs.filter((pair) => !newSince.has(pair));
  if (unseen.length > 0) throw new Error(`no answers yet: ${unseen.join(", ")}`);
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => {});
      // One look that fails (the API server is busy) is made up for by the next.
      await look().catch(() => {});
    }
    await look();
  })();
  watching.catch(() => {}); // told by stop

  return {
    async stop() {
      stopped.abort();
      await watching;
      for (const pair of newSince.keys()) note(pair, performance.now());
      return longest;
    },
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await watching.catch(() => {});
    },
  };
}

/** An agent that is just ending or beginning tells nothing: its pairs are left out. */
async function answersByPair(release: Release): Promise<ReadonlyMap<string, number>> {
  const told = await Promise.allSettled((await release.agents()).map((agent) => release.scrape(agent)));
  const counts = new Map<string, number>();
  for (const result of told) {
    if (result.status === "rejected") continue;
    for (const { source, destination, answers } of slotsOf(result.value).values()) {
      const pair = `${source} → ${destination}`;
      counts.set(pair, (counts.get(pair) ?? 0) + answers);
    }
  }
  return counts;
}
