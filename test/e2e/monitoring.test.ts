// From `helm install` to a firing alert, through the real Prometheus Operator: what a user of kube-prometheus-stack goes
// through, the missing label included. Then an upgrade, under the eyes of the same Prometheus.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { load } from "js-yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../cluster/until.ts";
import { OperatorStack } from "./operator.ts";
import { Release } from "./release.ts";
import { slotsAmong } from "../support/slots.ts";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { helms, IS_FOREIGN, report, Target } from "./target.ts";

const NODES = ["node-1", "node-2", "node-3"];
const README = new URL("../../chart/README.md", import.meta.url);
const RULES = new URL("../../chart/files/rules/internode.yaml", import.meta.url);

async function alertNames(): Promise<readonly string[]> {
  const { groups } = load(await readFile(RULES, "utf8")) as {
    groups: readonly { rules: readonly { alert?: string }[] }[];
  };
  return groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert])));
}
const MINUTE_MS = 60_000;
/** The slowest alert about loss has fired by then if a rollout were loss at all: five minutes of window, one of hold. */
const CALM_MS = 6 * MINUTE_MS;

describe.skipIf(IS_FOREIGN)(`a release under the Prometheus Operator (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  let stack: OperatorStack;
  let release: Release;
  let notes: string;

  beforeAll(async () => {
    const [helm] = await helms();
    target = await Target.open();
    stack = await OperatorStack.start(target.own);
    release = await Release.prepare(target, { helm: helm!, namespace: "internode" });
    notes = await release.install();
    await release.rolledOut();
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  /** Every alert that has fired since Prometheus began. */
  const everFired = async (): Promise<readonly string[]> => {
    const samples = await stack.prometheus.query(
      `group by (alertname, node) (last_over_time(ALERTS{alertstate="firing"}[1h]))`,
    );
    return samples.map(({ labels }) => [labels["alertname"], labels["node"]].filter(Boolean).join(" ")).sort();
  };
  /** Of all that has been scraped within the hour. */
  const allSeries = async (): Promise<readonly string[]> => {
    const range = `start=${Math.floor(Date.now() / 1000) - 3_600}&end=${Math.floor(Date.now() / 1000)}`;
    const series = await stack.prometheus.data<readonly Record<string, string>[]>(
      `/api/v1/series?match[]=${encodeURIComponent('{__name__=~"internode_.+|up"}')}&${range}`,
    );
    return series.map((labels) => JSON.stringify(Object.entries(labels).sort(([a], [b]) => a.localeCompare(b)))).sort();
  };

  test("installed without the label that Prometheus selects by, nothing is scraped, and the notes say so with the cure", async () => {
    expect(notes).toContain("PROMETHEUS WILL NOT SEE THIS RELEASE");
    expect(notes).toMatch(/Prometheus prometheus\/kps takes a PodMonitor only with release=kps/);
    expect(notes).toMatch(/Prometheus prometheus\/kps takes a PrometheusRule only with release=kps/);
    expect(await stack.configuration()).not.toContain("job_name: podMonitor/internode/");
  });

  test("the command of the notes cures it: every pair is scraped and every rule loaded and healthy", async () => {
    const [, flag, value] = /(--set-string) '(monitoring\.labels\.release=kps)'/.exec(notes)!;
    expect(await release.upgrade([flag!, value!])).not.toContain("PROMETHEUS WILL NOT SEE THIS RELEASE");
    await stack.startPrometheus(release.namespace);

    const scraped = await until(
      "every pair to be scraped",
      async () => {
        const samples = await stack.prometheus.query("internode_rtt_seconds_count > 0");
        return samples.length >= slotsAmong(NODES).length && samples;
      },
      { timeoutMs: 90_000, intervalMs: 2_000 },
    );
    expect(
      scraped
        .map(
          ({ labels }) =>
            `${labels["source_node"]} → ${labels["destination_node"]} ${labels["network"]} ${labels["protocol"]}`,
        )
        .sort(),
    ).toEqual(slotsAmong(NODES));
    const up = await stack.prometheus.query("up");
    expect(new Map(up.map(({ labels, value }) => [labels["instance"], value]))).toEqual(
      new Map(NODES.map((node) => [node, 1])),
    );
    // Labels that a new pod would change are on no series.
    expect(new Set(up.flatMap(({ labels }) => Object.keys(labels)))).toEqual(
      new Set(["__name__", "instance", "job", "namespace"]),
    );

    const { groups } = await until(
      "every rule to have been evaluated",
      async () => {
        const told = await stack.prometheus.data<{
          groups: readonly { name: string; rules: readonly { name: string; health: string; lastError?: string }[] }[];
        }>("/api/v1/rules");
        return told.groups.flatMap(({ rules }) => rules).every(({ health }) => health !== "unknown") && told;
      },
      { timeoutMs: 5 * MINUTE_MS, intervalMs: 2_000 },
    );
    expect(groups.map(({ name }) => name)).toContain("internode.verdicts");
    expect(groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== "ok")).toEqual([]);
    const alerts = await stack.prometheus.data<{
      groups: readonly { rules: readonly { name: string; labels: Record<string, string> }[] }[];
    }>("/api/v1/rules?type=alert");
    const alerting = alerts.groups.flatMap(({ rules }) => rules);
    // All that the file holds: what the operator rewrites or leaves out would be missed at three in the morning.
    expect(new Set(alerting.map(({ name }) => name))).toEqual(new Set(await alertNames()));
    expect(new Set(alerting.map(({ labels }) => labels["namespace"]))).toEqual(new Set([release.namespace]));
  });

  test("a Prometheus without operator scrapes every agent by the job that the chart's README shows", async () => {
    const [, block] = /```yaml\n(scrape_configs:[^]*?)```/.exec(await readFile(README, "utf8"))!;
    const { scrape_configs: jobs } = load(block!) as {
      scrape_configs: readonly Parameters<typeof stack.scrapedBy>[0][];
    };
    expect(await stack.scrapedBy(jobs[0]!)).toEqual(NODES);
  });

  test("an upgrade that replaces every agent makes no new series and fires no alert", async () => {
    await until(
      "all nodes to be judged",
      async () => {
        const [count] = await stack.prometheus.query("internode:nodes:count");
        return count?.value === NODES.length;
      },
      { timeoutMs: 6 * MINUTE_MS, intervalMs: 5_000 },
    );
    const before = await allSeries();
    await release.upgradeTo({ config: { dns: { intervalMs: 20_000 } } });
    await release.rolledOut();
    await sleep(CALM_MS);
    const after = await allSeries();
    expect(before.filter((series) => !after.includes(series))).toEqual([]);
    // What first happens during a rollout may be counted for the first time then, without a pair being new; and while
    // a judge restarts, the next in rank judges and says so. A finding, though, would be one too many.
    const mayFirstHappenThen =
      /"internode_(probe_failure_reasons_total|probe_refusals_total|probe_anomalies_total|local_errors_total|dns_failure_reasons_total|judge_.+|findings_unlisted)"|"direction","unknown"/;
    expect(after.filter((series) => !before.includes(series) && !mayFirstHappenThen.test(series))).toEqual([]);
    expect(await everFired()).toEqual([]);
  });

  test("a node that is cut off completely is one alert that names it, and nothing else", async () => {
    const cutAt = performance.now();
    await target.own.node("node-3").cutLink();
    try {
      const fired = await until(
        "an alert",
        async () => {
          const firing = await stack.prometheus.query('ALERTS{alertstate="firing"}');
          return firing.length > 0 && firing;
        },
        { timeoutMs: 3 * MINUTE_MS, intervalMs: 500 },
      );
      const tookMs = performance.now() - cutAt;
      report(
        `a node cut off: alert after ${(tookMs / 1000).toFixed(1)} s (90 s promised, two cores shared with other suites)`,
      );
      expect(fired.map(({ labels }) => [labels["alertname"], labels["severity"], labels["node"]])).toEqual([
        ["InternodeNodeDegraded", "critical", "node-3"],
      ]);
    } finally {
      await target.own.node("node-3").healLink();
    }
    await until(
      "it to be over",
      async () => (await stack.prometheus.query('ALERTS{alertstate="firing"}')).length === 0,
      { timeoutMs: 10 * MINUTE_MS, intervalMs: 2_000 },
    );
    expect(await everFired()).toEqual(["InternodeNodeDegraded node-3"]);
  });
});
