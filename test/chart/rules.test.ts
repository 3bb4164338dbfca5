// The alert rules in the chart: the shipped file, with what the values override.
import { readFileSync } from "node:fs";
import { dump, load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { RULES, withThresholds } from "../rules/promtool.ts";
import { HELMS, only, refusal, render, WHY_NO_HELM, withOperator } from "./helm.ts";
import { promtool } from "./promtool.ts";
import { needs } from "../support/needs.ts";

const { test: promtoolTest } = await needs("promtool");

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

const SHIPPED = readFileSync(RULES, "utf8");
const groupsOf = (text: string): readonly Group[] => (load(text) as { groups: readonly Group[] }).groups;
const ruleGroups = async (values?: unknown): Promise<readonly Group[]> =>
  (only(await render(withOperator(values)), "PrometheusRule")["spec"] as { groups: readonly Group[] }).groups;
const alerts = (groups: readonly Group[]): readonly Rule[] =>
  groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);

/** The rules as the chart ships them by default: a static namespace on every alert, and the DaemonSet's own name. */
const asShipped = (
  text: string,
  {
    namespace = "monitoring",
    labels = {},
  }: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> } = {},
) =>
  groupsOf(text).map((group) => ({
    ...group,
    rules: group.rules.map((rule) =>
      rule.alert === undefined ? rule : { ...rule, labels: { ...rule.labels, namespace, ...labels } },
    ),
  }));

