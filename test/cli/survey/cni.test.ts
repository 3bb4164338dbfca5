import { describe, expect, test } from "vitest";
import { cniReport } from "../../../agent/cli/survey/cni-report.ts";
import { asTerminal } from "../../../agent/cli/report/render.ts";
import { recordedCluster, recordedObjects } from "../../support/recorded-objects.ts";

const node = (name: string, annotations: object = {}, podCIDRs: string[] = []) => ({
  metadata: { name, annotations },
  spec: { podCIDRs },
});
const set = (name: string, image: string, status = { desiredNumberScheduled: 2, numberReady: 2 }) => ({
  metadata: { namespace: "kube-system", name },
  spec: { template: { spec: { containers: [{ image }] } } },
  status,
});
const named = (name: string, rest: object) => ({ metadata: { name }, ...rest });

describe("Flannel as recorded", () => {
  test("tells its settings and each node's lease", async () => {
    const report = await cniReport(recordedCluster("flannel-vxlan"));
    expect(report).toMatchObject({ isFault: false, headline: "Flannel: nothing wrong by its own word." });
    const said = asTerminal(report);
    expect(said).toMatch(/net-conf\.json|NET-CONF\.JSON/);
    expect(said).toMatch(/node-1 +10\.244\.\d\.0\/24 +vxlan +\d+ +([0-9a-f]{2}:){5}[0-9a-f]{2} +10\.100\.0\.101/);
  });

  test("without its ConfigMap the annotations say the same", async () => {
    const objects = recordedCluster("flannel-vxlan");
    objects.forbidden.add("configmaps");
    const report = await cniReport(objects);
    expect(report.isFault).toBe(false);
    expect(asTerminal(report)).toContain('resources: ["configmaps"], verbs: ["get"]');
  });

  test("a node that it has not written to, another backend, the same public IP", async () => {
    const objects = recordedCluster("flannel-vxlan");
    const [first, second, third] = objects.kinds.get("nodes") as {
      metadata: { annotations: Record<string, string> };
    }[];
    first!.metadata.annotations = {};
    second!.metadata.annotations["flannel.alpha.coreos.com/backend-type"] = "host-gw";
    second!.metadata.annotations["flannel.alpha.coreos.com/public-ip"] =
      third!.metadata.annotations["flannel.alpha.coreos.com/public-ip"]!;
    const { data } = await cniReport(objects);
    expect((data as { faults: string[] }).faults).toEqual([
      "Flannel: it has not written to node-1: no lease there",
      "Flannel: nodes have different backends: host-gw and vxlan",
      expect.stringMatching(/^Flannel: node-2 and node-3 have the same public IP/),
    ]);
  });
});

test("kube-router as recorded tells each node's ranges and role", async () => {
  const report = await cniReport(recordedCluster("kube-router"));
  expect(report.isFault).toBe(false);
  expect(asTerminal(report)).toMatch(/node-1 +10\.244\.1\.0\/24 .*full mesh/);
});

test("kube-router's clients without a route reflector are a fault", async () => {
  const client = { "kube-router.io/rr.client": "42" };
  const { data } = await cniReport(recordedObjects({ nodes: [node("a", client)], daemonsets: [], configmaps: [] }));
  expect(data).toMatchObject({ faults: ["kube-router: nodes are clients of a route reflector, and no node is one"] });
});

describe("Calico", () => {
  const calico = (more: Record<string, object[]>) =>
    recordedObjects({
      nodes: [
        node("a", {
          "projectcalico.org/IPv4Address": "192.0.2.1/24",
          "projectcalico.org/IPv4IPIPTunnelAddr": "10.7.0.1",
        }),
      ],
      daemonsets: [set("calico-node", "calico/node:v3.30.0")],
      configmaps: [],
      ippools: [
        named("default", { spec: { cidr: "10.7.0.0/16", ipipMode: "Always", natOutgoing: true, blockSize: 26 } }),
      ],
      blockaffinities: [
        named("a-1", { spec: { node: "a", cidr: "10.7.0.0/26", deleted: "false" } }),
        named("a-2", { spec: { node: "a", cidr: "10.7.9.0/26", deleted: "true" } }),
      ],
      bgpconfigurations: [],
      bgppeers: [],
      felixconfigurations: [named("default", { spec: { bpfEnabled: false } })],
      caliconodestatuses: [],
      ...more,
    });

  test("pools, blocks that are held, and why there are no sessions", async () => {
    const said = asTerminal(await cniReport(calico({})));
    expect(said).toMatch(/default +10\.7\.0\.0\/16 +Always +Never +yes +no +all\(\) +\/26/);
    expect(said).toMatch(/a +192\.0\.2\.1\/24 +- +10\.7\.0\.1 +10\.7\.0\.0\/26\n/);
    expect(said).toContain("Calico makes them only for nodes that somebody has asked it for");
  });

  test("a session that is not established, and a degraded component", async () => {
    const { data, isFault } = await cniReport(
      calico({
        caliconodestatuses: [
          named("a", {
            spec: { node: "a" },
            status: {
              bgp: { peersV4: [{ peerIP: "192.0.2.2", type: "NodeMesh", state: "Connect", since: "12:00:00" }] },
            },
          }),
        ],
        tigerastatuses: [
          named("calico", { status: { conditions: [{ type: "Degraded", status: "True", message: "no typha" }] } }),
        ],
      }),
    );
    expect(isFault).toBe(true);
    expect(data).toMatchObject({
      faults: ["Calico: the BGP session of a with 192.0.2.2 is Connect", "Calico: calico is degraded: no typha"],
    });
  });

  test("a mesh of BGP that is off without peers leaves nodes without routes", async () => {
    const bgpconfigurations = [named("default", { spec: { nodeToNodeMeshEnabled: false, asNumber: 64512 } })];
    expect((await cniReport(calico({ bgpconfigurations }))).isFault).toBe(true);
    const bgppeers = [named("tor", { spec: { peerIP: "192.0.2.254", asNumber: 64513 } })];
    expect((await cniReport(calico({ bgpconfigurations, bgppeers }))).isFault).toBe(false);
  });

  test("each kind that may not be read is named with its own rule", async () => {
    const objects = calico({});
    objects.forbidden.add("bgppeers");
    expect(asTerminal(await cniReport(objects))).toContain(
      'apiGroups: ["crd.projectcalico.org"], resources: ["bgppeers"], verbs: ["list"]',
    );
  });
});

