// Who scrapes through the Prometheus Operator: PodMonitor or ServiceMonitor, and what Prometheus makes of it.
import { describe, expect, test } from "vitest";
import {
  HELMS,
  only,
  refusal,
  render,
  WHY_NO_HELM,
  withOperator,
  type Rendering,
  headlessService,
  servicePathService,
} from "./helm.ts";

type Relabeling = Readonly<Record<string, unknown>>;

const kindsOf = async (rendering: Rendering) =>
  (await render(rendering)).map(({ kind }) => kind).filter((kind) => /Monitor|Rule|Alertmanager|Grafana/.test(kind));

describe.skipIf(HELMS.length === 0)(
  `what the Prometheus Operator gets (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`,
  () => {
    test("where its kinds are known: a PodMonitor and the rules; where not, neither", async () => {
      expect(await kindsOf(withOperator())).toEqual(["PodMonitor", "PrometheusRule"]);
      expect(await kindsOf({})).toEqual([]);
    });

    test("a render told of the group alone takes its kinds for known; a cluster that announces one kind has that one only", async () => {
      const GROUP = "monitoring.coreos.com/v1";
      expect(await kindsOf({ apiVersions: [GROUP] })).toEqual(["PodMonitor", "PrometheusRule"]);
      expect(await kindsOf({ apiVersions: [GROUP, `${GROUP}/PrometheusRule`] })).toEqual(["PrometheusRule"]);
      expect(await kindsOf({ apiVersions: [GROUP, `${GROUP}/ServiceMonitor`] })).toEqual([]);
    });

    test("renders without a cluster say themselves what they want", async () => {
      expect(
        await kindsOf({ values: { monitoring: { podMonitor: { enabled: true }, prometheusRule: { enabled: true } } } }),
      ).toEqual(["PodMonitor", "PrometheusRule"]);
      expect(
        await kindsOf(
          withOperator({ monitoring: { podMonitor: { enabled: false }, prometheusRule: { enabled: false } } }),
        ),
      ).toEqual([]);
    });

    test("one way of scraping replaces the PodMonitor that nobody asked for, and is refused beside one that was", async () => {
      expect(await kindsOf(withOperator({ monitoring: { serviceMonitor: { enabled: true } } }))).toEqual([
        "PrometheusRule",
        "ServiceMonitor",
      ]);
      expect(await kindsOf(withOperator({ monitoring: { scrapeAnnotations: true } }))).toEqual(["PrometheusRule"]);
      expect(
        await refusal({ values: { monitoring: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } } }),
      ).toMatch(/both true: every agent would be scraped twice/);
      expect(
        await refusal({ values: { monitoring: { podMonitor: { enabled: true }, scrapeAnnotations: true } } }),
      ).toMatch(/beside a PodMonitor: every agent would be scraped twice/);
    });

    test.for(["PodMonitor", "ServiceMonitor"] as const)(
      "a %s makes the node the instance and drops what a rollout changes",
      async (kind) => {
        const spec = only(
          await render(withOperator({ monitoring: { serviceMonitor: { enabled: kind === "ServiceMonitor" } } })),
          kind,
        )["spec"] as Record<string, unknown>;
        const [endpoint] = (spec["podMetricsEndpoints"] ?? spec["endpoints"]) as {
          relabelings: readonly Relabeling[];
        }[];
        expect(endpoint).toMatchObject({ port: "metrics", path: "/metrics", interval: "15s", scrapeTimeout: "10s" });
        expect(endpoint!.relabelings.slice(-2)).toEqual([
          { action: "replace", sourceLabels: ["__meta_kubernetes_pod_node_name"], targetLabel: "instance" },
          { action: "labeldrop", regex: "pod|container|endpoint" },
        ]);
        const agents = headlessService(await render());
        expect(agents.metadata.labels).toMatchObject((spec["selector"] as { matchLabels: object }).matchLabels);
        // Or it would scrape every agent twice.
        expect(servicePathService(await render()).metadata.labels).not.toMatchObject(
          (spec["selector"] as { matchLabels: object }).matchLabels,
        );
        expect((agents["spec"] as { selector: object }).selector).toEqual(
          (spec["selector"] as { matchLabels: object }).matchLabels,
        );
      },
    );

    test("a ServiceMonitor scrapes a dual-stack agent at its primary address only", async () => {
      const spec = only(
        await render({ values: { monitoring: { serviceMonitor: { enabled: true } } } }),
        "ServiceMonitor",
      )["spec"] as { endpoints: readonly { relabelings: readonly Relabeling[] }[] };
      const [host, keep] = spec.endpoints[0]!.relabelings;
      expect(keep).toEqual({
        sourceLabels: ["__meta_kubernetes_pod_ip"],
        action: "keepequal",
        targetLabel: "__tmp_host",
      });
      const hostOf = (address: string) => new RegExp(`^(?:${String(host!["regex"])})$`).exec(address)?.[1];
      expect([hostOf("10.0.0.1:9843"), hostOf("[fd00::1]:9843")]).toEqual(["10.0.0.1", "fd00::1"]);
    });

    test("limits, native histograms and further relabelings are passed on", async () => {
      const limits = {
        sampleLimit: 2_000_000,
        targetLimit: 500,
        labelLimit: 20,
        labelNameLengthLimit: 64,
        labelValueLengthLimit: 256,
        keepDroppedTargets: 10,
        podTargetLabels: ["cost-center"],
        bodySizeLimit: "50MB",
      };
      const metricRelabelings = [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }];
      const podMonitor = { jobLabel: "app", metricRelabelings };
      const monitoring = { ...limits, nativeHistograms: true, interval: "30s", podMonitor };
      expect(only(await render(withOperator({ monitoring })), "PodMonitor")["spec"]).toMatchObject({
        ...limits,
        jobLabel: "app",
        convertClassicHistogramsToNHCB: true,
        scrapeClassicHistograms: true,
        podMetricsEndpoints: [{ interval: "30s", metricRelabelings }],
      });
    });

    test.for(["PodMonitor", "ServiceMonitor"] as const)(
      "a %s in a namespace of its own looks for the agents in the release's",
      async (kind) => {
        const own = { namespace: "prometheus" };
        const monitoring = {
          podMonitor: own,
          serviceMonitor: { ...own, enabled: kind === "ServiceMonitor" },
          prometheusRule: own,
        };
        const manifests = await render(withOperator({ monitoring }));
        expect(only(manifests, kind)).toMatchObject({
          metadata: { namespace: "prometheus" },
          spec: { namespaceSelector: { matchNames: ["monitoring"] } },
        });
        expect(only(manifests, "PrometheusRule").metadata.namespace).toBe("prometheus");
        const here = { podMonitor: { namespace: "monitoring" } };
        expect(only(await render(withOperator({ monitoring: here })), "PodMonitor")["spec"]).not.toHaveProperty(
          "namespaceSelector",
        );
      },
    );

    test("labels for all objects and for one of them", async () => {
      const manifests = await render(
        withOperator({
          monitoring: { labels: { release: "kps" }, prometheusRule: { labels: { release: "other", role: "alerts" } } },
        }),
      );
      expect(only(manifests, "PodMonitor").metadata.labels).toMatchObject({ release: "kps" });
      expect(only(manifests, "PrometheusRule").metadata.labels).toMatchObject({ release: "other", role: "alerts" });
      expect(only(manifests, "DaemonSet").metadata.labels).not.toHaveProperty("release");
    });
  },
);

describe.skipIf(HELMS.length === 0)("labels of one object that others give too", () => {
  test("are there once, and the object's own wins", async () => {
    const labels = { team: "object", "app.kubernetes.io/part-of": "kps" };
    const values = {
      commonLabels: { team: "all" },
      monitoring: { labels, alertmanagerConfig: { enabled: true } },
      dashboards: { labels },
    };
    const manifests = await render(withOperator(values));
    for (const kind of ["PodMonitor", "PrometheusRule", "AlertmanagerConfig"])
      expect(only(manifests, kind).metadata.labels).toMatchObject(labels);
    expect(only(manifests, "ConfigMap", "internode-dashboard-mesh").metadata.labels).toMatchObject(labels);
    expect(only(manifests, "ConfigMap", "internode").metadata.labels).toMatchObject({ team: "all" });
  });
});
