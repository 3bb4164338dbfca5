// Who scrapes, what is alerted, where dashboards go: rendered objects against the shipped files, and promtool on what
// Prometheus would load.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { dump, load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { CURRENT_PROMTOOL, PROMTOOL, RULES, type Promtool, withThresholds } from "../rules/promtool.ts";
import { CHART, HELMS, notes, only, refusal, render, WHY_NO_HELM, WITH_OPERATOR, type Rendering } from "./helm.ts";

const run = promisify(execFile);

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
type Relabeling = Readonly<Record<string, unknown>>;

const SHIPPED = readFileSync(RULES, "utf8");
const groupsOf = (text: string): readonly Group[] => (load(text) as { groups: readonly Group[] }).groups;
const withOperator = (values?: unknown): Rendering => ({
  ...WITH_OPERATOR,
  ...(values === undefined ? {} : { values }),
});
const kindsOf = async (rendering: Rendering) =>
  (await render(rendering)).map(({ kind }) => kind).filter((kind) => /Monitor|Rule|Alertmanager|Grafana/.test(kind));
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

async function promtool(command: readonly string[], text: string, { path }: Promtool = PROMTOOL): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "internode-chart-"));
  try {
    const file = join(folder, "file.yaml");
    await writeFile(file, text);
    return (await run(path, [...command, file])).stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(HELMS.length === 0)(
  `what the Prometheus Operator gets (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`,
  () => {
    test("where its kinds are known: a PodMonitor and the rules; where not, neither", async () => {
      expect(await kindsOf(withOperator())).toEqual(["PodMonitor", "PrometheusRule"]);
      expect(await kindsOf({})).toEqual([]);
    });

    test("a render told of the group alone takes its kinds for known; a cluster that announces one kind has that one only", async () => {
      const GROUP = "monitoring.coreos.com/v1";
      expect(await kindsOf({ apiVersions: [GROUP] })).toEqual(["PodMonitor", "PrometheusRule"]);
      expect(await kindsOf({ apiVersions: [GROUP, `${GROUP}/PrometheusRule`] })).toEqual(["PrometheusRule"]);
      expect(await kindsOf({ apiVersions: [GROUP, `${GROUP}/ServiceMonitor`] })).toEqual([]);
    });

    test("renders without a cluster say themselves what they want", async () => {
      expect(
        await kindsOf({ values: { monitoring: { podMonitor: { enabled: true }, prometheusRule: { enabled: true } } } }),
      ).toEqual(["PodMonitor", "PrometheusRule"]);
      expect(
        await kindsOf(
          withOperator({ monitoring: { podMonitor: { enabled: false }, prometheusRule: { enabled: false } } }),
        ),
      ).toEqual([]);
    });

    test("one way of scraping replaces the PodMonitor that nobody asked for, and is refused beside one that was", async () => {
      expect(await kindsOf(withOperator({ monitoring: { serviceMonitor: { enabled: true } } }))).toEqual([
        "PrometheusRule",
        "ServiceMonitor",
      ]);
      expect(await kindsOf(withOperator({ monitoring: { scrapeAnnotations: true } }))).toEqual(["PrometheusRule"]);
      expect(
        await refusal({ values: { monitoring: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } } }),
      ).toMatch(/both true: every agent would be scraped twice/);
      expect(
        await refusal({ values: { monitoring: { podMonitor: { enabled: true }, scrapeAnnotations: true } } }),
      ).toMatch(/beside a PodMonitor: every agent would be scraped twice/);
    });

    test.for(["PodMonitor", "ServiceMonitor"] as const)(
      "a %s makes the node the instance and drops what a rollout changes",
      async (kind) => {
        const spec = only(
          await render(withOperator({ monitoring: { serviceMonitor: { enabled: kind === "ServiceMonitor" } } })),
          kind,
        )["spec"] as Record<string, unknown>;
        const [endpoint] = (spec["podMetricsEndpoints"] ?? spec["endpoints"]) as {
          relabelings: readonly Relabeling[];
        }[];
        expect(endpoint).toMatchObject({ port: "metrics", path: "/metrics", interval: "15s", scrapeTimeout: "10s" });
        expect(endpoint!.relabelings.slice(-2)).toEqual([
          { sourceLabels: ["__meta_kubernetes_pod_node_name"], targetLabel: "instance" },
          { action: "labeldrop", regex: "pod|container|endpoint" },
        ]);
        const agents = only(await render(), "Service");
        expect(agents.metadata.labels).toMatchObject((spec["selector"] as { matchLabels: object }).matchLabels);
        expect((agents["spec"] as { selector: object }).selector).toEqual(
          (spec["selector"] as { matchLabels: object }).matchLabels,
        );
      },
    );

    test("a ServiceMonitor scrapes a dual-stack agent at its primary address only", async () => {
      const spec = only(
        await render({ values: { monitoring: { serviceMonitor: { enabled: true } } } }),
        "ServiceMonitor",
      )["spec"] as { endpoints: readonly { relabelings: readonly Relabeling[] }[] };
      const [host, keep] = spec.endpoints[0]!.relabelings;
      expect(keep).toEqual({
        sourceLabels: ["__meta_kubernetes_pod_ip"],
        action: "keepequal",
        targetLabel: "__tmp_host",
      });
      const hostOf = (address: string) => new RegExp(`^(?:${String(host!["regex"])})$`).exec(address)?.[1];
      expect([hostOf("10.0.0.1:9843"), hostOf("[fd00::1]:9843")]).toEqual(["10.0.0.1", "fd00::1"]);
    });

    test("limits, native histograms and further relabelings are passed on", async () => {
      const monitoring = {
        sampleLimit: 2_000_000,
        targetLimit: 500,
        labelLimit: 20,
        bodySizeLimit: "50MB",
        nativeHistograms: true,
        interval: "30s",
        podMonitor: {
          jobLabel: "app",
          metricRelabelings: [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }],
        },
      };
      expect(only(await render(withOperator({ monitoring })), "PodMonitor")["spec"]).toMatchObject({
        sampleLimit: 2_000_000,
        targetLimit: 500,
        labelLimit: 20,
        bodySizeLimit: "50MB",
        jobLabel: "app",
        convertClassicHistogramsToNHCB: true,
        scrapeClassicHistograms: true,
        podMetricsEndpoints: [
          { interval: "30s", metricRelabelings: [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }] },
        ],
      });
    });

    test("labels for all objects and for one of them", async () => {
      const manifests = await render(
        withOperator({
          monitoring: { labels: { release: "kps" }, prometheusRule: { labels: { release: "other", role: "alerts" } } },
        }),
      );
      expect(only(manifests, "PodMonitor").metadata.labels).toMatchObject({ release: "kps" });
      expect(only(manifests, "PrometheusRule").metadata.labels).toMatchObject({ release: "other", role: "alerts" });
      expect(only(manifests, "DaemonSet").metadata.labels).not.toHaveProperty("release");
    });
  },
);

