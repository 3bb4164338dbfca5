// A Prometheus that would not take this release's objects is named, with the cure.
import { describe, expect, test } from "vitest";
import { HELMS, only, render, WHY_NO_HELM, withOperator } from "./helm.ts";

interface Cure {
  readonly flags: string;
  readonly commands: readonly string[];
}

describe.skipIf(HELMS.length === 0)(
  `a Prometheus that selects something else (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`,
  () => {
    /** What the templates say of these Prometheus resources, asked through a template of our own. */
    async function said(
      prometheuses: readonly unknown[],
      values: object = {},
      namespaces: Readonly<Record<string, object>> = {},
    ): Promise<{ unselected: readonly string[]; cure: Cure }> {
      const question = `
apiVersion: v1
kind: ConfigMap
metadata: { name: said }
data:
  {{- $namespaces := \`${JSON.stringify(namespaces)}\` | fromJson }}
  {{- $prometheuses := \`${JSON.stringify(prometheuses)}\` | fromJsonArray }}
  unselected: {{ include "internode.unselected" (dict "root" $ "prometheuses" $prometheuses "namespaces" $namespaces) | fromYamlArray | toJson | quote }}
  cure: {{ include "internode.selectionCure" (dict "root" $ "prometheuses" $prometheuses "namespaces" $namespaces) | quote }}`;
      const { unselected, cure } = only(
        await render(withOperator({ ...values, extraManifests: [question] })),
        "ConfigMap",
        "said",
      ).data;
      return {
        unselected: JSON.parse(unselected!) as string[],
        cure: JSON.parse(cure!) as Cure,
      };
    }
    const all = {
      podMonitorSelector: {},
      podMonitorNamespaceSelector: {},
      ruleSelector: {},
      ruleNamespaceSelector: {},
    };
    const prometheus = (spec: object, namespace = "prometheus") => ({
      metadata: { name: "kps", namespace },
      spec: { ...all, ...spec },
    });
    const release = { matchLabels: { release: "kps" } };

    test("the label that kube-prometheus-stack asks for is named, with the command that sets it", async () => {
      const { unselected, cure } = await said([prometheus({ podMonitorSelector: release, ruleSelector: release })]);
      expect(unselected).toEqual([
        "Prometheus prometheus/kps takes a PodMonitor only with release=kps: nothing will be scraped.",
        "Prometheus prometheus/kps takes a PrometheusRule only with release=kps: no alert will fire.",
      ]);
      expect(cure).toEqual({ flags: "--set-string 'monitoring.labels.release=kps'", commands: [] });
    });

    test("nothing is said once the labels are there, or when another Prometheus takes everything", async () => {
      expect(
        (
          await said([prometheus({ podMonitorSelector: release, ruleSelector: release })], {
            monitoring: { labels: { release: "kps" } },
          })
        ).unselected,
      ).toEqual([]);
      expect(
        (await said([prometheus({ podMonitorSelector: release, ruleSelector: release }), prometheus({})])).unselected,
      ).toEqual([]);
      expect((await said([])).unselected).toEqual([]);
    });

    test("a selector that is not set takes nothing, and a namespace selector that is not set its own namespace", async () => {
      expect(
        (
          await said([
            { metadata: { name: "kps", namespace: "prometheus" }, spec: { ...all, ruleSelector: undefined } },
          ])
        ).unselected,
      ).toEqual([expect.stringContaining("takes a PrometheusRule only with nothing at all") as string]);
      const own = { podMonitorSelector: {}, ruleSelector: {} };
      expect((await said([{ metadata: { name: "kps", namespace: "prometheus" }, spec: own }])).unselected).toEqual([
        "Prometheus prometheus/kps takes a PodMonitor only from its own namespace: nothing will be scraped.",
        "Prometheus prometheus/kps takes a PrometheusRule only from its own namespace: no alert will fire.",
      ]);
      expect((await said([{ metadata: { name: "kps", namespace: "monitoring" }, spec: own }])).unselected).toEqual([]);
    });

    test("namespace labels and expressions are read too", async () => {
      const spec = {
        podMonitorNamespaceSelector: { matchExpressions: [{ key: "watch", operator: "In", values: ["yes"] }] },
      };
      expect((await said([prometheus(spec)])).unselected).toEqual([
        "Prometheus prometheus/kps takes a PodMonitor only from namespaces with watch In yes: nothing will be scraped.",
      ]);
      expect((await said([prometheus(spec)], {}, { monitoring: { watch: "yes" } })).unselected).toEqual([]);
    });

    test("the cure names only what is missing, and a label of the namespace where that is what is missing", async () => {
      const spec = {
        podMonitorSelector: release,
        serviceMonitorSelector: { matchLabels: { other: "x" } },
        ruleSelector: release,
        podMonitorNamespaceSelector: { matchLabels: { watch: "yes" } },
      };
      const { unselected, cure } = await said([prometheus(spec)], { monitoring: { labels: { release: "kps" } } });
      expect(unselected).toEqual([
        "Prometheus prometheus/kps takes a PodMonitor only from namespaces with watch=yes: nothing will be scraped.",
      ]);
      expect(cure).toEqual({ flags: "", commands: ["kubectl label namespace monitoring watch=yes"] });
    });

    test("an object in a namespace of its own is judged by that one", async () => {
      const values = {
        monitoring: { podMonitor: { namespace: "watched" }, prometheusRule: { namespace: "prometheus" } },
      };
      const spec = { podMonitorNamespaceSelector: { matchLabels: { watch: "yes" } }, ruleNamespaceSelector: undefined };
      const { unselected, cure } = await said([prometheus(spec)], values);
      expect(unselected).toEqual([
        "Prometheus prometheus/kps takes a PodMonitor only from namespaces with watch=yes: nothing will be scraped.",
      ]);
      expect(cure.commands).toEqual(["kubectl label namespace watched watch=yes"]);
      expect((await said([prometheus(spec)], values, { watched: { watch: "yes" } })).unselected).toEqual([]);
    });

    const labelled = (value: string) => ({ matchLabels: { release: value } });

    test("the cure leaves alone what some Prometheus takes already", async () => {
      const taking = prometheus({
        podMonitorSelector: labelled("a"),
        ruleSelector: { matchLabels: { role: "rules" } },
      });
      const { unselected, cure } = await said(
        [taking, prometheus({ podMonitorSelector: labelled("b"), ruleSelector: labelled("b") })],
        { monitoring: { labels: { release: "a" } } },
      );
      expect(unselected).toEqual([
        "Prometheus prometheus/kps takes a PrometheusRule only with role=rules; Prometheus prometheus/kps takes a PrometheusRule only with release=b: no alert will fire.",
      ]);
      expect(cure.flags).toBe("--set-string 'monitoring.prometheusRule.labels.role=rules'");
    });

    test("of several Prometheus the cure is for one, in the release's namespace if there is one", async () => {
      const selecting = (value: string) => ({ podMonitorSelector: labelled(value), ruleSelector: labelled(value) });
      expect((await said([prometheus(selecting("a")), prometheus(selecting("b"))])).cure.flags).toBe(
        "--set-string 'monitoring.labels.release=a'",
      );
      expect((await said([prometheus(selecting("a")), prometheus(selecting("b"), "monitoring")])).cure.flags).toBe(
        "--set-string 'monitoring.labels.release=b'",
      );
    });

    test("kinds that need different labels, or have labels of their own, get each its own", async () => {
      expect(
        (await said([prometheus({ podMonitorSelector: labelled("a"), ruleSelector: labelled("b") })])).cure.flags,
      ).toBe(
        "--set-string 'monitoring.podMonitor.labels.release=a' --set-string 'monitoring.prometheusRule.labels.release=b'",
      );
      const wrong = { monitoring: { podMonitor: { labels: { release: "wrong" } } } };
      expect(
        (await said([prometheus({ podMonitorSelector: labelled("a"), ruleSelector: labelled("a") })], wrong)).cure
          .flags,
      ).toBe(
        "--set-string 'monitoring.podMonitor.labels.release=a' --set-string 'monitoring.prometheusRule.labels.release=a'",
      );
    });
  },
);
