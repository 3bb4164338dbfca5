import { readFileSync } from "node:fs";
import {
  type Dashboard,
  DashboardLinkType,
  type FieldConfig,
  type VariableModel,
  VariableRefresh,
  VariableType,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { describe, expect, test } from "vitest";
import { CATALOGUE, type Metric } from "../../agent/metrics/catalogue.ts";
import { dashboards, toJson } from "../../dashboards/all.ts";
import { namesIn } from "./promql.ts";
import { BUILT_IN, fill, panelsOf, queriesOf } from "./queries.ts";

const SCRAPE_SECONDS = 15;
const rules = readFileSync(new URL("../../chart/files/rules/internode.yaml", import.meta.url), "utf8");
const recorded = new Set([...rules.matchAll(/- record: (\S+)/g)].map(([, name]) => name!));
const runbooks = new Set([...rules.matchAll(/runbook_url: (\S+)\/\w+\.md/g)].map(([, base]) => base!));

/** Labels of every series that the agents export, by the name it has in Prometheus. */
const exported = new Map<string, ReadonlySet<string>>(
  Object.values<Metric>(CATALOGUE).flatMap(({ name, type, labels }): [string, Set<string>][] => {
    const own = [...labels, "cluster"];
    if (type === "histogram")
      return [
        [`${name}_bucket`, new Set([...own, "le"])],
        [`${name}_sum`, new Set(own)],
        [`${name}_count`, new Set(own)],
      ];
    if (type === "summary")
      return [
        [`${name}_sum`, new Set(own)],
        [`${name}_count`, new Set(own)],
      ];
    return [[name, new Set(own)]];
  }),
);
const anyLabel = new Set([...exported.values()].flatMap((labels) => [...labels]).concat("node", "zone"));
/** Not ours: what Prometheus writes about alerts and scrapes, and what prom-client says of its process. */
const foreign = new Map<string, ReadonlySet<string>>([
  ["ALERTS", new Set([...anyLabel, "alertname", "alertstate", "severity"])],
  ...[
    "scrape_samples_scraped",
    "scrape_duration_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
  ].map((name): [string, ReadonlySet<string>] => [name, new Set(["cluster", "instance"])]),
]);

const labelsOf = (metric: string) =>
  exported.get(metric) ?? foreign.get(metric) ?? (recorded.has(metric) ? anyLabel : undefined);
/** As they are shipped: read back from JSON. */
const shipped = Object.entries(dashboards).map(([file, dashboard]): [string, Dashboard] => [
  file,
  JSON.parse(toJson(dashboard)) as Dashboard,
]);
const variablesOf = (dashboard: Dashboard): readonly VariableModel[] => dashboard.templating.list ?? [];
const optionsOf = (variable: VariableModel) => (variable.options ?? []).map((option) => String(option.value));
const seconds = (duration: string) =>
  [...duration.matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit as "s"],
    0,
  );

/** Variables of a dashboard by one value each; one reading for every choice of the window. */
function readings(dashboard: Dashboard): readonly Record<string, string>[] {
  const values = Object.fromEntries(
    variablesOf(dashboard).map((variable) => [variable.name, optionsOf(variable)[0] ?? "x"]),
  );
  const windows = variablesOf(dashboard).find((variable) => variable.name === "window");
  return (windows ? optionsOf(windows) : [""]).map((window) => ({ ...BUILT_IN, ...values, window }));
}

test("the pages that the dashboards link to are there: one an alert, and one that lists them", () => {
  const alerts = new Set([...rules.matchAll(/- alert: (\S+)/g)].map(([, name]) => name!));
  expect(alerts.size).toBeGreaterThan(10);
  const page = (name: string) => readFileSync(new URL(`../../docs/runbooks/${name}.md`, import.meta.url), "utf8");
  for (const alert of alerts) {
    expect(page("README"), alert).toContain(`](${alert}.md)`);
    expect(page(alert), alert).toContain(alert);
  }
});

test("every alert leads to a dashboard that is there, by variables that it has", () => {
  const links = [...rules.matchAll(/dashboard_url: (\S.*)/g)].map(([, link]) => link!);
  expect(links.length).toBe([...rules.matchAll(/- alert: /g)].length);
  for (const link of links) {
    // Of each branch: the dashboard, then its variables.
    const pieces = link.replace("/d/internode-", "").split(/(?=\b(?:mesh|pair|node|agents|dns|services)\?)/);
    const opened = pieces.filter((piece) => /^(mesh|pair|node|agents|dns|services)\?/.test(piece));
    expect(opened.length, link).toBeGreaterThan(0);
    for (const piece of opened) {
      const [, name] = /^(\w+)\?/.exec(piece)!;
      const dashboard = dashboards[name!]!;
      expect(dashboard.uid, link).toBe(`internode-${name}`);
      const has = variablesOf(dashboard).map((variable) => variable.name);
      const set = [...piece.matchAll(/var-(\w+)=/g)].map(([, variable]) => variable!);
      expect(set, link).toContain("cluster");
      expect(
        set.filter((variable) => !has.includes(variable)),
        link,
      ).toEqual([]);
    }
  }
});

