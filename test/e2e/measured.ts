// Waits until a release measures what it should.
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { until } from "../cluster/until.ts";
import type { Release } from "./release.ts";
import { namesWhere, since, slotsOf, wasHealthy, type Slots } from "../support/slots.ts";

/** The delay of a UDP answer is counted up to three probes and a timeout later. */
export const UDP_SETTLED_MS = 21_000;
/** Two turns of the protocols that are probed every five seconds. */
const STRETCH_MS = 11_000;

/** Until just these slots exist, and each has been answered by the agents that are there; what they had counted then. */
export async function untilAnswered(release: Release, slots: readonly string[], timeoutMs = 60_000): Promise<Slots> {
  return until(
    "every slot to be answered",
    async () => {
      const now = slotsOf(await release.scrapeAll());
      refuseUnless(
        slots,
        now,
        namesWhere(now, ({ answers }) => answers > 0),
      );
      return now;
    },
    { timeoutMs, intervalMs: 500 },
  );
}

/** Until there is a stretch in which just these slots exist, each is answered twice or more, and nothing is lost; what was counted in it. */
export async function untilHealthy(release: Release, slots: readonly string[], timeoutMs = 90_000): Promise<Slots> {
  return until(
    "a stretch in which every slot is answered and nothing lost",
    async () => {
      const before = slotsOf(await release.scrapeAll());
      await sleep(STRETCH_MS);
      const now = slotsOf(await release.scrapeAll());
      const counted = since(before, now);
      refuseUnless(
        slots,
        now,
        namesWhere(counted, (counters) => wasHealthy(counters) && counters.answers > 1),
        counted,
      );
      return counted;
    },
    { timeoutMs, intervalMs: 500 },
  );
}

function refuseUnless(slots: readonly string[], now: Slots, good: readonly string[], counted: Slots = now): void {
  const names = [...now.keys()].sort();
  if (isDeepStrictEqual(names, slots) && isDeepStrictEqual(good, slots)) return;
  const bad = slots
    .filter((slot) => !good.includes(slot))
    .map((slot) => `${slot} (${JSON.stringify(counted.get(slot)) ?? "not there"})`);
  throw new Error(
    `${bad.length} of ${slots.length} slots not so: ${bad.join("; ")}; not expected: ${names.filter((slot) => !slots.includes(slot)).join("; ") || "none"}`,
  );
}
