// What takes hours or days to judge: latency against a week, and the error budget.
import { describe } from "vitest";
import { type Declare } from "./check.ts";
import { loss, within, type Incident } from "./incident.ts";
import type { Slot } from "./mesh.ts";
import { warning } from "./promtool.ts";

const HOUR_S = 3600;
const STEP_S = 26 * HOUR_S;
const MESH = { zones: { a: 2, b: 2, c: 2 } };
/** A minute between samples is as coarse as windows of 5 minutes allow; nothing here happens faster. */
const coarse = { mesh: MESH, withRtt: true, scrapeS: 60, evaluationS: 240 } as const;

const slower = (factor: number, fromS: number, where: (slot: Slot) => boolean): Incident => ({
  kind: "latency",
  where,
  factor,
  ...within({ fromS }),
});
const touches = (node: string) => (slot: Slot) => slot.source === node || slot.destination === node;

export function slow(scenario: Declare): void {
  describe("latency", () => {
    scenario("that grows eightfold on one node's links is a warning for the node", {
      ...coarse,
      incidents: [slower(8, STEP_S, touches("a1"))],
      firing: {
        [STEP_S - 600]: [],
        [STEP_S + 1200]: [warning("LatencyHigh", { node: "a1" })],
        [STEP_S + HOUR_S]: [warning("LatencyHigh", { node: "a1" })],
      },
      described: [
        {
          atS: STEP_S + 1200,
          alert: warning("LatencyHigh", { node: "a1" }),
          summary: "Round trips take longer than they did all week.",
          dashboard: "/d/internode-node?var-cluster=&var-node=a1",
          description:
            "Round trips between node a1 and most of its peers take longer than their own average of a week, up to 7.5 times as long, by more than 1ms.",
        },
      ],
    });
    scenario("that grows eightfold between two zones is a warning for the two orders", {
      ...coarse,
      incidents: [slower(8, STEP_S, (slot) => [slot.sourceZone, slot.destinationZone].sort().join() === "a,b")],
      firing: {
        [STEP_S + 1200]: [
          warning("LatencyHigh", { source_zone: "a", destination_zone: "b" }),
          warning("LatencyHigh", { source_zone: "b", destination_zone: "a" }),
        ],
      },
    });
    // Three nodes and few samples: a week is long.
    const weekLong = { ...coarse, mesh: { zones: { a: 1, b: 1, c: 1 } }, scrapeS: 120, evaluationS: 240 } as const;
    const DAY_S = 24 * HOUR_S;
    scenario("that grows after a whole week is measured against that week", {
      ...weekLong,
      incidents: [slower(8, 7 * DAY_S + 6 * HOUR_S, touches("a1"))],
      firing: {
        [2 * DAY_S]: [],
        [7 * DAY_S + 5 * HOUR_S]: [],
        [7 * DAY_S + 7 * HOUR_S]: [warning("LatencyHigh", { node: "a1" })],
      },
    });
    scenario("that has grown and stays is the new average after some days", {
      ...weekLong,
      incidents: [slower(8, 30 * HOUR_S, touches("a1"))],
      firing: {
        [30 * HOUR_S - 600]: [],
        [31 * HOUR_S]: [warning("LatencyHigh", { node: "a1" })],
        [40 * HOUR_S]: [warning("LatencyHigh", { node: "a1" })],
        [90 * HOUR_S]: [],
      },
    });
    scenario("is not judged before there is a day of it", {
      ...coarse,
      incidents: [slower(8, 20 * HOUR_S, touches("a1"))],
      firing: { [20 * HOUR_S + 1200]: [], [23 * HOUR_S]: [] },
    });
    scenario("that doubles by less than a millisecond is nobody's trouble", {
      ...coarse,
      incidents: [slower(2.5, STEP_S, (slot) => slot.sourceZone === slot.destinationZone)],
      firing: { [STEP_S + 1200]: [], [STEP_S + HOUR_S]: [] },
    });
  });

  describe("the error budget", () => {
    const thin = { mesh: MESH, scrapeS: 30 } as const;
    scenario("burns by 2 % of loss everywhere, too thin for any other alert", {
      ...thin,
      evaluationS: 30,
      incidents: [loss(() => true, { fromS: 600, share: 0.02 })],
      firing: { 1500: [], 3600: [warning("ErrorBudgetBurn")] },
    });
    scenario("does not burn by a dead link, which has its own warning", {
      ...thin,
      incidents: [loss((slot) => touches("a1")(slot) && touches("a2")(slot), { fromS: 600 })],
      firing: { 3600: [warning("PairsDegraded", { source_zone: "a", destination_zone: "a" })] },
    });
  });
}