test("every metric that agents export by default is on a dashboard: what is told, somebody can see", () => {
  const asked = shipped
    .flatMap(([, dashboard]) => queriesOf(dashboard).map(({ target }) => target.expr ?? ""))
    .join(" ");
  const unseen = Object.values<Metric>(CATALOGUE)
    .filter(({ detail }) => detail !== "full")
    .filter(({ name }) => !new RegExp(`\\b${name}(_sum|_count|_bucket)?\\b`).test(asked));
  expect(unseen.map(({ name }) => name)).toEqual([]);
});

test("every dashboard has a uid and a title of its own", () => {
  for (const key of ["uid", "title"] as const)
    expect(new Set(shipped.map(([, dashboard]) => dashboard[key])).size).toBe(shipped.length);
});

test("a variable that two dashboards have takes the same values in both: the links at the top carry all of them", () => {
  const takes = new Map<string, string>();
  for (const [file, dashboard] of shipped) {
    for (const { name, type, multi = false, includeAll = false } of variablesOf(dashboard)) {
      const kind = `${type}, ${multi ? "several" : "one"}, ${includeAll ? "all" : "never all"}`;
      expect(takes.get(name) ?? kind, `${name} of ${file}`).toBe(kind);
      takes.set(name, kind);
    }
  }
  // What names a pair would cut the matrix down to it.
  const names = (file: string) => variablesOf(dashboards[file]!).map(({ name }) => name);
  expect(
    names("mesh")
      .filter((name) => names("pair").includes(name))
      .sort(),
  ).toEqual(["cluster", "datasource", "window"]);
});