test("Cilium tells its settings, its nodes and endpoints that are not ready", async () => {
  const endpoint = (name: string, state: string) => ({ metadata: { name, namespace: "shop" }, status: { state } });
  const report = await cniReport(
    recordedObjects({
      nodes: [node("a")],
      daemonsets: [set("cilium", "quay.io/cilium/cilium:v1.20.2")],
      configmaps: [
        {
          metadata: { namespace: "kube-system", name: "cilium-config" },
          data: { "routing-mode": "tunnel", "tunnel-protocol": "vxlan" },
        },
      ],
      ciliumnodes: [
        named("a", {
          spec: {
            addresses: [{ type: "InternalIP", ip: "192.0.2.1" }],
            health: { ipv4: "10.0.0.9" },
            ipam: { podCIDRs: ["10.0.0.0/24"] },
          },
        }),
      ],
      ciliumendpoints: [endpoint("web-1", "ready"), endpoint("web-2", "not-ready")],
    }),
  );
  expect(report.data).toMatchObject({ faults: ["Cilium: endpoints in state not-ready: shop/web-2"] });
  expect(asTerminal(report)).toMatch(/a +192\.0\.2\.1 +10\.0\.0\.9 +10\.0\.0\.0\/24/);
});

test.each([
  [
    "Antrea",
    "antrea-agent",
    {
      antreaagentinfos: [
        { metadata: { name: "a" }, agentConditions: [{ type: "OVSDBConnectionUp", status: "False" }] },
      ],
    },
    "Antrea: a: OVSDBConnectionUp is false",
  ],
  [
    "Kube-OVN",
    "kube-ovn-cni",
    { subnets: [], "provider-networks": [named("net", { status: { notReadyNodes: ["b"] } })] },
    "Kube-OVN: provider network net is not ready on b",
  ],
  ["OVN-Kubernetes", "ovnkube-node", {}, "OVN-Kubernetes: no subnet on a: pods made there get no address"],
] as const)("%s tells its fault", async (_, daemonSet, kinds, fault) => {
  const { data } = await cniReport(
    recordedObjects({ nodes: [node("a")], daemonsets: [set(daemonSet, "x:v1")], configmaps: [], ...kinds }),
  );
  expect(data).toMatchObject({ faults: [fault] });
});

test.each(["weave-net", "aws-node", "azure-cns", "kindnet", "anetd"])(
  "%s without its objects is told, and no fault",
  async (name) => {
    const report = await cniReport(
      recordedObjects({ nodes: [node("a")], daemonsets: [set(name, "x:v1")], configmaps: [] }),
    );
    expect(report.isFault).toBe(false);
  },
);

test("a DaemonSet that is not ready everywhere is a fault", async () => {
  const daemonsets = [set("kindnet", "kindnetd:v1", { desiredNumberScheduled: 3, numberReady: 1 })];
  const { data } = await cniReport(recordedObjects({ nodes: [node("a")], daemonsets, configmaps: [] }));
  expect(data).toMatchObject({ faults: ["kindnet is ready on 1 of 3 nodes"] });
});

test("without the API server it says why, and is a fault", async () => {
  const report = await cniReport({ why: "there is no kubeconfig" });
  expect(report).toMatchObject({ isFault: true, headline: "The CNI could not be seen." });
  expect(asTerminal(report)).toContain("there is no kubeconfig");
});
