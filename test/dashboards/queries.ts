// Every query of the dashboards, with where it stands, and its variables filled in as Grafana would.
import type { Dashboard, Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";

/** A panel of a dashboard that is read back from its JSON. */
export const panelsOf = (dashboard: Dashboard): readonly Panel[] =>
  (dashboard.panels ?? []).filter((panel): panel is Panel => panel.type !== "row");

export interface Query {
  /** Dashboard, panel and query, for messages. */
  readonly where: string;
  readonly panel: Panel;
  readonly target: Dataquery;
}

export function queriesOf(dashboard: Dashboard): readonly Query[] {
  return panelsOf(dashboard).flatMap((panel) =>
    ((panel.targets ?? []) as Dataquery[]).map((target) => ({
      where: `${dashboard.title}: ${panel.title}: ${target.refId}`,
      panel,
      target,
    })),
  );
}

/** The expression with `$name` and `${name}` replaced. Throws on a variable that has no value. */
export function fill(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replace(/\$\{?([a-zA-Z_]\w*)\}?/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${whole} has no value in: ${expr}`);
    return value;
  });
}

/** What Grafana fills in by itself, for a data source that says 15 s. */
export const BUILT_IN: Readonly<Record<string, string>> = { __rate_interval: "1m0s", __interval: "15s", __range: "1h" };