describe.skipIf(HELMS.length === 0)("labels of one object that others give too", () => {
  test("are there once, and the object's own wins", async () => {
    const labels = { team: "object", "app.kubernetes.io/part-of": "kps" };
    const values = {
      labels: { team: "all" },
      monitoring: { labels, alertmanagerConfig: { enabled: true } },
      dashboards: { labels },
    };
    const manifests = await render(withOperator(values));
    for (const kind of ["PodMonitor", "PrometheusRule", "AlertmanagerConfig"])
      expect(only(manifests, kind).metadata.labels).toMatchObject(labels);
    expect(only(manifests, "ConfigMap", "internode-dashboard-mesh").metadata.labels).toMatchObject(labels);
    expect(only(manifests, "ConfigMap", "internode").metadata.labels).toMatchObject({ team: "all" });
  });
});

describe.skipIf(HELMS.length === 0)("the alert rules in the chart", () => {
  test("are the shipped file, rule by rule, with the release's namespace on every alert", async () => {
    expect(await ruleGroups()).toEqual(asShipped(SHIPPED));
  });

  test("are good to promtool", async () => {
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
        /^vector\((.+)\)$/.exec(all[0]!.rules.find(({ record }) => record === `internode:threshold_${name}`)!.expr)![1],
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
    const unwatched = async (values?: unknown) =>
      alerts(await ruleGroups(values)).find(({ alert }) => alert === "InternodeNodeUnwatched")!.expr;
    expect(await unwatched({ fullnameOverride: "mesh" })).toContain('{daemonset="mesh"}');
    expect(await unwatched()).toContain('{daemonset="internode"}');
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
  ] as const)("%j is refused", async ([values, says]) => {
    expect(await refusal({ values })).toMatch(says);
  });
});

