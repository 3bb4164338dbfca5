// Runs `promtool test rules` on the shipped rules with one scenario, and says which alerts it found instead.
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CACHE } from "../../scripts/tools/cache.ts";
import type { History } from "./history.ts";
import type { Labels } from "./incident.ts";
import { inputSeries } from "./input-series.ts";

const run = promisify(execFile);
export const RULES = fileURLToPath(new URL("../../chart/files/rules/internode.yaml", import.meta.url));

const RUNBOOKS = "https://github.com/internode/internode/blob/main/docs/runbooks";

export interface Alert {
  readonly name: string;
  readonly severity: "critical" | "warning";
  readonly labels: Labels;
}

export interface Scenario {
  /** One history a cluster; they share one Prometheus. */
  readonly histories: readonly History[];
  /** At each moment (seconds) the exact set of firing alerts: one more or one less fails. */
  readonly firing: Readonly<Record<number, readonly Alert[]>>;
  /** Other expressions, and what they must give: full label sets with values. */
  readonly samples?: readonly {
    readonly atS: number;
    readonly expr: string;
    readonly samples: readonly { readonly labels: string; readonly value: number }[];
  }[];
  /** All firing alerts of one name, with the text a person reads. */
  readonly described?: readonly {
    readonly atS: number;
    readonly alert: Alert;
    readonly summary: string;
    readonly description: string;
    /** Where `dashboard_url` leads. */
    readonly dashboard: string;
  }[];
  /** Values of constant recording rules, replaced in the text as the chart does. */
  readonly thresholds?: Readonly<Record<string, number>>;
  readonly evaluationS?: number;
}

export interface Promtool {
  readonly path: string;
}

/** Debian's 2.42, the oldest that the rules promise to run on. */
export const PROMTOOL: Promtool = { path: "promtool" };
/** A current one, if it has been built (`npm run tools prometheus`). */
export const CURRENT_PROMTOOL: Promtool | undefined = globSync(join(CACHE, "prometheus-v*/bin/promtool"))
  .sort()
  .map((path) => ({ path }))
  .at(-1);

export function critical(name: string, labels: Labels = {}): Alert {
  return { name, severity: "critical", labels };
}

export function warning(name: string, labels: Labels = {}): Alert {
  return { name, severity: "warning", labels };
}

/** Undefined when promtool agrees, else its complaint. */
export async function disagreement(promtool: Promtool, scenario: Scenario): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "internode-rules-"));
  try {
    const rules = join(folder, "rules.yaml");
    const text = withThresholds(await readFile(RULES, "utf8"), scenario.thresholds ?? {});
    await writeFile(rules, text);
    const test = join(folder, "test.json");
    await writeFile(test, JSON.stringify({ ...testFile(rules, scenario), group_eval_order: groupNames(text) }));
    // It computes, where most other tests wait for real time: they go first. A quarter of its time is collecting
    // garbage, and there is memory enough; a sixth its threads' waiting for each other, and others use the cores.
    await run("nice", ["-n", "19", promtool.path, "test", "rules", test], {
      maxBuffer: 64 << 20,
      env: { ...process.env, GOGC: "800", GOMAXPROCS: "1" },
    });
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    return `${stdout}${stderr}` || String(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A rule `record: internode:threshold_<name>` takes another number; an unknown name is an error, not a pass. */
export function withThresholds(rules: string, thresholds: Readonly<Record<string, number>>): string {
  return Object.entries(thresholds).reduce((text, [name, value]) => {
    const constant = new RegExp(`(- record: internode:threshold_${name}\\n\\s+expr: vector)\\([^)]*\\)`);
    if (!constant.test(text)) throw new Error(`no threshold '${name}' in the rules`);
    return text.replace(constant, `$1(${value})`);
  }, rules);
}

/** promtool reads YAML, of which JSON is a part. */
function testFile(rules: string, { histories, firing, samples = [], described = [], evaluationS = 15 }: Scenario) {
  return {
    rule_files: [rules],
    evaluation_interval: `${evaluationS}s`,
    tests: [
      {
        interval: `${histories[0]!.scrapeS}s`,
        input_series: histories.flatMap(inputSeries),
        alert_rule_test: described.map(({ atS, alert, summary, description, dashboard }) => ({
          eval_time: `${atS}s`,
          alertname: `Internode${alert.name}`,
          exp_alerts: [
            {
              exp_labels: { severity: alert.severity, ...alert.labels },
              exp_annotations: {
                summary,
                description,
                runbook_url: `${RUNBOOKS}/Internode${alert.name}.md`,
                dashboard_url: dashboard,
              },
            },
          ],
        })),
        promql_expr_test: [
          ...Object.entries(firing).map(([second, alerts]) => ({
            expr: `sum without (alertstate) (ALERTS{alertstate="firing"})`,
            eval_time: `${second}s`,
            exp_samples: alerts.map(({ name, severity, labels }) => ({
              labels: text({ alertname: `Internode${name}`, severity, ...labels }),
              value: 1,
            })),
          })),
          ...samples.map(({ atS, expr, samples: expected }) => ({ expr, eval_time: `${atS}s`, exp_samples: expected })),
        ],
      },
    ],
  };
}

/** Without an order promtool takes the groups in a random one, another in every run. */
function groupNames(rules: string): readonly string[] {
  return [...rules.matchAll(/^ {2}- name: (\S+)$/gm)].map(([, group]) => group!);
}

function text(labels: Labels): string {
  return `{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(", ")}}`;
}