describe.skipIf(HELMS.length === 0)(
  `the alert rules in the chart (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`,
  () => {
    test("are the shipped file, rule by rule, with the release's namespace on every alert", async () => {
      expect(await ruleGroups()).toEqual(asShipped(SHIPPED));
    });

    promtoolTest("are good to promtool", async () => {
      expect(
        await promtool(["check", "rules", "--lint=all", "--lint-fatal"], dump({ groups: await ruleGroups() })),
      ).toMatch(/SUCCESS/);
    });

    test("take other thresholds as the rules' own tests put them in", async () => {
      const thresholds = {
        loss_ratio: 0.05,
        path_mtu_shortfall_bytes: 100,
        discovery_age_seconds: 3_000_000,
        latency_seconds: 0.000_005,
      };
      const groups = await ruleGroups({ alerts: { thresholds } });
      const constant = (all: readonly Group[], name: string) =>
        Number(
          /^vector\((.+)\)$/.exec(
            all[0]!.rules.find(({ record }) => record === `internode:threshold_${name}`)!.expr,
          )![1],
        );
      const expected = asShipped(withThresholds(SHIPPED, thresholds));
      for (const [name, value] of Object.entries(thresholds)) {
        expect(constant(groups, name), name).toBe(value);
        expect(constant(expected, name), name).toBe(value);
      }
      expect(groups.slice(1)).toEqual(expected.slice(1));
    });

    test("take a threshold as `--set` gives it, which is text", async () => {
      const [thresholds] = await ruleGroups({ alerts: { thresholds: { loss_ratio: "0.05" } } });
      expect(thresholds!.rules.find(({ record }) => record === "internode:threshold_loss_ratio")!.expr).toBe(
        "vector(0.05)",
      );
      expect(await refusal({ values: { alerts: { thresholds: { loss_ratio: "5%" } } } })).toMatch(
        /'\/alerts\/thresholds\/loss_ratio'.*\n.*got string, want number/,
      );
    });

    test("take `for`, labels and another home of the runbooks, and leave an alert out", async () => {
      const values = {
        alerts: {
          labels: { team: "network" },
          runbookUrl: "https://wiki.example/runbooks/",
          overrides: {
            InternodeDown: { for: "10m", labels: { severity: "warning" } },
            InternodeErrorBudgetBurn: { enabled: false },
          },
        },
      };
      const groups = await ruleGroups(values);
      const down = alerts(groups).find(({ alert }) => alert === "InternodeDown")!;
      expect(down).toMatchObject({
        for: "10m",
        labels: { severity: "warning", team: "network", namespace: "monitoring" },
        annotations: { runbook_url: "https://wiki.example/runbooks/InternodeDown.md" },
      });
      expect(
        alerts(groups).filter(
          ({ labels, annotations }) =>
            labels!["team"] !== "network" ||
            !annotations!["runbook_url"]!.startsWith("https://wiki.example/runbooks/Internode"),
        ),
      ).toEqual([]);
      const names = (all: readonly Group[]) => alerts(all).map(({ alert }) => alert);
      expect(names(groups)).toEqual(names(groupsOf(SHIPPED)).filter((name) => name !== "InternodeErrorBudgetBurn"));
      const records = (all: readonly Group[]) =>
        all.flatMap(({ rules }) => rules).filter(({ record }) => record !== undefined);
      expect(records(groups)).toEqual(records(groupsOf(SHIPPED)));
    });

    test("keep the two severities of one alert apart", async () => {
      const groups = await ruleGroups({
        alerts: {
          overrides: {
            InternodeDnsFailing: {
              for: "1m",
              labels: { team: "dns" },
              critical: { for: "5m", labels: { severity: "page" } },
              warning: { labels: { severity: "ticket", team: "cluster" } },
            },
            InternodeAgentImpaired: { warning: { enabled: false } },
            InternodePodNetworkDegraded: { enabled: false, critical: { enabled: true } },
          },
        },
      });
      const severities = (name: string) =>
        alerts(groups)
          .filter(({ alert }) => alert === name)
          .map((rule) => rule.labels!["severity"]);
      expect(
        alerts(groups)
          .filter(({ alert }) => alert === "InternodeDnsFailing")
          .map((rule) => [rule.for, rule.labels!["severity"], rule.labels!["team"]]),
      ).toEqual([
        ["5m", "page", "dns"],
        ["1m", "ticket", "cluster"],
      ]);
      expect(severities("InternodeAgentImpaired")).toEqual(["critical"]);
      expect(severities("InternodePodNetworkDegraded")).toEqual(["critical"]);
    });

    test("link every alert to its dashboard, on the Grafana that the values name", async () => {
      const links = async (values?: unknown) =>
        alerts(await ruleGroups(values)).map(({ annotations }) => annotations!["dashboard_url"]!);
      const shipped = await links();
      expect(shipped.filter((link) => !link.startsWith("/d/internode-"))).toEqual([]);
      const whole = await links({ alerts: { grafanaUrl: "https://grafana.example/$1/" } });
      expect(whole).toEqual(shipped.map((link) => `https://grafana.example/$1${link}`));
    });

    test("carry further groups as they are", async () => {
      const group = {
        name: "mine",
        rules: [
          { record: "a:b", expr: "vector(1)" },
          { alert: "Mine", expr: "a:b > 0", keep_firing_for: "5m" },
        ],
      };
      expect((await ruleGroups({ alerts: { extraGroups: [group] } })).at(-1)).toEqual(group);
    });

    test("ask kube-state-metrics for the DaemonSet by its own name", async () => {
      const askedFor = async (values?: unknown) =>
        JSON.stringify(await ruleGroups(values)).match(/kube_daemonset_[a-z_]+\{[^}]*\}/g);
      const desired = (name: string) => [`kube_daemonset_status_desired_number_scheduled{daemonset=\\"${name}\\"}`];
      expect(await askedFor({ fullnameOverride: "mesh" })).toEqual(desired("mesh"));
      expect(await askedFor()).toEqual(desired("internode"));
    });

    test.for([
      [{ alerts: { thresholds: { loss: 0.1 } } }, /alerts\.thresholds\.loss is no threshold.*There are: loss_ratio, /],
      [
        { alerts: { overrides: { InternodeDwon: { for: "1m" } } } },
        /alerts\.overrides\.InternodeDwon is no alert.*InternodeDown/,
      ],
      [{ monitoring: { interval: "1m" } }, /monitoring\.interval is 1m.*30s at most/],
      [{ monitoring: { scrapeTimeout: "20s" } }, /monitoring\.scrapeTimeout is 20s.*Lower it/],
      [{ alerts: { overrides: { InternodeDown: { severity: "x" } } } }, /'severity' not allowed/],
      [
        { alerts: { overrides: { InternodeDown: { warning: { for: "1m" } } } } },
        /alerts\.overrides\.InternodeDown\.warning: InternodeDown is critical only.*alerts\.overrides\.InternodeDown itself/,
      ],
      [
        { alerts: { overrides: { InternodeDnsFailing: { labels: { severity: "ticket" } } } } },
        /alerts\.overrides\.InternodeDnsFailing\.labels\.severity would give its critical and its warning form one severity.*InternodeDnsFailing\.critical\.labels/,
      ],
      [{ alerts: { grafanaUrl: "grafana.example" } }, /'\/alerts\/grafanaUrl'/],
    ] as const)("%j is refused", async ([values, says]) => {
      expect(await refusal({ values })).toMatch(says);
    });
  },
);
