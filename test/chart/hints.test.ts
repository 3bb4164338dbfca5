// Keys that people bring along from other charts, or write in a wrong place: the message names the right one.
import { describe, expect, test } from "vitest";
import { HELMS, refusal, WHY_NO_HELM } from "./helm.ts";

/** Wrong key → what the message must name. */
const WRONG: Readonly<Record<string, string>> = {
  serviceMonitor: "monitoring.serviceMonitor",
  prometheusRule: "monitoring.prometheusRule",
  metrics: "monitoring; what the agent exports is config.metrics",
  securityContext: "podSecurity",
  containerSecurityContext: "podSecurity",
  "updateStrategy.rollingUpdate.maxUnavailable": "updateStrategy.maxUnavailable",
  "affinity.requiredDuringSchedulingIgnoredDuringExecution": "affinity.nodeAffinity",
  podAntiAffinity: "affinity",
  "agent.affinity": "affinity, tolerations, resources and the like are values of the first level",
  priorityClassName: "priorityClass.name",
  labels: "commonLabels",
  annotations: "commonAnnotations",
  extraEnvVars: "env",
  volumes: "extraVolumes",
  extraDeploy: "extraManifests",
  "image.pullSecrets": "imagePullSecrets",
  "monitoring.serviceMonitor.interval": "it is a value of monitoring itself",
  "monitoring.prometheusRule.additionalLabels": "monitoring.prometheusRule.labels",
  "dashboards.label": "dashboards.labels",
  replicaCount: "every node has one agent",
  icmp: "config.icmp",
  pathMtu: "config.pathMtu",
  logLevel: "config.logLevel",
};

const nested = (path: string): object =>
  path.split(".").reduceRight<unknown>((value, key) => ({ [key]: value }), "x") as object;

function merged(into: Record<string, unknown>, from: object): Record<string, unknown> {
  for (const [key, value] of Object.entries(from))
    into[key] =
      typeof value === "object" ? merged((into[key] ?? {}) as Record<string, unknown>, value as object) : value;
  return into;
}

describe.skipIf(HELMS.length === 0)(`wrong keys (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`, () => {
  test.for(HELMS)("each is named with the right one by $name", async (helm) => {
    const values = Object.keys(WRONG).map(nested).reduce<Record<string, unknown>>(merged, {});
    const message = (await refusal({ helm, values }))!;
    const hints = [...message.matchAll(/at '\/(.+)': value must be 'left out: (.+)'/g)];
    const silent = Object.entries(WRONG).filter(
      ([path, right]) =>
        !hints.some(([, at, hint]) => `${path}.`.startsWith(`${at!.replaceAll("/", ".")}.`) && hint!.includes(right)),
    );
    expect(silent).toEqual([]);
  });
});
