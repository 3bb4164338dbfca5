// What all dashboards have in common: variables, annotations, links, numbers of panels.
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  CustomVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { cellLink, DATASOURCE, list, type Unnumbered } from "./panels.ts";
import { CLUSTER, orQuiet } from "./promql.ts";

export const RUNBOOKS = "https://github.com/internode/internode/blob/main/docs/runbooks";
const TAG = "internode";

/** Dashboards by name, for links among them. */
export const UID = {
  mesh: "internode-mesh",
  pair: "internode-pair",
  node: "internode-node",
  agents: "internode-agents",
  dns: "internode-dns",
  services: "internode-services",
} as const;

/** Values of a label in this cluster, as a variable. */
export interface LabelVariable {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** Series whose label is listed. */
  readonly from: string;
  readonly of: string;
  /** Several at once, and all of them to begin with. */
  readonly several: boolean;
}

export function labelVariable({ name, label, description, from, of, several }: LabelVariable): QueryVariableBuilder {
  const query = `label_values(${from}, ${of})`;
  const variable = new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(DATASOURCE)
    .query({ qryType: 1, query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc);
  // `.*` and not the list of values: a label that is not there matches too.
  return several
    ? variable.multi(true).includeAll(true).allValue(".*").current({ text: "All", value: "$__all" })
    : variable;
}

/** How far back from the end of the time range the figures of one moment look. The shortest is 8 scrapes of 15 s. */
export const windowVariable = () =>
  new CustomVariableBuilder("window")
    .label("Figures of the last")
    .description("What tables and single figures cover, back from the end of the time range")
    .values("2m,5m,15m,1h,6h")
    .current({ text: "5m", value: "5m" })
    .options(["2m", "5m", "15m", "1h", "6h"].map((value) => ({ text: value, value, selected: value === "5m" })));

export const networkVariable = () =>
  new CustomVariableBuilder("network")
    .label("Network")
    .description("pod: the CNI's path, overlay. node: the underlay.")
    .values("pod,node")
    .current({ text: "pod", value: "pod" })
    .options(["pod", "node"].map((value) => ({ text: value, value, selected: value === "pod" })));

export interface Section {
  /** Without one, the panels stand at the top. */
  readonly title?: string;
  /** Lines of the grid must add up to 24 columns. */
  readonly panels: readonly Unnumbered[];
}

export interface FrameOptions {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly (QueryVariableBuilder | CustomVariableBuilder)[];
  readonly sections: readonly Section[];
  /** Open findings, each a span on every time axis. */
  readonly findings?: string;
}

export function frame({ uid, title, description, variables, sections, findings }: FrameOptions): Dashboard {
  const dashboard = new DashboardBuilder(`Internode / ${title}`)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .timezone("browser")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"))
    .withVariable(
      labelVariable({
        name: "cluster",
        label: "Cluster",
        description: "Empty when series carry no cluster label",
        from: "internode_mesh_size",
        of: "cluster",
        several: false,
      }),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name("Alerts")
        .datasource(DATASOURCE)
        .enable(true)
        .iconColor("red")
        .expr(firing)
        .titleFormat("{{alertname}}")
        .textFormat(
          `{{node}} {{zone}} {{source_zone}} {{destination_zone}} {{network}} {{protocol}} <a href="${RUNBOOKS}/{{alertname}}.md" target="_blank">runbook</a>`,
        )
        .tagKeys("severity,node,zone,source_zone,destination_zone")
        .step("30s")
        .target(new DataqueryBuilder().refId("Alerts").datasource(DATASOURCE).expr(firing).range()),
    )
    .link(
      new DashboardLinkBuilder("Internode")
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(false)
        .includeVars(true)
        .keepTime(true),
    )
    .link(
      new DashboardLinkBuilder("Runbooks")
        .type(DashboardLinkType.Link)
        .icon("doc")
        .url(`${RUNBOOKS}/README.md`)
        .targetBlank(true)
        .tooltip("What each alert means and what to do"),
    );
  for (const variable of variables) dashboard.withVariable(variable);
  let id = 0;
  if (findings !== undefined) dashboard.annotation(findingSpans(findings));
  for (const { title, panels } of sections) {
    if (title !== undefined) dashboard.withRow(new RowBuilder(title).id(++id));
    for (const panel of panels) dashboard.withPanel(panel.id(++id));
  }
  return dashboard.build();
}

const firing = `ALERTS{${CLUSTER},alertname=~"Internode.*",alertstate="firing"}`;

/** What both judges say, once. `concerning`: only these subjects, as a regular expression. */
export const openFindings = (concerning = ".*"): string =>
  `max by (code, subject, network, protocol) (internode_finding{${CLUSTER},subject=~"${concerning}"})`;

/** Subjects that one of these nodes is or may be part of: a group names its members elsewhere. */
export const subjectsOf = (...nodes: readonly string[]): string =>
  `(.+,)?(${nodes.join("|")})(,.+)?|zone:.+|group:.+|mesh`;

const findingSpans = (expr: string) =>
  new AnnotationQueryBuilder()
    .name("Findings")
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor("orange")
    .expr(expr)
    .titleFormat("{{code}} {{subject}}")
    .textFormat(
      `{{network}} {{protocol}} <a href="${RUNBOOKS}/InternodeFinding.md" target="_blank">what the judge's codes mean</a>`,
    )
    .tagKeys("code,subject")
    .step("30s")
    .target(new DataqueryBuilder().refId("Findings").datasource(DATASOURCE).expr(expr).range());

/** What the judges say is broken; one line that says so when nothing is; nothing when there is no judge. */
export function findingsList({ span, height }: { readonly span: number; readonly height: number }): Unnumbered {
  const quiet = "none";
  const orNothing = (expr: string, factor: number) =>
    `${expr} or on () label_replace(${factor} * max(internode_judge_last_verdict_timestamp_seconds{${CLUSTER}}), "code", "${quiet}", "", "")`;
  return list({
    title: "Open findings",
    description:
      "What the judge says is broken, how sure it is, and since when. The text, causes and what to run next: the page, internode matrix, /api/v1/verdict.",
    unit: "short",
    span,
    height,
    keys: { code: "Code", subject: "Where", network: "Network", protocol: "Protocol" },
    columns: [
      { name: "How sure", unit: "percentunit", expr: orNothing(openFindings(), 0) },
      {
        name: "Since",
        unit: "dateTimeFromNow",
        // Milliseconds, as Grafana wants them. Of two judges the one that says it began earlier; that nothing is wrong is
        // as old as the latest verdict.
        expr: orNothing(
          `min by (code, subject, network, protocol) (internode_finding_start_timestamp_seconds{${CLUSTER}}) * 1000`,
          1_000,
        ),
      },
    ],
    sortedBy: "How sure",
    links: { code: [cellLink("What it means", `${RUNBOOKS}/InternodeFinding.md`)] },
    texts: { code: { [quiet]: "nothing is wrong" } },
  });
}

/** The alerts that fire, each with a link to what to do; one line that says so when none does. */
export function firingAlerts({ span, height }: { readonly span: number; readonly height: number }): Unnumbered {
  const labels = {
    alertname: "Alert",
    severity: "Severity",
    node: "Node",
    zone: "Zone",
    source_zone: "From zone",
    destination_zone: "To zone",
    network: "Network",
    protocol: "Protocol",
    reason: "Reason",
  };
  // The line without an alert is named after the page that it links to.
  const quiet = "README";
  return list({
    title: "Alerts that fire",
    description: "The alert opens its runbook.",
    unit: "short",
    span,
    height,
    keys: labels,
    columns: [
      {
        name: "Firing",
        unit: "bool_yes_no",
        expr: orQuiet({
          expr: `sum by (${Object.keys(labels).join(", ")}) (${firing})`,
          label: "alertname",
          text: quiet,
        }),
      },
    ],
    sortedBy: "Firing",
    links: { alertname: [cellLink("Open the runbook", `${RUNBOOKS}/\${__value.raw}.md`)] },
    texts: { alertname: { [quiet]: "none fires" } },
  });
}