describe.skipIf(HELMS.length === 0)("Alertmanager and Grafana", () => {
  test("the AlertmanagerConfig inhibits what docs/alertmanager.md says", async () => {
    const page = readFileSync(new URL("../../docs/alertmanager.md", import.meta.url), "utf8");
    const { inhibit_rules: documented } = load(/```yaml\n([\s\S]*?)```/.exec(page)![1]!) as {
      inhibit_rules: readonly { source_matchers: string[]; target_matchers: string[]; equal: string[] }[];
    };
    const { inhibitRules } = only(
      await render({ values: { monitoring: { alertmanagerConfig: { enabled: true } } } }),
      "AlertmanagerConfig",
    )["spec"] as { inhibitRules: readonly { sourceMatch: Matcher[]; targetMatch: Matcher[]; equal: string[] }[] };
    const words = (matchers: readonly Matcher[]) =>
      matchers.map(({ name, matchType, value }) => `${name} ${matchType} "${value}"`);
    expect(
      inhibitRules.map(({ sourceMatch, targetMatch, equal }) => ({
        source_matchers: words(sourceMatch),
        target_matchers: words(targetMatch),
        equal,
      })),
    ).toEqual(documented);
  });

  const files = readdirSync(join(CHART, "files")).includes("dashboards")
    ? readdirSync(join(CHART, "files/dashboards")).filter((file) => file.endsWith(".json"))
    : [];

  test("every dashboard file is a ConfigMap for the sidecar, byte by byte, and small enough for client-side apply", async () => {
    const dashboards = (await render({ values: { dashboards: { folder: "Networks", namespace: "grafana" } } })).filter(
      ({ metadata }) => metadata.labels?.["grafana_dashboard"] === "1",
    );
    expect(
      dashboards
        .map((dashboard) => Object.keys(dashboard["data"] as object))
        .flat()
        .sort(),
    ).toEqual(files.sort());
    for (const { metadata, data } of dashboards) {
      expect(metadata).toMatchObject({ namespace: "grafana", annotations: { grafana_folder: "Networks" } });
      for (const [file, text] of Object.entries(data as Record<string, string>)) {
        expect(text).toBe(readFileSync(join(CHART, "files/dashboards", file), "utf8"));
        expect(text.length).toBeLessThan(262_144);
      }
    }
  });

  test("Grafana's operator gets resources that refer to the same ConfigMaps", async () => {
    const values = {
      dashboards: { grafanaOperator: { enabled: true, instanceSelector: { matchLabels: { dashboards: "grafana" } } } },
    };
    const manifests = await render({ values });
    const references = manifests
      .filter(({ kind }) => kind === "GrafanaDashboard")
      .map(({ spec }) => (spec as { configMapRef: { name: string; key: string } }).configMapRef);
    expect(references.map(({ key }) => key).sort()).toEqual(files.sort());
    for (const { name, key } of references) expect(only(manifests, "ConfigMap", name).data).toHaveProperty([key]);
    expect(await refusal({ values: { dashboards: { grafanaOperator: { enabled: true } } } })).toMatch(
      /instanceSelector is empty/,
    );
    expect(
      (await render({ values: { dashboards: { enabled: false } } })).filter(({ metadata }) =>
        metadata.name.includes("dashboard"),
      ),
    ).toEqual([]);
  });
});

interface Matcher {
  readonly name: string;
  readonly matchType: string;
  readonly value: string;
}

