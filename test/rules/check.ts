// One scenario is one test for each promtool there is; a missing one is named as skipped.
import { expect } from "vitest";
import type { History } from "./history.ts";
import type { Incident, Labels } from "./incident.ts";
import type { MeshShape } from "./mesh.ts";
import { CURRENT_PROMTOOL, disagreement, PROMTOOL, type Alert, type Scenario } from "./promtool.ts";
import { RULE_PARTS } from "../../scripts/ci/suites.ts";
import { needs } from "../support/needs.ts";

export const THREE_ZONES: MeshShape = { zones: { a: 3, b: 3, c: 3 } };

/** Enough for most: one node is well under 30 % of them, and promtool is quick. */
export const SIX_NODES: MeshShape = { zones: { a: 2, b: 2, c: 2 } };

/** promtool takes seconds, a minute and a half for a week; at the lowest priority, beside others, the whole of their time. */
const PATIENCE_MS = 3_600_000;

const BEFORE_S = 300;
/** When incidents begin: between two scrapes and two evaluations, five minutes after the first. */
export const FAULT_S = BEFORE_S + 5;
/** Moments at which an everyday event must have fired nothing: every evaluation of two minutes, then ever fewer. */
export const QUARTERS = [15, 30, 45, 60, 75, 90, 105, 120, 150, 180, 210, 240, 270, 300, 360, 420, 480, 600];

export interface Check extends Omit<Scenario, "histories"> {
  readonly mesh?: MeshShape;
  readonly incidents?: readonly (Incident | readonly Incident[])[];
  readonly kubeState?: boolean;
  readonly withRtt?: boolean;
  readonly cluster?: string;
  readonly kubeCluster?: string;
  readonly scrapeS?: number;
  readonly lengthS?: number;
  /** `heart` is in every run, all else in the long one. */
  readonly weight?: "heart";
  /** Every agent is scraped once for each, which adds these labels; `$node` is the agent's. */
  readonly scrapedAs?: readonly Labels[];
  /** More clusters in the same Prometheus. */
  readonly others?: readonly Partial<History>[];
}

export type Declare = (sentence: string, check: Check) => void;

const { test: oldestTest } = await needs("promtool");
const { test: currentTest } = await needs("built prometheus");

/** For every run of the tests: the heart of it, on the oldest Prometheus. Two cores take a second and a half for each. */
export const quick: Declare = (sentence, check) => {
  const isHeart = check.weight === "heart";
  (isHeart ? oldestTest : oldestTest.skip)(
    `${sentence} [${isHeart ? "Prometheus 2.42" : "in the long run only"}]`,
    async () => {
      expect(await disagreement(PROMTOOL, toScenario(check))).toBeUndefined();
    },
    PATIENCE_MS,
  );
};

/** For the long run: everything on both; or of .ci/run's day, every other one on the current, the day's part on the oldest. */
export const thorough: Declare = (sentence, check) => {
  declared++;
  if (PART === undefined || declared % 2 === PART % 2) onCurrent(sentence, check);
  // A describe without any test is an error.
  else currentTest.skip(`${sentence} [on another day]`, () => {});
  if (PART === undefined || declared % RULE_PARTS === PART) onOldest(sentence, check);
};

let declared = 0;
/** .ci/run takes another one of RULE_PARTS, an even number, every day. */
const PART = process.env["RULES_PART"] === undefined ? undefined : Number(process.env["RULES_PART"]);

const onOldest: Declare = (sentence, check) => {
  oldestTest(
    `${sentence} [Prometheus 2.42]`,
    async () => {
      expect(await disagreement(PROMTOOL, toScenario(check))).toBeUndefined();
    },
    PATIENCE_MS,
  );
};

const onCurrent: Declare = (sentence, check) => {
  currentTest(
    `${sentence} [Prometheus 3]`,
    async () => {
      expect(await disagreement(CURRENT_PROMTOOL!, toScenario(check))).toBeUndefined();
    },
    PATIENCE_MS,
  );
};

function toScenario({
  mesh = SIX_NODES,
  incidents = [],
  kubeState,
  withRtt,
  cluster,
  kubeCluster,
  scrapedAs = [{}],
  scrapeS = 15,
  lengthS,
  others = [],
  ...rest
}: Check): Scenario {
  const last = Math.max(...Object.keys(rest.firing).map(Number), ...(rest.samples ?? []).map(({ atS }) => atS));
  const history: History = {
    mesh,
    scrapeS,
    lengthS: lengthS ?? last,
    incidents: incidents.flat(),
    ...(kubeState === undefined ? {} : { kubeState }),
    ...(withRtt === undefined ? {} : { withRtt }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(kubeCluster === undefined ? {} : { kubeCluster }),
  };
  // kube-state-metrics is there once.
  const copies = scrapedAs.map((labels, index) => ({
    ...history,
    labels,
    kubeState: index === 0 && kubeState === true,
  }));
  return { ...rest, histories: [...copies, ...others.map((other) => ({ ...history, incidents: [], ...other }))] };
}

/** The same set of alerts at several moments, in seconds after the evaluation that just missed the fault. */
export function after(seconds: readonly number[], ...alerts: readonly Alert[]): Record<number, readonly Alert[]> {
  return Object.fromEntries(seconds.map((second) => [BEFORE_S + second, alerts]));
}
