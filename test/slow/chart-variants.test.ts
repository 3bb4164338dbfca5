// What holds for every way of installing: each ci values file, with Helm 4 and Helm 3.
import { globSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../agent/config/load.ts";
import {
  CHART,
  CI_VALUES,
  HELMS,
  lint,
  only,
  render,
  template,
  WHY_NO_HELM,
  WITH_OPERATOR,
  headlessService,
} from "../chart/helm.ts";
import { isKnownKind, schemaFaults } from "../chart/kubernetes-schema.ts";
import type { DaemonSet } from "../chart/kinds.ts";

/** It is in the nodes' network, and has a test file of its own. */
const withoutHostView = <M extends { readonly metadata: { readonly name: string } }>(manifests: readonly M[]): M[] =>
  manifests.filter(({ metadata }) => !metadata.name.endsWith("-host-view"));

describe.skipIf(HELMS.length === 0)(
  `the chart in every variant (${HELMS.length === 0 ? WHY_NO_HELM : HELMS.map(({ name }) => name).join(", ")})`,
  () => {
    describe.for(CI_VALUES)("%s", (valuesFile) => {
      test.for(HELMS)("$name finds no fault in it", async (helm) => {
        expect(await lint({ valuesFile, helm })).toContain("0 chart(s) failed");
      });

      test("Helm 3 and Helm 4 render the same objects", async () => {
        const [first, second] = await Promise.all(HELMS.map((helm) => render({ ...WITH_OPERATOR, valuesFile, helm })));
        expect(second).toEqual(first);
        expect(first!.length).toBeGreaterThan(4);
      });

      test("no object is there twice, and all of them name the release", async () => {
        const manifests = await render({ ...WITH_OPERATOR, valuesFile });
        const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""} ${metadata.name}`);
        expect(new Set(names).size).toBe(names.length);
        const unlabelled = manifests.filter(
          ({ metadata }) => metadata.labels?.["app.kubernetes.io/instance"] !== "internode",
        );
        expect(
          unlabelled.map(({ metadata }) => metadata.name).filter((name) => !/^internode-(extra|text)$/.test(name)),
        ).toEqual([]);
      });

      test("Kubernetes knows every field of it", async () => {
        const known = (await render({ ...WITH_OPERATOR, valuesFile })).filter(isKnownKind);
        expect(known.length).toBeGreaterThan(4);
        expect(known.flatMap(schemaFaults)).toEqual([]);
      });

      test("the agent itself accepts the configuration it gets", async () => {
        const manifests = await render({ valuesFile });
        const daemonSet = only(withoutHostView(manifests), "DaemonSet");
        const config = only(manifests, "ConfigMap", daemonSet.metadata.name).data["config.json"]!;
        const { config: effective } = loadConfig({
          argv: [],
          env: environmentOf(daemonSet),
          readFile: () => config,
        });
        expect(effective.discovery).toMatchObject({
          kind: "kubernetes",
          namespace: "monitoring",
          service: headlessService(manifests).metadata.name,
        });
        expect(effective.node).toMatchObject({ name: "node-1", nodeAddresses: ["192.0.2.1"] });
        const { ports } = daemonSet.spec.template.spec.containers[0]!;
        expect(new Set(ports.map(({ containerPort }) => containerPort))).toEqual(
          new Set([effective.ports.metrics, effective.ports.http, effective.ports.probe]),
        );
      });

      test("a pod that needs more than Pod Security restricted is one that was asked for", async () => {
        const manifests = await render({ valuesFile });
        const { spec } = only(withoutHostView(manifests), "DaemonSet").spec.template;
        expect(restrictedFaults(only(manifests, "Pod").spec)).toEqual([]);
        const needs = restrictedFaults(spec);
        const asked: Readonly<Record<string, readonly string[]>> = {
          "cilium-values.yaml": ["hostPort"],
          "openshift-host-port-values.yaml": ["hostPort"],
          "host-port-values.yaml": ["hostPort"],
          "host-network-values.yaml": ["hostNetwork"],
          "userspace-values.yaml": ["root", "capability NET_RAW"],
        };
        expect(needs).toEqual(asked[basename(valuesFile)] ?? []);
      });
    });

    test("between them the variants render every template there is", async () => {
      const texts = await Promise.all(CI_VALUES.map((valuesFile) => template({ ...WITH_OPERATOR, valuesFile })));
      const rendered = new Set(
        texts.flatMap((text) => [...text.matchAll(/^# Source: internode\/(.+)$/gm)].map(([, path]) => path)),
      );
      const templates = globSync("templates/**/*.yaml", { cwd: CHART });
      // A token made by the chart is another in each render, so no variant has one: token.test.ts renders it.
      expect(templates.filter((path) => !rendered.has(path) && path !== "templates/token.yaml")).toEqual([]);
    });
  },
);

/** The environment of a pod on node-1, with what the downward API says there. */
function environmentOf(daemonSet: DaemonSet): Record<string, string> {
  const fields: Readonly<Record<string, string>> = {
    "spec.nodeName": "node-1",
    "metadata.namespace": "monitoring",
    "status.podIPs": "192.0.2.1",
    "status.hostIPs": "192.0.2.1",
  };
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of daemonSet.spec.template.spec.containers[0]!.env) {
    env[name] =
      value?.replaceAll(/\$\((\w+)\)/g, (_, other: string) => env[other]!) ?? fields[valueFrom!.fieldRef.fieldPath]!;
  }
  return env;
}

/** What of the Pod Security Standard `restricted` a pod violates, as far as this chart can. */
function restrictedFaults({
  hostNetwork,
  securityContext,
  containers,
  volumes,
}: DaemonSet["spec"]["template"]["spec"]): string[] {
  const faults: string[] = [];
  if (hostNetwork) faults.push("hostNetwork");
  if (securityContext.runAsUser === 0 || !securityContext.runAsNonRoot) faults.push("root");
  if (securityContext.seccompProfile.type !== "RuntimeDefault") faults.push("seccomp");
  for (const sysctl of securityContext.sysctls ?? [])
    if (sysctl.name !== "net.ipv4.ping_group_range") faults.push(`sysctl ${sysctl.name}`);
  for (const { securityContext: own, ports = [] } of containers) {
    if (own.allowPrivilegeEscalation || own.privileged) faults.push("privilege");
    if (!own.capabilities.drop.includes("ALL")) faults.push("capabilities kept");
    faults.push(...(own.capabilities.add ?? []).map((capability) => `capability ${capability}`));
    if (ports.some(({ hostPort }) => hostPort !== undefined)) faults.push("hostPort");
  }
  for (const volume of volumes)
    if (!Object.keys(volume).some((kind) => ["configMap", "secret", "emptyDir", "projected"].includes(kind)))
      faults.push(`volume ${volume.name}`);
  return faults;
}