describe.each(shipped)("the dashboard %s", (_, dashboard) => {
  const panels = panelsOf(dashboard);
  const queries = queriesOf(dashboard);

  test("is in the classic schema, not edited in place, and has panels with queries", () => {
    expect(dashboard).toMatchObject({ editable: false, timezone: "browser", time: { from: "now-1h", to: "now" } });
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(dashboard.schemaVersion).toBeLessThanOrEqual(42);
    expect(panels.length).toBeGreaterThan(3);
    for (const panel of panels) expect(panel.targets?.length, panel.title).toBeGreaterThan(0);
  });

  test("gives every panel and row an id of its own", () => {
    const ids = (dashboard.panels ?? []).map(({ id }) => id);
    expect(ids.every((id) => Number.isInteger(id) && id! > 0)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("lays its panels inside the grid, none over another, no line with a hole", () => {
    const cells = new Map<string, string>();
    for (const { gridPos, title } of dashboard.panels ?? []) {
      const { x, y, w, h } = gridPos!;
      expect(w > 0 && h > 0 && x >= 0 && x + w <= 24, title).toBe(true);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          const cell = `${column},${line}`;
          expect(cells.get(cell), `${title} lies over`).toBeUndefined();
          cells.set(cell, title ?? "");
        }
      }
    }
    const lines = Math.max(...(dashboard.panels ?? []).map(({ gridPos }) => gridPos!.y + gridPos!.h));
    expect(cells.size).toBe(24 * lines);
  });

  test("says of every panel what it shows, and in which unit", () => {
    expect(dashboard.description).toMatch(/\.$/);
    for (const { title, description, fieldConfig } of panels) {
      expect(title).toBeTruthy();
      expect(description, title).toMatch(/\w.{15,}\.$/s);
      expect(fieldConfig?.defaults.unit, title).toBeTruthy();
    }
  });

  test("reads everything from the data source that was chosen", () => {
    expect(variablesOf(dashboard)[0]).toMatchObject({
      type: "datasource",
      name: "datasource",
      label: "Data source",
      query: "prometheus",
    });
    expect(variablesOf(dashboard)[1]).toMatchObject({ type: "query", name: "cluster" });
    const chosen = { type: "prometheus", uid: "${datasource}" };
    for (const panel of panels) expect(panel.datasource, panel.title).toEqual(chosen);
    for (const { target, where } of queries) expect(target.datasource, where).toEqual(chosen);
    for (const variable of variablesOf(dashboard).filter(({ type }) => type === VariableType.Query))
      expect(variable.datasource, variable.name).toEqual(chosen);
    for (const annotation of dashboard.annotations.list ?? [])
      expect(annotation.datasource, annotation.name).toEqual(chosen);
  });

  test("has variables that are all explained, read anew with the time range, and used", () => {
    const text = JSON.stringify({
      panels,
      variables: variablesOf(dashboard).map(({ query, definition }) => ({ query, definition })),
    });

    expect(
      variablesOf(dashboard).filter(
        ({ type, refresh }) => type === VariableType.Query && refresh !== VariableRefresh.OnTimeRangeChanged,
      ),
    ).toEqual([]);
    for (const { name, label } of variablesOf(dashboard)) {
      expect(label, name).toBeTruthy();
      expect(new RegExp(`\\$\\{?${name}\\b`).test(text), `${name} is not used`).toBe(true);
    }
  });

  test("names only metrics and labels that exist, of one cluster, and never a job", () => {
    const [values] = readings(dashboard);
    const annotated = (dashboard.annotations.list ?? []).map((annotation) => ({
      where: annotation.name,
      expr: annotation.expr!,
    }));
    const listed = variablesOf(dashboard).flatMap(({ name, query }) => {
      const [, from, of] =
        /^label_values\((.+), (\w+)\)$/.exec((query as { query?: string } | undefined)?.query ?? "") ?? [];
      return from && of
        ? [{ where: `variable ${name}`, expr: name === "cluster" ? `${from}{cluster=""}` : from, of }]
        : [];
    });
    expect(annotated.length).toBeGreaterThan(0);
    expect(listed.length).toBe(variablesOf(dashboard).filter(({ type }) => type === VariableType.Query).length);
    for (const { where, expr, of } of [
      ...queries.map(({ where, target }) => ({ where, expr: target.expr, of: undefined })),
      ...annotated.map((it) => ({ ...it, of: undefined })),
      ...listed,
    ]) {
      const { selectors, grouping, made } = namesIn(fill(expr, values!));
      expect(selectors.length, where).toBeGreaterThan(0);
      const known = new Set(made);
      for (const { metric, labels } of selectors) {
        const allowed = labelsOf(metric);
        expect(allowed, `${where} names ${metric}`).toBeDefined();
        for (const label of [...labels, ...(of ? [of] : [])])
          expect(allowed!.has(label), `${where} names ${metric}{${label}}`).toBe(true);
        expect(labels, `${where} reads ${metric} of all clusters`).toContain("cluster");
        for (const label of allowed!) known.add(label);
      }
      for (const label of grouping) expect(known.has(label), `${where} groups by ${label}`).toBe(true);
      expect([...selectors.flatMap(({ labels }) => labels), ...grouping], where).not.toContain("job");
    }
  });

  test("looks back over four scrapes at least, and over Grafana's own interval on a time axis", () => {
    for (const values of readings(dashboard)) {
      for (const { where, target } of queries) {
        for (const window of namesIn(fill(target.expr, values)).windows)
          expect(seconds(window), where).toBeGreaterThanOrEqual(4 * SCRAPE_SECONDS);
      }
    }
    const onTimeAxis = queries
      .filter(({ target }) => target.range)
      .map(({ where, target }) => ({
        where,
        windows: new Set(namesIn(fill(target.expr, { ...readings(dashboard)[0], __rate_interval: "77s" })).windows),
      }));
    expect(onTimeAxis.filter(({ windows }) => [...windows].some((window) => window !== "77s"))).toEqual([]);
  });

  test("links to dashboards and variables that exist, and to the runbooks of the rules", () => {
    const fields = panels.flatMap(({ fieldConfig }): FieldConfig[] => [
      fieldConfig!.defaults,
      ...fieldConfig!.overrides.map(
        ({ properties }) =>
          Object.fromEntries(properties.map(({ id, value }) => [id, value as unknown])) as FieldConfig,
      ),
    ]);
    const urls = [
      ...fields.flatMap(({ links = [] }) => links),
      ...(dashboard.links ?? []).filter(({ type }) => type === DashboardLinkType.Link),
    ].map(({ url }) => url!);
    expect(runbooks.size).toBe(1);
    const [base] = runbooks;
    expect(urls.filter((url) => url.startsWith("https:") && !url.startsWith(`${base}/`))).toEqual([]);
    for (const url of urls.filter((url) => !url.startsWith("https:"))) {
      const [, uid, query] = /^\/d\/([\w-]+)\?(.*)$/.exec(url) ?? [];
      const target = shipped.find(([, dashboard]) => dashboard.uid === uid)?.[1];
      expect(target, `${url} leads nowhere`).toBeDefined();
      const names = variablesOf(target!).map(({ name }) => name);
      for (const [, name, value] of query!.matchAll(/var-(\w+)=([^&]*)/g)) {
        expect(names, url).toContain(name);
        expect(value, url).toMatch(/^\$\{[\w.[\]]+:percentencode\}$/);
      }
      expect(query).toContain("${__url_time_range}&${datasource:queryparam}&${cluster:queryparam}");
    }
    expect(urls.some((url) => url.startsWith(`${base}/`))).toBe(true);
    // The row of links to all other dashboards.
    expect(dashboard.links).toContainEqual(
      expect.objectContaining({ type: "dashboards", tags: dashboard.tags, includeVars: true, keepTime: true }),
    );
    expect(JSON.stringify(dashboard.annotations)).toContain(`${base}/{{alertname}}.md`);
  });

  test("gives every query of a panel a name of its own, and asks at once or over time", () => {
    expect(new Set(queries.map(({ panel, target }) => `${panel.id} ${target.refId}`)).size).toBe(queries.length);
    for (const { where, target } of queries)
      expect(Number(target.instant ?? false) + Number(target.range ?? false), where).toBe(1);
  });
});
