// What docs/collectors.md shows for VictoriaMetrics, the OpenTelemetry collector and Datadog, and every other example of
// values in the documents: rendered and parsed.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load, loadAll } from "js-yaml";
import { describe, expect, test } from "vitest";
import { CATALOGUE } from "../../agent/metrics/catalogue.ts";
import { valuesSchema } from "../../scripts/chart-values/schema.ts";
import { CHART, HELMS, only, refusal, render, WHY_NO_HELM, withOperator } from "./helm.ts";

const page = (path: string): string => readFileSync(join(CHART, "..", path), "utf8");

interface Example {
  readonly text: string;
  /** The name that a comment above gives it. */
  readonly name: string | undefined;
}

/** Blocks of YAML, also those within a list. */
const examplesOf = (path: string): readonly Example[] =>
  [...page(path).matchAll(/(?:<!-- checked by \S+: (\w+) -->\n)?( *)```yaml\n([^]*?)\n *```/g)].map(
    ([, name, indent, text]) => ({ name, text: text!.replaceAll(new RegExp(`^${indent}`, "gm"), "") }),
  );
const COLLECTORS = examplesOf("docs/collectors.md");
const example = (name: string): unknown => load(COLLECTORS.find((found) => found.name === name)!.text);

interface Collector {
  readonly receivers: { readonly prometheus: { readonly config: { readonly scrape_configs: readonly unknown[] } } };
}

describe.skipIf(HELMS.length === 0)(`other collectors (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`, () => {
  test.for(HELMS)("VictoriaMetrics gets the PodMonitor and the rules in its own kinds by $name", async (helm) => {
    const manifests = await render({ helm, values: example("victoria") });
    const prometheus = await render(withOperator());
    const { selector, podMetricsEndpoints } = only(prometheus, "PodMonitor")["spec"] as {
      readonly selector: unknown;
      readonly podMetricsEndpoints: readonly Readonly<Record<string, unknown>>[];
    };
    const { relabelings, ...endpoint } = podMetricsEndpoints[0]!;
    expect(only(manifests, "VMPodScrape")).toMatchObject({
      metadata: { name: "internode", namespace: "monitoring" },
      spec: { selector, podMetricsEndpoints: [{ ...endpoint, relabelConfigs: relabelings }] },
    });
    expect(only(manifests, "VMRule")["spec"]).toEqual(only(prometheus, "PrometheusRule")["spec"]);
    expect(manifests.map(({ kind }) => kind)).not.toContain("PodMonitor");
  });

  test("the collector's receiver has the job of the chart's README, and no dollar sign that it would replace", () => {
    const { receivers } = example("collector") as Collector;
    const [readme] = examplesOf("chart/README.md").filter(({ text }) => text.startsWith("scrape_configs:"));
    const jobs = receivers.prometheus.config.scrape_configs;
    expect(jobs).toEqual((load(readme!.text) as { scrape_configs: unknown }).scrape_configs);
    expect(JSON.stringify(jobs)).not.toContain("$");
  });

  test("Datadog's annotation names a container and a port that are there, and metrics that are exported", async () => {
    const { metadata, spec } = only(await render({ values: example("datadog") }), "DaemonSet").spec.template;
    const [container] = spec.containers;
    const checks = JSON.parse(metadata.annotations[`ad.datadoghq.com/${container!.name}.checks`]!) as {
      openmetrics: { instances: readonly { openmetrics_endpoint: string; metrics: readonly object[] }[] };
    };
    const [instance] = checks.openmetrics.instances;
    const [, port] = /^http:\/\/%%host%%:%%port_(\w+)%%\/metrics$/.exec(instance!.openmetrics_endpoint)!;
    expect(container!.ports.map(({ name }) => name)).toContain(port);
    const exported = new Set(Object.values(CATALOGUE).map(({ name }) => name.replace(/_total$/, "")));
    expect(instance!.metrics.flatMap(Object.keys).filter((name) => !exported.has(name))).toEqual([]);
  });
});

describe.skipIf(HELMS.length === 0)("values that the documents show", () => {
  const isOfValues = (text: string): boolean => {
    const [values, ...more] = loadAll(text);
    if (more.length > 0 || typeof values !== "object" || values === null || Array.isArray(values)) return false;
    return Object.keys(values).every((key) => key in valuesSchema.shape);
  };
  const shown = ["chart/README.md", "docs/platforms.md", "docs/collectors.md"].map((path) => ({
    path,
    examples: examplesOf(path).filter(({ text }) => isOfValues(text)),
  }));

  test("are found", () => {
    expect(shown.map(({ examples }) => examples.length > 1)).toEqual([true, true, true]);
  });

  test.for(shown.flatMap(({ path, examples }) => examples.map(({ text }) => ({ path, text }))))(
    "render: $path, $text",
    async ({ text }) => {
      expect(await refusal({ values: load(text) })).toBeUndefined();
    },
  );
});
