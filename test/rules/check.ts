// One scenario is one test for each promtool there is; a missing one is named as skipped.
import { expect, test } from "vitest";
import type { History } from "./history.ts";
import type { Incident } from "./incident.ts";
import type { MeshShape } from "./mesh.ts";
import { CURRENT_PROMTOOL, disagreement, PROMTOOL, type Alert, type Scenario } from "./promtool.ts";

export const THREE_ZONES: MeshShape = { zones: { a: 3, b: 3, c: 3 } };

/** Enough for most: one node is well under 30 % of them, and promtool is quick. */
export const SIX_NODES: MeshShape = { zones: { a: 2, b: 2, c: 2 } };

const BEFORE_S = 300;
/** When incidents begin: between two scrapes and two evaluations, five minutes after the first. */
export const FAULT_S = BEFORE_S + 5;

export interface Check extends Omit<Scenario, "histories"> {
  readonly mesh?: MeshShape;
  readonly incidents?: readonly (Incident | readonly Incident[])[];
  readonly kubeState?: boolean;
  readonly withRtt?: boolean;
  readonly cluster?: string;
  readonly scrapeS?: number;
  readonly lengthS?: number;
  /** More clusters in the same Prometheus. */
  readonly others?: readonly Partial<History>[];
}

export function scenario(sentence: string, check: Check): void {
  const asScenario = toScenario(check);
  const note = CURRENT_PROMTOOL === undefined ? "not built, run 'node scripts/tools/build.ts prometheus'" : "current";
  test(`${sentence} [Prometheus 2.42]`, async () => {
    expect(await disagreement(PROMTOOL, asScenario)).toBeUndefined();
  });
  test.skipIf(CURRENT_PROMTOOL === undefined)(`${sentence} [Prometheus 3: ${note}]`, async () => {
    expect(await disagreement(CURRENT_PROMTOOL!, asScenario)).toBeUndefined();
  });
}

function toScenario({ mesh = SIX_NODES, incidents = [], kubeState, withRtt, cluster, scrapeS = 15, lengthS, others = [], ...rest }: Check): Scenario {
  const last = Math.max(...Object.keys(rest.firing).map(Number), ...(rest.samples ?? []).map(({ atS }) => atS));
  const history: History = {
    mesh,
    scrapeS,
    lengthS: lengthS ?? last,
    incidents: incidents.flat(),
    ...(kubeState === undefined ? {} : { kubeState }),
    ...(withRtt === undefined ? {} : { withRtt }),
    ...(cluster === undefined ? {} : { cluster }),
  };
  return { ...rest, histories: [history, ...others.map((other) => ({ ...history, incidents: [], ...other }))] };
}

/** The same set of alerts at several moments, in seconds after the evaluation that just missed the fault. */
export function after(seconds: readonly number[], ...alerts: readonly Alert[]): Record<number, readonly Alert[]> {
  return Object.fromEntries(seconds.map((second) => [BEFORE_S + second, alerts]));
}
