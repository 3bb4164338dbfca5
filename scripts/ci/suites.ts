// What .ci/run runs: which suites, what they need built, and what runs beside what.
import { RECIPES, type ToolName } from "../tools/recipes.ts";
import type { Step, Suite } from "./pipeline.ts";

interface TestSuite {
  /** A script of package.json. */
  readonly script: string;
  /** Minutes on two cores when all that is built is there. */
  readonly minutes: number;
  /** What of `npm run tools` it runs. */
  readonly tools: readonly (ToolName | "node20" | "node22")[];
}

const CLUSTER = ["etcd", "kubernetes", "containerd", "coredns"] as const;

const SUITES = {
  /** The README's. */
  test: { script: "test", minutes: 5, tools: ["helm", "helm3", "prometheus", "actionlint"] },
  slow: { script: "test:slow", minutes: 2, tools: ["helm", "helm3", "prometheus"] },
  alerts: { script: "test:alerts", minutes: 16, tools: [] },
  cluster: { script: "test:cluster", minutes: 6, tools: CLUSTER },
  places: { script: "test:places", minutes: 3, tools: ["node20", "node22"] },
  long: { script: "test:long", minutes: 25, tools: ["prometheus"] },
  e2e: {
    script: "test:e2e",
    minutes: 28,
    tools: [...CLUSTER, "helm", "helm3", "prometheus", "prometheus-operator", "cilium"],
  },
  /** One emulated kernel. */
  kernels: { script: "test:kernels:smoke", minutes: 4, tools: [] },
  serial: { script: "test:serial", minutes: 2, tools: [] },
} as const satisfies Readonly<Record<string, TestSuite>>;
export type SuiteName = keyof typeof SUITES;
export const SUITE_NAMES = Object.keys(SUITES) as readonly SuiteName[];

/**
 * The README's first and alone, then what else sends as much as it can. Then what mostly waits side by side; the scenarios of the rules compute, at the lowest
 * priority: they take what the others leave. Last and alone what moves the machine's clock.
 */
const ORDER: readonly (readonly (readonly SuiteName[])[])[] = [
  [["test"]],
  [["slow"]],
  [["e2e"], ["long", "places"], ["alerts", "cluster", "kernels"]],
  [["serial"]],
];

/** The steps for these suites, after one that builds what they run and no more. */
export function stepsFor(names: readonly SuiteName[]): readonly Step[] {
  const tools = toolsOf(names);
  const steps = ORDER.map((step) =>
    step.map((lane) => lane.filter((name) => names.includes(name)).map(suite)).filter((lane) => lane.length > 0),
  ).filter((step) => step.length > 0);
  return tools.length > 0 ? [[[building(tools)]], ...steps] : steps;
}

/** .ci/run runs one of so many parts of the scenarios of the rules on the oldest Prometheus, another one every day. */
export const RULE_PARTS = 6;

/** In the order of the recipes. */
export function toolsOf(names: readonly SuiteName[]): readonly string[] {
  const wanted = new Set<string>(names.flatMap((name) => SUITES[name].tools));
  return [...Object.keys(RECIPES), "node20", "node22"].filter((tool) => wanted.has(tool));
}

function suite(name: SuiteName): Suite {
  const { script, minutes } = SUITES[name];
  return { name, command: ["npm", "run", "--silent", script], minutes, takesFiles: name !== "kernels" };
}

const building = (tools: readonly string[]): Suite => ({
  name: "tools",
  command: ["npm", "run", "--silent", "tools", "--", ...tools],
  // With nothing in the cache.
  minutes: 28,
  testless: true,
});
