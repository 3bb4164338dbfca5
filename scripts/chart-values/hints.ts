// Keys that people bring along from other charts, or write one level too high: the schema refuses them with the right
// one. Helm's message is then `at '/serviceMonitor': value must be 'left out: use monitoring.serviceMonitor'`.
import type { ValueSchema } from "../../agent/config/options.ts";

interface Hint {
  /** Path of the value that does it here; it must exist. */
  readonly use?: string;
  readonly says?: string;
}

const use = (path: string, says?: string): Hint => ({ use: path, ...(says === undefined ? {} : { says }) });
const says = (text: string): Hint => ({ says: text });
const each = (keys: readonly string[], hint: Hint): Readonly<Record<string, Hint>> =>
  Object.fromEntries(keys.map((key) => [key, hint]));
const MONITORS = ["monitoring.podMonitor", "monitoring.serviceMonitor"];
const OF_BOTH = ["interval", "scrapeTimeout", "sampleLimit", "targetLimit", "labelLimit", "podTargetLabels"];

const HINTS: Readonly<Record<string, Hint>> = {
  serviceMonitor: use("monitoring.serviceMonitor"),
  podMonitor: use("monitoring.podMonitor"),
  prometheusRule: use("monitoring.prometheusRule"),
  alertmanagerConfig: use("monitoring.alertmanagerConfig"),
  metrics: use("monitoring", "what the agent exports is config.metrics"),
  ...each(["rules", "defaultRules"], use("alerts")),
  ...each(["grafana", "grafanaDashboard", "grafanaDashboards", "dashboard"], use("dashboards")),
  "monitoring.enabled": use("monitoring.podMonitor.enabled"),
  ...each(
    MONITORS.flatMap((monitor) => OF_BOTH.map((key) => `${monitor}.${key}`)),
    says("it is a value of monitoring itself, for both kinds"),
  ),
  ...each(
    MONITORS.flatMap((monitor) => ["additionalLabels", "selector"].map((key) => `${monitor}.${key}`)),
    use("monitoring.labels"),
  ),
  "monitoring.prometheusRule.additionalLabels": use("monitoring.prometheusRule.labels"),
  ...each(["monitoring.prometheusRule.rules", "monitoring.prometheusRule.groups"], use("alerts.extraGroups")),
  "alerts.enabled": use("monitoring.prometheusRule.enabled"),
  "alerts.rules": use("alerts.overrides"),
  "dashboards.label": use("dashboards.labels"),

  ...each(
    ["securityContext", "podSecurityContext", "containerSecurityContext"],
    use("podSecurity", "the rest is fixed, as the Pod Security level restricted asks"),
  ),
  ...each(["nodeAffinity", "podAffinity", "podAntiAffinity"], use("affinity")),
  ...each(
    ["required", "preferred"].map((kind) => `affinity.${kind}DuringSchedulingIgnoredDuringExecution`),
    use("affinity.nodeAffinity"),
  ),
  ...each(["rollingUpdate", "maxUnavailable", "updateStrategy.rollingUpdate"], use("updateStrategy.maxUnavailable")),
  ...each(["priorityClassName"], use("priorityClass.name", "with priorityClass.create false")),
  ...each(["replicaCount", "replicas"], says("every node has one agent; nodeSelector and affinity choose the nodes")),
  ...each(
    ["agent", "daemonset", "daemonSet", "pod", "scheduling"],
    says("affinity, tolerations, resources and the like are values of the first level"),
  ),
  serviceAccountName: use("serviceAccount.name"),
  ...each(["automountServiceAccountToken", "serviceAccount.automount"], says("the agents always need their token")),

  ...each(["labels", "extraLabels", "service.labels"], use("commonLabels")),
  annotations: use("commonAnnotations"),
  ...each(["extraEnv", "extraEnvs", "extraEnvVars"], use("env")),
  ...each(["extraEnvFrom", "extraEnvVarsCM", "extraEnvVarsSecret"], use("envFrom")),
  volumes: use("extraVolumes"),
  volumeMounts: use("extraVolumeMounts"),
  ...each(["extraObjects", "extraDeploy", "extraResources"], use("extraManifests")),
  ...each(["args", "extraArgs"], use("config")),
  clusterDomain: use("config.dns.names"),
  ...each(["service.port", "service.ports"], use("config.ports")),
  "service.type": says("the Service is headless: it is the list of agents"),
  ...each(["imageRegistry"], use("image.registry")),
  "image.pullSecrets": use("imagePullSecrets"),
  "image.name": use("image.repository"),
  ...each(["namespace", "namespaceOverride"], says("install with helm --namespace")),
  "networkPolicy.ingress": use("networkPolicy.extraIngress"),
};

/** The schema with the wrong keys in it, each with a value that nobody has. An option of the agent belongs in `config`. */
export function withHints(schema: ValueSchema): ValueSchema {
  const options = Object.keys(schema.properties!["config"]!.properties!)
    .filter((key) => schema.properties![key] === undefined && HINTS[key] === undefined)
    .map((key) => [key, use(`config.${key}`)] as const);
  return [...options, ...Object.entries(HINTS)].reduce((joined, [path, hint]) => {
    if (hint.use !== undefined && at(schema, hint.use.split(".")) === undefined)
      throw new Error(`the hint for ${path} names ${hint.use}, which is no value`);
    return withHint(joined, path.split("."), hint);
  }, schema);
}

const at = (schema: ValueSchema, path: readonly string[]): ValueSchema | undefined =>
  path.reduce<ValueSchema | undefined>((parent, key) => parent?.properties?.[key], schema);

function withHint(schema: ValueSchema, [key, ...rest]: readonly string[], hint: Hint): ValueSchema {
  const there = schema.properties![key!];
  if (rest.length === 0 && there !== undefined) throw new Error(`${key} has a hint, and is a value`);
  const text = [
    "left out: ",
    hint.use === undefined ? "" : `use ${hint.use}`,
    hint.use && hint.says ? "; " : "",
    hint.says,
  ];
  const child = rest.length === 0 ? { const: text.join("") } : withHint(there!, rest, hint);
  return { ...schema, properties: { ...schema.properties, [key!]: child } };
}
