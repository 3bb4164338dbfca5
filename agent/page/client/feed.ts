// Snapshots as they come: server-sent events, begun again by itself after a cut; asked for one by one where the
// agent has no room for another listener. Tells when what is on the screen has become old.
import type { Snapshot } from "../../model/snapshot.ts";

export interface FeedListener {
  snapshot(snapshot: Snapshot): void;
  /** Once a second, and on every change. `ageMs` is undefined before the first snapshot. */
  age(feed: {
    readonly ageMs: number | undefined;
    readonly stale: boolean;
    readonly trouble: string | undefined;
  }): void;
}

/** Snapshots come every two seconds, more slowly from a large mesh. */
const STALE_FLOOR_MS = 8_000;
const STALE_INTERVALS = 3;
const RETRY_MS = 4_000;

export function startFeed(listener: FeedListener): void {
  let lastMs: number | undefined;
  let intervalMs = 2_000;
  let trouble: string | undefined;

  const tell = () => {
    const ageMs = lastMs === undefined ? undefined : performance.now() - lastMs;
    listener.age({
      ageMs,
      stale: ageMs !== undefined && ageMs > Math.max(STALE_FLOOR_MS, STALE_INTERVALS * intervalMs),
      trouble,
    });
  };
  const take = (snapshot: Snapshot) => {
    const nowMs = performance.now();
    // Slow to shrink, so that one quick snapshot after a slow one does not call the next one late.
    if (lastMs !== undefined) intervalMs = Math.max(nowMs - lastMs, intervalMs * 0.8);
    lastMs = nowMs;
    trouble = undefined;
    listener.snapshot(snapshot);
    tell();
  };
  const listen = () => {
    const events = new EventSource("/api/v1/mesh/events");
    events.addEventListener("snapshot", (event) => take(JSON.parse((event as MessageEvent<string>).data) as Snapshot));
    events.addEventListener("error", () => {
      trouble = "the agent does not answer; trying again";
      tell();
      if (events.readyState !== EventSource.CLOSED) return;
      // An answer that is no stream (503: too many listeners): ask for a single snapshot, then try to listen again.
      void askOnce().finally(() => setTimeout(listen, RETRY_MS));
    });
  };
  const askOnce = async () => {
    try {
      const response = await fetch("/api/v1/mesh");
      if (response.ok) take((await response.json()) as Snapshot);
    } catch {
      // Said already; the next try follows.
    }
  };
  listen();
  setInterval(tell, 1_000);
}
