// How long a pair goes without an answer while something is done to the cluster.
import { setTimeout as sleep } from "node:timers/promises";
import type { Release } from "./release.ts";
import { slotsOf } from "./slots.ts";

export interface Gap {
  readonly pair: string;
  readonly ms: number;
}

export interface GapWatch {
  /** Pairs that were seen at all. */
  readonly pairs: ReadonlySet<string>;
  /** The longest time that any pair went without a new answer on any of its slots, to the last look included. */
  stop(): Promise<Gap>;
}

const LOOK_EVERY_MS = 1_000;

export function watchGaps(release: Release): GapWatch {
  const lastAnswers = new Map<string, number>();
  const lastNewAt = new Map<string, number>();
  const stopped = new AbortController();
  let longest: Gap = { pair: "none", ms: 0 };

  const note = (pair: string, at: number): void => {
    const ms = at - (lastNewAt.get(pair) ?? at);
    if (ms > longest.ms) longest = { pair, ms };
  };
  const look = async (): Promise<void> => {
    const agents = await release.agents();
    // An agent that is just ending or beginning tells nothing now; its pairs' clocks run on.
    const told = await Promise.allSettled(agents.map((agent) => release.scrape(agent)));
    const at = performance.now();
    const answers = new Map<string, number>();
    for (const result of told) {
      if (result.status === "rejected") continue;
      for (const { source, destination, answers: count } of slotsOf(result.value).values()) {
        const pair = `${source} → ${destination}`;
        answers.set(pair, (answers.get(pair) ?? 0) + count);
      }
    }
    for (const [pair, count] of answers) {
      // A new agent counts from 0: any other number than before, if not 0, is new answers.
      if (count === lastAnswers.get(pair) || count === 0) continue;
      note(pair, at);
      lastAnswers.set(pair, count);
      lastNewAt.set(pair, at);
    }
  };
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      await look();
      await sleep(LOOK_EVERY_MS, undefined, { signal: stopped.signal }).catch(() => {});
    }
    await look();
  })();
  watching.catch(() => {}); // told by stop

  return {
    get pairs() {
      return new Set(lastNewAt.keys());
    },
    async stop() {
      stopped.abort();
      await watching;
      const at = performance.now();
      for (const pair of lastNewAt.keys()) note(pair, at);
      return longest;
    },
  };
}
