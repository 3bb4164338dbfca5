// Debian's prometheus-smokeping-prober. It publishes counts and sums, never a single round trip.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { VethPair } from "../support/veth.ts";
import { fetchFrom, sumOf } from "./scraped.ts";

export interface SmokepingTotals {
  readonly requests: number;
  readonly answers: number;
  readonly meanNs: number;
}

export const smokepingCommand = (intervalMs: number, targets: readonly string[]): string[] => [
  "prometheus-smokeping-prober",
  "--no-privileged",
  "--log.level=error",
  `--ping.interval=${intervalMs}ms`,
  ...targets,
];

export async function smokepingTotals(namespace: string): Promise<SmokepingTotals> {
  const text = await fetchFrom(namespace, "http://127.0.0.1:9374/metrics");
  const answers = sumOf(text, "smokeping_response_duration_seconds_count");
  return {
    requests: sumOf(text, "smokeping_requests_total"),
    answers,
    meanNs: (sumOf(text, "smokeping_response_duration_seconds_sum") / answers) * 1e9,
  };
}

/** Let it probe one target until it has about `count` answers. */
export async function smokeping(
  pair: VethPair,
  { target, count, periodMs }: { readonly target: string; readonly count: number; readonly periodMs: number },
): Promise<SmokepingTotals> {
  const child = pair.start(pair.near, ...smokepingCommand(periodMs, [target]));
  child.stdout?.resume();
  child.stderr?.resume();
  // It waits one interval and a splay of up to that before its first probe.
  await sleep(count * periodMs + 1_500);
  const totals = await smokepingTotals(pair.near);
  child.kill("SIGKILL");
  await once(child, "exit");
  return totals;
}
