// Scraping without the Prometheus Operator.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { CURRENT_PROMTOOL } from "../rules/promtool.ts";
import { CHART, HELMS, notes, only, render, WHY_NO_HELM } from "./helm.ts";
import { promtool } from "./promtool.ts";

type Relabeling = Readonly<Record<string, unknown>>;

describe.skipIf(HELMS.length === 0)(`without the operator (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
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
