// What templates look up in a cluster: nothing there may break a render, and only checks and notes depend on it.
import { describe, expect, test } from "vitest";
import { cluster, type Objects } from "./cluster.ts";
import { HELMS, only, refusal, render, WHY_NO_HELM, type Rendering } from "./helm.ts";

const node = (name: string, labels: object) => ({
  kind: "Node",
  apiVersion: "v1",
  metadata: { name, labels: { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", ...labels } },
});
const zone = (name: string) => ({ "topology.kubernetes.io/zone": name });

/** What a define of the chart gives in this cluster. */
async function said(define: string, objects: Objects, values: object = {}): Promise<string> {
  await using there = await cluster(objects);
  const question = `{apiVersion: v1, kind: ConfigMap, metadata: {name: said}, data: {said: {{ include "${define}" . | quote }}}}`;
  return only(
    await render({ kubeconfig: there.kubeconfig, values: { ...values, extraManifests: [question] } }),
    "ConfigMap",
    "said",
  ).data["said"]!;
}

async function refusedIn(objects: Objects, rendering: Rendering): Promise<string | undefined> {
  await using there = await cluster(objects);
  return await refusal({ ...rendering, kubeconfig: there.kubeconfig });
}

describe.skipIf(HELMS.length === 0)(
  `a cluster that can be asked (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4 and 3"})`,
  () => {
    test("its Linux nodes and zones are counted, and expectedNodes wins", async () => {
      const nodes = [
        node("a", zone("1")),
        node("b", zone("1")),
        node("c", zone("2")),
        node("w", { "kubernetes.io/os": "windows" }),
      ];
      expect(JSON.parse(await said("internode.cluster", { nodes }))).toEqual({ nodes: 3, zones: 2 });
      expect(JSON.parse(await said("internode.cluster", { nodes }, { expectedNodes: 50 }))).toEqual({
        nodes: 50,
        zones: 2,
      });
      expect(JSON.parse(await said("internode.cluster", { nodes }, { nodeSelector: zone("1") }))).toEqual({
        nodes: 2,
        zones: 1,
      });
      expect(JSON.parse(await said("internode.cluster", { nodes }, { askCluster: false }))).toEqual({
        nodes: 0,
        zones: 3,
      });
    });

    test.for(HELMS)(
      "a namespace at baseline or restricted refuses hostPort and hostNetwork before $name installs",
      async (helm) => {
        const enforcing = (level: string): Objects => ({
          namespaces: { monitoring: { "pod-security.kubernetes.io/enforce": level } },
        });
        expect(await refusedIn(enforcing("baseline"), { helm, values: { hostPort: true } })).toMatch(
          /enforces the Pod Security level baseline, which admits no pod with hostPort.*kubectl label namespace monitoring pod-security\.kubernetes\.io\/enforce=privileged --overwrite/,
        );
        expect(await refusedIn(enforcing("restricted"), { helm, values: { hostNetwork: true } })).toMatch(
          /level restricted, which admits no pod with hostNetwork/,
        );
        expect(await refusedIn(enforcing("privileged"), { helm, values: { hostNetwork: true } })).toBeUndefined();
        expect(await refusedIn(enforcing("restricted"), { helm })).toBeUndefined();
        expect(await refusedIn({}, { helm, values: { hostNetwork: true } })).toBeUndefined();
      },
    );

    test("a Prometheus that selects by label is found, and the label named", async () => {
      const prometheuses = [
        {
          kind: "Prometheus",
          apiVersion: "monitoring.coreos.com/v1",
          metadata: { name: "kps", namespace: "prometheus" },
          spec: {
            podMonitorSelector: { matchLabels: { release: "kps" } },
            podMonitorNamespaceSelector: {},
            ruleSelector: { matchLabels: { release: "kps" } },
            ruleNamespaceSelector: {},
          },
        },
      ];
      const objects = { prometheuses, namespaces: { monitoring: {} } };
      expect(await said("internode.monitoringNotes", objects)).toMatch(
        /PROMETHEUS WILL NOT SEE THIS RELEASE:[\s\S]*only with release=kps[\s\S]*--set-string 'monitoring\.labels\.release=kps'/,
      );
      expect(await said("internode.monitoringNotes", objects, { monitoring: { labels: { release: "kps" } } })).toBe("");
    });

    test("objects are the same as without a cluster", async () => {
      const values = { expectedNodes: 3 };
      await using there = await cluster({ nodes: [node("a", zone("1"))], namespaces: { monitoring: {} } });
      expect(await render({ values, kubeconfig: there.kubeconfig })).toEqual(await render({ values }));
    });

    test.for(HELMS)(
      "an installer whom the cluster refuses is told of askCluster by $name, and goes on with it",
      async (helm) => {
        const NAMESPACE = "/api/v1/namespaces/monitoring";
        const forbidden = { forbidden: [NAMESPACE, "/api/v1/nodes"], namespaces: { monitoring: {} } };
        const values = { hostPort: true };
        expect(await refusedIn(forbidden, { helm, values })).toMatch(
          /reading the cluster \(where that is forbidden: --set askCluster=false\).*namespaces\/monitoring is forbidden/,
        );
        expect(await refusedIn(forbidden, { helm, values: { ...values, askCluster: false } })).toBeUndefined();
        await expect(said("internode.cluster", { forbidden: ["/api/v1/nodes"] })).rejects.toThrow(
          /where that is forbidden: --set askCluster=false.*nodes is forbidden/,
        );
      },
    );
  },
);
