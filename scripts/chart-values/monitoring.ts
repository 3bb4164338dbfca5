// The chart's values about who scrapes, what is alerted and where dashboards go.
import { z } from "zod";
import { flag, mapOfStrings, objectName, objects, text } from "./types.ts";

/** Kinds of the Prometheus Operator: rendered where the cluster has them, or where told to (no cluster to ask in GitOps). */
const whereKnown = (what: string) =>
  z
    .union([z.literal("auto"), z.boolean()])
    .default("auto")
    .describe(
      `${what} \`auto\`: where the cluster has that kind. Renders without a cluster (GitOps) must say true or false.`,
    );
const duration = z
  .string()
  .regex(/^([0-9]+h)?([0-9]+m)?([0-9]+s)?$/)
  .min(2);
/** `--set` gives every fraction as text. */
const threshold = z.union([z.number(), z.string().regex(/^[0-9]+(\.[0-9]+)?$/)]);
const limit = (what: string) => z.int().min(0).default(0).describe(`${what} 0: no limit.`);
const object = {
  labels: mapOfStrings.default({}).describe("Labels of this object, on top of `monitoring.labels`."),
  annotations: mapOfStrings.default({}).describe("Annotations of this object."),
};

const elsewhere = {
  ...object,
  namespace: objectName.default("").describe("Namespace of this object. Empty: that of the release."),
};

const scrape = {
  ...elsewhere,
  jobLabel: text
    .default("")
    .describe("Label of the object whose value becomes `job`. Empty: the operator's own choice."),
  relabelings: objects
    .default([])
    .describe(
      "Relabelings after the chart's own, which put the node's name into `instance` and drop pod, container and endpoint.",
    ),
  metricRelabelings: objects.default([]).describe("Relabelings of the scraped series."),
};

const override = {
  enabled: flag.optional().describe("False leaves the alert out."),
  for: duration.optional().describe("Waiting time, on top of what the expression already holds."),
  labels: mapOfStrings.optional().describe("Labels of this alert, such as another severity."),
};

export const MONITORING = {
  monitoring: z
    .strictObject({
      labels: mapOfStrings
        .default({})
        .describe(
          "Labels of every object below. kube-prometheus-stack by default selects only what carries `release: <its release name>`.",
        ),
      interval: duration
        .default("15s")
        .describe("Scrape interval. The alert rules are made for 15 s; above 30 s is refused."),
      scrapeTimeout: duration.default("10s").describe("Not longer than the interval."),
      sampleLimit: limit("Most samples of one scrape."),
      targetLimit: limit("Most targets."),
      labelLimit: limit("Most labels of a sample."),
      labelNameLengthLimit: limit("Longest name of a label."),
      labelValueLengthLimit: limit("Longest value of a label."),
      keepDroppedTargets: limit("Most dropped targets that Prometheus remembers."),
      bodySizeLimit: text.default("").describe("Largest response, such as `50MB`. Empty: no limit."),
      podTargetLabels: z
        .array(text.min(1))
        .default([])
        .describe("Labels of the pods (`podLabels`) that every series gets."),
      nativeHistograms: flag
        .default(false)
        .describe(
          "Let Prometheus 3 store native histograms as well (`convertClassicHistogramsToNHCB`); the classic ones stay, dashboards and rules read them.",
        ),
      scrapeAnnotations: flag
        .default(false)
        .describe(
          "`prometheus.io/scrape` annotations on the pods, for a Prometheus without operator that looks for them.",
        ),
      podMonitor: z
        .strictObject({ enabled: whereKnown("PodMonitor for the Prometheus Operator."), ...scrape })
        .prefault({}),
      serviceMonitor: z
        .strictObject({
          enabled: flag
            .default(false)
            .describe("ServiceMonitor instead of the PodMonitor; never both, every series would be stored twice."),
          ...scrape,
        })
        .prefault({}),
      prometheusRule: z
        .strictObject({ enabled: whereKnown("The alert rules as a PrometheusRule."), ...elsewhere })
        .prefault({}),
      alertmanagerConfig: z
        .strictObject({
          enabled: flag
            .default(false)
            .describe("AlertmanagerConfig (v1alpha1) with the inhibitions: a wider page silences its consequences."),
          ...object,
          route: z.record(z.string(), z.unknown()).default({}).describe("Route, as it is. Empty: inhibitions only."),
          receivers: objects.default([]).describe("Receivers, as they are."),
        })
        .prefault({}),
    })
    .prefault({}),
  alerts: z
    .strictObject({
      thresholds: z
        .record(z.string(), threshold)
        .default({})
        .describe(
          "Constants of the rules' first group by their name without `internode:threshold_`: `{loss_ratio: 0.05}`.",
        ),
      labels: mapOfStrings.default({}).describe("Labels of every alert."),
      runbookUrl: text
        .default("")
        .describe("Where the runbooks are, instead of the project's own: the alert's name and `.md` follow."),
      grafanaUrl: z
        .string()
        .regex(/^(https?:\/\/.+)?$/)
        .default("")
        .describe(
          "Where your Grafana is, such as `https://grafana.example`, for the link that every alert carries (`dashboard_url`). Empty: the link is a path on it.",
        ),
      overrides: z
        .record(
          z.string(),
          z.strictObject({
            ...override,
            critical: z.strictObject(override).optional().describe("The same, for its critical form alone."),
            warning: z.strictObject(override).optional().describe("The same, for its warning form alone."),
          }),
        )
        .default({})
        .describe(
          "By name of an alert: `enabled`, `for`, `labels`; the same below `critical` and `warning` where an alert has both.",
        ),
      extraGroups: objects.default([]).describe("Further rule groups, as they are."),
    })
    .prefault({}),
  dashboards: z
    .strictObject({
      enabled: flag
        .default(true)
        .describe("One ConfigMap for each dashboard, found by the sidecar of Grafana's chart."),
      namespace: objectName.default("").describe("Namespace of the ConfigMaps. Empty: that of the release."),
      labels: mapOfStrings.default({ grafana_dashboard: "1" }).describe("Labels that the sidecar looks for."),
      annotations: mapOfStrings
        .default({ "kustomize.toolkit.fluxcd.io/substitute": "disabled" })
        .describe(
          "Annotations of the ConfigMaps. The default keeps Flux from replacing `${…}` in the dashboards when a Kustomization applies them.",
        ),
      folder: text.default("Internode").describe("Folder in Grafana."),
      folderAnnotation: text.default("grafana_folder").describe("Annotation in which the sidecar expects the folder."),
      grafanaOperator: z
        .strictObject({
          enabled: flag.default(false).describe("GrafanaDashboard resources (v1beta1) that refer to the ConfigMaps."),
          instanceSelector: z
            .record(z.string(), z.unknown())
            .default({})
            .describe("Which Grafana: a label selector. Needed."),
          allowCrossNamespaceImport: flag.default(true).describe("The Grafana may be in another namespace."),
          resyncPeriod: duration.default("10m").describe("How often the operator sets the dashboard again."),
        })
        .prefault({}),
    })
    .prefault({}),
};