describe.skipIf(HELMS.length === 0)("a Prometheus that selects something else", () => {
  /** What the templates say of these Prometheus resources, asked through a template of our own. */
  async function said(
    prometheuses: readonly unknown[],
    values: object = {},
    namespaceLabels: object = {},
  ): Promise<{ unselected: readonly string[]; cure: { readonly flags: string; readonly namespace: string } }> {
    const question = `
apiVersion: v1
kind: ConfigMap
metadata: { name: said }
data:
  {{- $prometheuses := \`${JSON.stringify(prometheuses)}\` | fromJsonArray }}
  unselected: {{ include "internode.unselected" (dict "root" $ "prometheuses" $prometheuses "namespaceLabels" (\`${JSON.stringify(namespaceLabels)}\` | fromJson)) | fromYamlArray | toJson | quote }}
  cure: {{ include "internode.selectionCure" (dict "root" $ "prometheuses" $prometheuses "namespaceLabels" (\`${JSON.stringify(namespaceLabels)}\` | fromJson)) | quote }}`;
    const { unselected, cure } = only(
      await render(withOperator({ ...values, extraManifests: [question] })),
      "ConfigMap",
      "said",
    ).data;
    return {
      unselected: JSON.parse(unselected!) as string[],
      cure: JSON.parse(cure!) as { flags: string; namespace: string },
    };
  }
  const all = { podMonitorSelector: {}, podMonitorNamespaceSelector: {}, ruleSelector: {}, ruleNamespaceSelector: {} };
  const prometheus = (spec: object, namespace = "prometheus") => ({
    metadata: { name: "kps", namespace },
    spec: { ...all, ...spec },
  });
  const release = { matchLabels: { release: "kps" } };

  test("the label that kube-prometheus-stack asks for is named, with the command that sets it", async () => {
    const { unselected, cure } = await said([prometheus({ podMonitorSelector: release, ruleSelector: release })]);
    expect(unselected).toEqual([
      "Prometheus prometheus/kps takes a PodMonitor only with release=kps: nothing will be scraped.",
      "Prometheus prometheus/kps takes a PrometheusRule only with release=kps: no alert will fire.",
    ]);
    expect(cure).toEqual({ flags: "--set-string 'monitoring.labels.release=kps'", namespace: "" });
  });

  test("nothing is said once the labels are there, or when another Prometheus takes everything", async () => {
    expect(
      (
        await said([prometheus({ podMonitorSelector: release, ruleSelector: release })], {
          monitoring: { labels: { release: "kps" } },
        })
      ).unselected,
    ).toEqual([]);
    expect(
      (await said([prometheus({ podMonitorSelector: release, ruleSelector: release }), prometheus({})])).unselected,
    ).toEqual([]);
    expect((await said([])).unselected).toEqual([]);
  });

  test("a selector that is not set takes nothing, and a namespace selector that is not set its own namespace", async () => {
    expect(
      (await said([{ metadata: { name: "kps", namespace: "prometheus" }, spec: { ...all, ruleSelector: undefined } }]))
        .unselected,
    ).toEqual([expect.stringContaining("takes a PrometheusRule only with nothing at all") as string]);
    const own = { podMonitorSelector: {}, ruleSelector: {} };
    expect((await said([{ metadata: { name: "kps", namespace: "prometheus" }, spec: own }])).unselected).toEqual([
      "Prometheus prometheus/kps takes a PodMonitor only from its own namespace: nothing will be scraped.",
      "Prometheus prometheus/kps takes a PrometheusRule only from its own namespace: no alert will fire.",
    ]);
    expect((await said([{ metadata: { name: "kps", namespace: "monitoring" }, spec: own }])).unselected).toEqual([]);
  });

  test("namespace labels and expressions are read too", async () => {
    const spec = {
      podMonitorNamespaceSelector: { matchExpressions: [{ key: "watch", operator: "In", values: ["yes"] }] },
    };
    expect((await said([prometheus(spec)])).unselected).toEqual([
      "Prometheus prometheus/kps takes a PodMonitor only from namespaces with watch In yes: nothing will be scraped.",
    ]);
    expect((await said([prometheus(spec)], {}, { watch: "yes" })).unselected).toEqual([]);
  });

  test("the cure names only what is missing, and a label of the namespace where that is what is missing", async () => {
    const spec = {
      podMonitorSelector: release,
      serviceMonitorSelector: { matchLabels: { other: "x" } },
      ruleSelector: release,
      podMonitorNamespaceSelector: { matchLabels: { watch: "yes" } },
    };
    const { unselected, cure } = await said([prometheus(spec)], { monitoring: { labels: { release: "kps" } } });
    expect(unselected).toEqual([
      "Prometheus prometheus/kps takes a PodMonitor only from namespaces with watch=yes: nothing will be scraped.",
    ]);
    expect(cure).toEqual({ flags: "", namespace: "watch=yes" });
  });

  const labelled = (value: string) => ({ matchLabels: { release: value } });

  test("the cure leaves alone what some Prometheus takes already", async () => {
    const taking = prometheus({ podMonitorSelector: labelled("a"), ruleSelector: { matchLabels: { role: "rules" } } });
    const { unselected, cure } = await said(
      [taking, prometheus({ podMonitorSelector: labelled("b"), ruleSelector: labelled("b") })],
      { monitoring: { labels: { release: "a" } } },
    );
    expect(unselected).toEqual([
      "Prometheus prometheus/kps takes a PrometheusRule only with role=rules; Prometheus prometheus/kps takes a PrometheusRule only with release=b: no alert will fire.",
    ]);
    expect(cure.flags).toBe("--set-string 'monitoring.prometheusRule.labels.role=rules'");
  });

  test("of several Prometheus the cure is for one, in the release's namespace if there is one", async () => {
    const selecting = (value: string) => ({ podMonitorSelector: labelled(value), ruleSelector: labelled(value) });
    expect((await said([prometheus(selecting("a")), prometheus(selecting("b"))])).cure.flags).toBe(
      "--set-string 'monitoring.labels.release=a'",
    );
    expect((await said([prometheus(selecting("a")), prometheus(selecting("b"), "monitoring")])).cure.flags).toBe(
      "--set-string 'monitoring.labels.release=b'",
    );
  });

  test("kinds that need different labels, or have labels of their own, get each its own", async () => {
    expect(
      (await said([prometheus({ podMonitorSelector: labelled("a"), ruleSelector: labelled("b") })])).cure.flags,
    ).toBe(
      "--set-string 'monitoring.podMonitor.labels.release=a' --set-string 'monitoring.prometheusRule.labels.release=b'",
    );
    const wrong = { monitoring: { podMonitor: { labels: { release: "wrong" } } } };
    expect(
      (await said([prometheus({ podMonitorSelector: labelled("a"), ruleSelector: labelled("a") })], wrong)).cure.flags,
    ).toBe(
      "--set-string 'monitoring.podMonitor.labels.release=a' --set-string 'monitoring.prometheusRule.labels.release=a'",
    );
  });
});

