// What goes to Alertmanager and to Grafana.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { CHART, HELMS, only, refusal, render, WHY_NO_HELM } from "./helm.ts";

interface Matcher {
  readonly name: string;
  readonly matchType: string;
  readonly value: string;
}

describe.skipIf(HELMS.length === 0)(`Alertmanager and Grafana (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
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

  test("a dashboard keeps its ${…} when Flux applies it, beside other annotations", async () => {
    const annotationsOf = async (dashboards: object) =>
      only(await render({ values: { dashboards } }), "ConfigMap", "internode-dashboard-mesh").metadata.annotations;
    expect(await annotationsOf({})).toEqual({
      grafana_folder: "Internode",
      "kustomize.toolkit.fluxcd.io/substitute": "disabled",
    });
    expect(await annotationsOf({ annotations: { "example.com/a": "b" }, folder: "" })).toEqual({
      "example.com/a": "b",
      "kustomize.toolkit.fluxcd.io/substitute": "disabled",
    });
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
