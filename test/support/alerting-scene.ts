// Agents in namespaces, a real Prometheus with the shipped rules at their own intervals and 15 s scrapes, a real Alertmanager
// with the documented routing, and a webhook: what the tests of alerts in real time begin with.
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { createLab, type Lab } from "../../lab/lab.ts";
import { startAlerting, type Alerting, type Notification } from "./alerting.ts";

export const MINUTE_MS = 60_000;
/** Both scenarios watch from here and break something else. */
const WATCHER = "node-1";
const NODES = 5;

export interface Scene {
  readonly lab: Lab;
  readonly alerting: Alerting;
}

export async function withHealthyMesh(run: (scene: Scene) => Promise<void>, nodes = NODES): Promise<void> {
  await using lab = await createLab({ nodes, zones: 3 });
  await using alerting = await startAlerting(lab, { node: WATCHER });
  // Only pairs that existed two minutes ago are judged; nothing is an incident before all of them are.
  const judgedNodes = async () =>
    (
      await alerting.prometheus.query(
        "min_over_time(internode:nodes:count[45s]) and count_over_time(internode:nodes:count[45s]) >= 2",
      )
    )[0]?.value;
  for (const endMs = Date.now() + 6 * MINUTE_MS; (await judgedNodes()) !== nodes; await sleep(5_000)) {
    if (Date.now() > endMs)
      throw new Error(`the rules do not judge ${nodes} nodes after 6 minutes, but ${await judgedNodes()}`);
  }
  expect(await alerting.prometheus.query("ALERTS")).toEqual([]);
  await run({ lab, alerting });
}

/** Every alert that ever fired in this Prometheus, by name and the labels that name its place. */
export async function everFired({ alerting }: Scene): Promise<readonly string[]> {
  const samples = await alerting.prometheus.query(
    `group by (alertname, severity, node, source_zone, destination_zone) (last_over_time(ALERTS{alertstate="firing"}[1h]))`,
  );
  return samples
    .map(({ labels }) =>
      [labels["alertname"], labels["severity"], labels["node"], labels["source_zone"], labels["destination_zone"]]
        .filter(Boolean)
        .join(" "),
    )
    .sort();
}

export const secondsFrom = (startMs: number, endMs: number): string => `${((endMs - startMs) / 1000).toFixed(1)} s`;

export function tell({
  what,
  brokenMs,
  told,
}: {
  readonly what: string;
  readonly brokenMs: number;
  readonly told: Notification;
}): void {
  const firingMs = Math.min(...told.alerts.map((alert) => Date.parse(alert.startsAt)));
  process.stdout.write(
    `${what}: fault to firing ${secondsFrom(brokenMs, firingMs)}, fault to notification ${secondsFrom(brokenMs, told.atMs)}\n`,
  );
}