describe.skipIf(HELMS.length === 0)("without the operator", () => {
  test("annotations on the pods name the metrics port", async () => {
    const values = { monitoring: { scrapeAnnotations: true }, config: { ports: { metrics: 9999 } } };
    const { annotations } = only(await render({ values }), "DaemonSet").spec.template.metadata;
    expect(annotations).toMatchObject({
      "prometheus.io/scrape": "true",
      "prometheus.io/port": "9999",
      "prometheus.io/path": "/metrics",
    });
  });

  test("the notes say that nobody scrapes, and how to change it", async () => {
    expect(await notes()).toMatch(/Nobody scrapes yet.*port 9843/);
    expect(await notes({ values: { monitoring: { podMonitor: { enabled: true } } } })).not.toMatch(/Nobody scrapes/);
    // Whoever switches it off scrapes by a job of their own.
    expect(await notes({ values: { monitoring: { podMonitor: { enabled: false } } } })).not.toMatch(/Nobody scrapes/);
  });

  test.for([{ podMonitor: { enabled: true } }, { serviceMonitor: { enabled: true } }, { scrapeAnnotations: true }])(
    "the notes say that no rules are loaded with %j, unless that was wanted",
    async (scraping) => {
      const text = (prometheusRule?: object) =>
        notes({ values: { monitoring: { ...scraping, ...(prometheusRule === undefined ? {} : { prometheusRule }) } } });
      expect(await text()).toMatch(/No alert fires yet.*prometheusRule\.enabled to\s+true/);
      expect(await text({ enabled: true })).not.toMatch(/No alert/);
      expect(await text({ enabled: false })).not.toMatch(/No alert/);
    },
  );

  const README_JOB = /```yaml\n(scrape_configs:[\s\S]*?)```/.exec(readFileSync(join(CHART, "README.md"), "utf8"))![1]!;

  // Debian's promtool is built without Kubernetes discovery.
  test.skipIf(CURRENT_PROMTOOL === undefined)(
    "the README's scrape configuration is one that Prometheus takes",
    async () => {
      expect(await promtool(["check", "config", "--syntax-only"], README_JOB, CURRENT_PROMTOOL)).toMatch(/SUCCESS/);
    },
  );

  test("the README's scrape configuration finds the agents' metrics port and makes the node the instance", async () => {
    const {
      scrape_configs: [job],
    } = load(README_JOB) as {
      scrape_configs: readonly { scrape_interval: string; relabel_configs: readonly Relabeling[] }[];
    };
    const { labels } = only(await render(), "DaemonSet").spec.template.metadata;
    expect(job!.scrape_interval).toBe("15s");
    expect(job!.relabel_configs).toEqual([
      {
        source_labels: [
          "__meta_kubernetes_pod_label_app_kubernetes_io_name",
          "__meta_kubernetes_pod_label_app_kubernetes_io_component",
          "__meta_kubernetes_pod_container_port_name",
        ],
        regex: `${labels["app.kubernetes.io/name"]};${labels["app.kubernetes.io/component"]};metrics`,
        action: "keep",
      },
      { source_labels: ["__meta_kubernetes_pod_node_name"], target_label: "instance" },
    ]);
  });
});
