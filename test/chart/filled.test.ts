// What Kubernetes would fill into entries of lists, the chart fills in for a user, or a GitOps tool would see a difference
// for ever. That the chart's own entries lack nothing is seen on a real API server (test/e2e/variants.test.ts).
import { describe, expect, test } from "vitest";
import { HELMS, only, render, WHY_NO_HELM, WITH_OPERATOR } from "./helm.ts";

describe.skipIf(HELMS.length === 0)(`lists of a user's (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test.each(["PodMonitor", "ServiceMonitor"])("relabelings of a %s say what they do", async (kind) => {
    const own = {
      enabled: true,
      relabelings: [{ targetLabel: "cluster", replacement: "one" }],
      metricRelabelings: [{ action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" }, { targetLabel: "team" }],
    };
    const values = { monitoring: { podMonitor: { enabled: false }, [kind[0]!.toLowerCase() + kind.slice(1)]: own } };
    const { podMetricsEndpoints, endpoints = podMetricsEndpoints } = only(
      await render({ ...WITH_OPERATOR, values }),
      kind,
    )["spec"] as Record<string, readonly { relabelings: readonly object[]; metricRelabelings: readonly object[] }[]>;
    const [endpoint] = endpoints!;
    expect(endpoint!.relabelings.at(-1)).toEqual({ action: "replace", targetLabel: "cluster", replacement: "one" });
    expect(endpoint!.metricRelabelings).toEqual([
      { action: "drop", sourceLabels: ["__name__"], regex: "nodejs_.*" },
      { action: "replace", targetLabel: "team" },
    ]);
  });

  test("ports of policy rules say their protocol", async () => {
    const rules = (peer: "from" | "to"): readonly object[] => [
      { [peer]: [{ ipBlock: { cidr: "192.0.2.0/24" } }], ports: [{ port: 1 }, { port: 2, protocol: "UDP" }] },
      { [peer]: [{ podSelector: {} }] },
    ];
    const egress = { enabled: true, nodes: ["192.0.2.0/24"], extra: rules("to") };
    const values = { networkPolicy: { extraIngress: rules("from"), egress } };
    const spec = only(await render({ values }), "NetworkPolicy")["spec"] as Record<string, readonly object[]>;
    const ports = [
      { port: 1, protocol: "TCP" },
      { port: 2, protocol: "UDP" },
    ];
    expect(spec["ingress"]!.slice(-2)).toEqual([
      { from: [{ ipBlock: { cidr: "192.0.2.0/24" } }], ports },
      { from: [{ podSelector: {} }] },
    ]);
    expect(spec["egress"]!.slice(-2)).toEqual([
      { to: [{ ipBlock: { cidr: "192.0.2.0/24" } }], ports },
      { to: [{ podSelector: {} }] },
    ]);
  });
});
