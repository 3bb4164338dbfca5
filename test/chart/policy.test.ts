// Who may reach the agents, and whom they may reach: NetworkPolicy and CiliumNetworkPolicy.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CHART, HELMS, only, refusal, render, WHY_NO_HELM, type Rendering } from "./helm.ts";

const spec = async (rendering: Rendering, kind = "NetworkPolicy") =>
  only(await render(rendering), kind)["spec"] as {
    readonly policyTypes?: readonly string[];
    readonly ingress: readonly object[];
    readonly egress?: readonly object[];
  };
const labels = async () => {
  const manifests = await render();
  const own = Object.entries(only(manifests, "Pod").metadata.labels!);
  return {
    agents: only(manifests, "DaemonSet").spec.selector.matchLabels,
    test: Object.fromEntries(own.filter(([key]) => key.startsWith("app.kubernetes.io/"))),
  };
};
// 5353: where OpenShift's DNS pods listen, which is what a CNI sees of a lookup.
const DNS = { ports: [53, 5353].flatMap((port) => ["UDP", "TCP"].map((protocol) => ({ port, protocol }))) };

describe.skipIf(HELMS.length === 0)(`the NetworkPolicy (${HELMS.length === 0 ? WHY_NO_HELM : "Helm 4"})`, () => {
  test("lets agents reach each other by every protocol, and everyone else only the metrics", async () => {
    const { agents, test } = await labels();
    const peers = { podSelector: { matchLabels: agents } };
    expect(await spec({})).toEqual({
      ...peers,
      policyTypes: ["Ingress"],
      ingress: [
        { from: [peers] },
        { ports: [{ port: 9843, protocol: "TCP" }] },
        { from: [{ podSelector: { matchLabels: test } }], ports: [{ port: 8843, protocol: "TCP" }] },
      ],
    });
  });

  test("limits what agents send to each other, the nodes, DNS and the API server, when asked to", async () => {
    const { agents } = await labels();
    const egress = { enabled: true, nodes: ["10.0.0.0/16", "fd00::/48"], extra: [{ to: [{ podSelector: {} }] }] };
    const { policyTypes, egress: rules } = await spec({ values: { networkPolicy: { egress } } });
    expect(policyTypes).toEqual(["Ingress", "Egress"]);
    expect(rules).toEqual([
      { to: [{ podSelector: { matchLabels: agents } }] },
      { to: [{ ipBlock: { cidr: "10.0.0.0/16" } }, { ipBlock: { cidr: "fd00::/48" } }] },
      DNS,
      {
        ports: [
          { port: 443, protocol: "TCP" },
          { port: 6443, protocol: "TCP" },
        ],
      },
      ...egress.extra,
    ]);
  });

  test("names the API server's addresses where they are known, and no node where none is measured", async () => {
    const { egress } = await spec({ valuesFile: join(CHART, "ci/everything-values.yaml") });
    expect(egress!.slice(1)).toEqual([
      DNS,
      { ports: [{ port: 6443, protocol: "TCP" }], to: [{ ipBlock: { cidr: "10.0.0.10/32" } }] },
      { to: [{ ipBlock: { cidr: "192.0.2.0/24" } }] },
    ]);
  });
});

describe.skipIf(HELMS.length === 0)("the CiliumNetworkPolicy", () => {
  const port = (number: number, protocol = "TCP") => [{ ports: [{ port: String(number), protocol }] }];

  test("says the same of ingress in Cilium's words", async () => {
    const { agents, test } = await labels();
    const values = { networkPolicy: { flavor: "cilium" } };
    expect(await spec({ values }, "CiliumNetworkPolicy")).toEqual({
      endpointSelector: { matchLabels: agents },
      ingress: [
        { fromEndpoints: [{ matchLabels: agents }] },
        { fromEntities: ["all"], toPorts: port(9843) },
        { fromEndpoints: [{ matchLabels: test }], toPorts: port(8843) },
      ],
    });
    expect((await render({ values })).map(({ kind }) => kind)).not.toContain("NetworkPolicy");
  });

  test("names nodes and the API server without their addresses", async () => {
    const { agents } = await labels();
    const rendering = { valuesFile: join(CHART, "ci/cilium-values.yaml") };
    const { ingress, egress } = await spec(rendering, "CiliumNetworkPolicy");
    expect(ingress.slice(1)).toEqual([
      { fromEndpoints: [{ matchLabels: { "k8s:io.kubernetes.pod.namespace": "monitoring" } }], toPorts: port(9843) },
      expect.anything(),
      { fromEntities: ["host", "remote-node"], toPorts: port(7843, "ANY") },
      { fromEntities: ["host"], toPorts: port(8843) },
    ]);
    expect(egress).toEqual([
      { toEndpoints: [{ matchLabels: agents }] },
      { toEntities: ["host", "remote-node"] },
      { toPorts: [{ ports: ["53", "5353"].map((each) => ({ port: each, protocol: "ANY" })) }] },
      { toEntities: ["kube-apiserver"] },
      { toCIDR: ["192.0.2.10/32"], toPorts: port(6443) },
      { toEntities: ["world"] },
    ]);
  });
});

describe.skipIf(HELMS.length === 0)("policies that would cut the agents off", () => {
  test.for([
    [{ egress: { enabled: true } }, /egress\.nodes names no addresses.*Name the CIDRs of the nodes/],
    [
      { metricsFrom: [{ fromEntities: ["cluster"] }] },
      /metricsFrom has fromEntities, a word of Cilium.*Set the flavor to cilium/,
    ],
    [
      { flavor: "cilium", metricsFrom: [{ podSelector: {} }] },
      /metricsFrom has podSelector, a word of NetworkPolicy.*\{fromEntities: \[cluster\]\}/,
    ],
    [
      { flavor: "cilium", egress: { enabled: true, extra: [{ to: [], ports: [] }] } },
      /egress\.extra has to, a word of NetworkPolicy.*\{toEntities: \[cluster\]\}/,
    ],
    [{ egress: { enabled: true, nodes: ["10.0.0.1"] } }, /'\/networkPolicy\/egress\/nodes\/0'/],
  ] as const)("%j is refused", async ([networkPolicy, says]) => {
    expect(await refusal({ values: { networkPolicy } })).toMatch(says);
  });

  test("no policy is rendered with hostNetwork, and none is judged", async () => {
    for (const flavor of ["kubernetes", "cilium"]) {
      const kinds = (
        await render({ values: { hostNetwork: true, networkPolicy: { flavor, egress: { enabled: true } } } })
      ).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind.endsWith("NetworkPolicy"))).toEqual([]);
    }
  });
});
