// A key with only comments below it is null to YAML: Helm then takes the key away, and templates must go on without it.
import { describe, expect, test } from "vitest";
import { valuesSchema } from "../../scripts/chart-values/schema.ts";
import { HELMS, only, render, WHY_NO_HELM, WITH_OPERATOR } from "./helm.ts";

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Every map, list and empty text of the values as null; sections, numbers, switches and texts with a default stay. */
function nulled(values: Readonly<Record<string, unknown>>, sections: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const section = (sections as Readonly<Record<string, unknown>>)[key];
      if (isSection(value) && isSection(section) && Object.keys(value).length > 0) return [key, nulled(value, section)];
      return [key, value === "" || (typeof value === "object" && value !== null) ? null : value];
    }),
  );
}

/** What is a section, and not a map that stands for itself: all that has a section or a scalar of the chart's own below. */
function sectionsOf({ shape }: { readonly shape: object }): object {
  return Object.fromEntries(
    Object.entries(shape).flatMap(([key, schema]) => {
      const inner = (schema as { readonly unwrap?: () => unknown }).unwrap?.();
      return inner !== undefined && typeof inner === "object" && inner !== null && "shape" in inner
        ? [[key, sectionsOf(inner as { readonly shape: object })]]
        : [];
    }),
  );
}

describe.skipIf(HELMS.length === 0)(`values set to null (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("maps, lists and texts set to null are empty", async () => {
    const defaults = valuesSchema.parse({ monitoring: { alertmanagerConfig: { enabled: true } } });
    const values = nulled(defaults, sectionsOf(valuesSchema));
    expect(values).toMatchObject({ affinity: null, dashboards: { labels: null }, resources: { limits: null } });
    const all = await render({ ...WITH_OPERATOR, values });
    const spec = only(all, "DaemonSet").spec.template.spec;
    expect([spec.tolerations, spec.containers[0]!.resources]).toEqual([undefined, undefined]);
    const others = (manifests: readonly { readonly kind: string }[]) =>
      manifests.filter(({ kind }) => !["DaemonSet", "Pod"].includes(kind));
    const empty = {
      labels: { grafana_dashboard: null },
      annotations: { "kustomize.toolkit.fluxcd.io/substitute": null },
    };
    const withDefaults = await render({
      ...WITH_OPERATOR,
      values: { monitoring: { alertmanagerConfig: { enabled: true } }, dashboards: empty },
    });
    expect(others(all)).toEqual(others(withDefaults));
  });
});
