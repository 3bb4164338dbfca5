// The chart as plain files, for clusters without Helm: the same objects, and nothing that only Helm understands.
import { loadAll } from "js-yaml";
import { describe, expect, test } from "vitest";
import { staticManifests } from "../../scripts/static-manifests.ts";
import { HELMS, only, render, WHY_NO_HELM, withOperator, headlessService, servicePathService } from "./helm.ts";
import { schemaFaults, isKnownKind } from "./kubernetes-schema.ts";
import type { Manifest } from "./kinds.ts";

describe.skipIf(HELMS.length === 0)(
  `the static manifests (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`,
  () => {
    const written = HELMS.map(({ path }) => staticManifests({ helm: path }));
    const files = (i = 0) => written[i]!;
    const objects = async (file: string): Promise<readonly Manifest[]> =>
      (loadAll((await files()).get(file)!) as (Manifest | undefined)[]).filter(
        (object) => object !== undefined && object !== null,
      );
    const names = (manifests: readonly Manifest[]) => manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

    test("are the same whichever Helm wrote them", async () => {
      expect([...(await files(1))]).toEqual([...(await files(0))]);
    });

    test("hold the agents with their namespace, without the pod of helm test and without a word of Helm", async () => {
      expect(names(await objects("internode.yaml"))).toEqual([
        "Namespace internode",
        "PriorityClass internode.internode",
        "NetworkPolicy internode",
        "ServiceAccount internode",
        "ConfigMap internode",
        "Role internode",
        "RoleBinding internode",
        "Service internode-agents",
        "Service internode",
        "DaemonSet internode",
      ]);
      // Dashboards are shown to people whose cluster may have it.
      const texts = [...(await files())].filter(([file]) => file !== "internode-dashboards.yaml");
      for (const [file, text] of texts) expect(text.replaceAll(/^ +# .*$/gm, ""), file).not.toMatch(/helm/i);
    });

    test("run the same agents as the chart", async () => {
      const ofChart = await render({ namespace: "internode", values: { tests: { enabled: false } } });
      const plain = await objects("internode.yaml");
      for (const kind of ["DaemonSet", "NetworkPolicy"])
        expect(only(plain, kind)["spec"]).toEqual(only(ofChart, kind)["spec"]);
      for (const service of [headlessService, servicePathService])
        expect(service(plain)["spec"]).toEqual(service(ofChart)["spec"]);
    });

    test("put what the Prometheus Operator and Grafana need into files of their own", async () => {
      expect(names(await objects("internode-prometheus-operator.yaml"))).toEqual([
        "PodMonitor internode",
        "PrometheusRule internode",
      ]);
      const rules = only(await render({ ...withOperator(), namespace: "internode" }), "PrometheusRule");
      expect(only(await objects("internode-prometheus-operator.yaml"), "PrometheusRule")["spec"]).toEqual(
        rules["spec"],
      );
      const dashboards = await objects("internode-dashboards.yaml");
      expect(dashboards.length).toBeGreaterThan(4);
      expect(new Set(dashboards.map(({ kind }) => kind))).toEqual(new Set(["ConfigMap"]));
    });

    test("take an image of one's own", async () => {
      const flags = ["--set", "image.registry=registry.example", "--set", `image.digest=sha256:${"0".repeat(64)}`];
      const text = (await staticManifests({ helm: HELMS[0]!.path, flags })).get("internode.yaml")!;
      expect(text).toMatch(/image: "registry\.example\/\S+@sha256:0{64}"/);
    });

    test("hold no field that Kubernetes does not know", async () => {
      const all = [...(await objects("internode.yaml")), ...(await objects("internode-dashboards.yaml"))];
      expect(all.filter((object) => !isKnownKind(object))).toEqual([]);
      expect(all.flatMap(schemaFaults)).toEqual([]);
    });
  },
);

describe("the check of fields", () => {
  const pod = (spec: object) =>
    schemaFaults({ apiVersion: "v1", kind: "Pod", metadata: { name: "a", labels: { a: "b" } }, spec });

  test("finds unknown fields and wrong types, wherever they are", () => {
    expect(pod({ containers: [{ name: "a", image: "b", ports: [{ containerPort: 1 }] }] })).toEqual([]);
    expect(pod({ containers: [{ name: "a", ports: [{ port: 1 }] }] })).toEqual([
      "Pod.spec.containers[0].ports[0].port: no such field",
    ]);
    expect(pod({ hostNetwork: "yes", nodeSelector: { a: 1 }, tolerations: {}, affinity: [] })).toEqual([
      "Pod.spec.hostNetwork: string, not boolean",
      "Pod.spec.nodeSelector.a: number, not string",
      "Pod.spec.tolerations: no list",
      "Pod.spec.affinity: no object",
    ]);
  });
});
