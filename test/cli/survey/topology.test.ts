import { describe, expect, test } from "vitest";
import { surveyTopology, type Topology } from "../../../agent/cli/survey/topology.ts";
import { topologyReport } from "../../../agent/cli/survey/topology-report.ts";
import { asTerminal } from "../../../agent/cli/report/render.ts";
import { sampleSnapshot } from "../../support/sample-mesh.ts";
import { recordedCluster, recordedObjects, type RecordedObjects } from "../../support/recorded-objects.ts";

const NO_AGENTS = { why: "there are none" };
const topology = (objects: RecordedObjects): Promise<Topology> => surveyTopology({ objects, snapshot: NO_AGENTS });

const node = (name: string, more: { podCIDRs?: string[]; ip?: string; annotations?: object; zone?: string } = {}) => ({
  metadata: {
    name,
    annotations: more.annotations ?? {},
    labels: more.zone === undefined ? {} : { "topology.kubernetes.io/zone": more.zone },
  },
  spec: { podCIDRs: more.podCIDRs },
  status: {
    addresses: [{ type: "InternalIP", address: more.ip ?? "192.0.2.1" }],
    nodeInfo: { kernelVersion: "6.12.0" },
    conditions: [{ type: "Ready", status: "True" }],
  },
});

describe("of recorded clusters", () => {
  test("Flannel with VXLAN is an overlay of 50 bytes", async () => {
    const { cnis, nodes, disagreements } = await topology(recordedCluster("flannel-vxlan"));
    expect(cnis).toMatchObject([
      { name: "flannel", backend: "vxlan", carries: "overlay", encapsulation: "vxlan", overheadBytes: 50, ready: 3 },
    ]);
    expect(nodes.map(({ name, zone, podCidrs }) => [name, zone, podCidrs.length])).toEqual([
      ["node-1", "zone-a", 1],
      ["node-2", "zone-b", 1],
      ["node-3", "zone-c", 1],
    ]);
    expect(disagreements).toEqual([]);
  });

  test("Flannel with host-gw is routed, with ranges of both families", async () => {
    const { cnis, nodes, ranges } = await topology(recordedCluster("flannel-host-gw-dual"));
    expect(cnis).toMatchObject([{ name: "flannel", backend: "host-gw", carries: "underlay", overheadBytes: 0 }]);
    expect(nodes[0]!.podCidrs).toHaveLength(2);
    expect(ranges!.cluster[0]!.cidrs.map((cidr) => cidr.includes(":"))).toEqual([false, true]);
    expect(ranges!.cluster.find(({ from }) => from === "Flannel's ConfigMap")!.cidrs).toHaveLength(2);
  });

  test("kube-router routes by BGP", async () => {
    const { cnis } = await topology(recordedCluster("kube-router"));
    expect(cnis).toMatchObject([{ name: "kube-router", carries: "underlay", backend: "GoBGP" }]);
  });
});

test("agents tell what passes, and a mesh of other nodes is not taken for this cluster's", async () => {
  const of = (nodes: object[]) =>
    surveyTopology({
      objects: recordedObjects({ nodes, daemonsets: [], configmaps: [] }),
      snapshot: sampleSnapshot({ nodes: 2, zones: 1 }),
    });
  const own = await of([node("node-1"), node("node-2", { ip: "192.0.2.2" })]);
  expect(own.nodes).toMatchObject([
    { name: "node-1", hasAgent: true, passesBytes: { pod: expect.any(Number) as number } },
    { name: "node-2", hasAgent: true },
  ]);
  const other = await of([node("worker-a")]);
  expect(other.nodes).toMatchObject([{ name: "worker-a", hasAgent: undefined, passesBytes: {} }]);
  expect(other.unseen).toEqual([expect.stringContaining("of another mesh than this cluster")]);
});

test("Flannel inside of k3s is known by annotations alone", async () => {
  const annotations = { "flannel.alpha.coreos.com/backend-type": "wireguard" };
  const { cnis } = await topology(
    recordedObjects({
      nodes: [node("a", { podCIDRs: ["10.42.0.0/24"], annotations })],
      daemonsets: [],
      configmaps: [],
    }),
  );
  expect(cnis).toMatchObject([{ name: "flannel", encapsulation: "wireguard", overheadBytes: 60 }]);
});

test("a ConfigMap that an uninstalled CNI has left is no CNI", async () => {
  const configmaps = [
    { metadata: { namespace: "kube-system", name: "cilium-config" }, data: { "routing-mode": "native" } },
  ];
  expect((await topology(recordedObjects({ nodes: [node("a")], daemonsets: [], configmaps }))).cnis).toEqual([]);
});

const daemonSet = (name: string, image: string) => ({
  metadata: { namespace: "kube-system", name },
  spec: { template: { spec: { containers: [{ image }] } } },
  status: { desiredNumberScheduled: 1, numberReady: 1 },
});

describe("each CNI by its objects", () => {
  const cilium = (data: object) => [{ metadata: { namespace: "kube-system", name: "cilium-config" }, data }];
  test.each([
    [
      "cilium",
      "quay.io/cilium/cilium:v1.20.2@sha256:00",
      cilium({ "routing-mode": "tunnel", "tunnel-protocol": "geneve" }),
      "geneve",
    ],
    ["cilium", "quay.io/cilium/cilium:v1.20.2", cilium({ "routing-mode": "native" }), "none"],
    ["cilium", "quay.io/cilium/cilium:v1.12.0", cilium({ tunnel: "vxlan" }), "vxlan"],
    ["cilium", "quay.io/cilium/cilium:v1.12.0", cilium({ tunnel: "disabled" }), "none"],
    ["weave-net", "weaveworks/weave-kube:2.8.1", [], "vxlan"],
    ["kindnet", "kindest/kindnetd:v2024", [], "none"],
    ["aws-node", "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.19.0", [], "none"],
    ["ovnkube-node", "ovn-kube:v1", [], "geneve"],
    ["antrea-agent", "antrea/antrea-agent-ubuntu:v2.1", [], "geneve"],
    ["azure-cns", "mcr.microsoft.com/containernetworking/azure-cns:v1.6", [], "none"],
    ["anetd", "gke.gcr.io/cilium/cilium:v1.13", [], "none"],
  ])("%s (%s)", async (name, image, configmaps, encapsulation) => {
    const objects = recordedObjects({ nodes: [node("a")], daemonsets: [daemonSet(name, image)], configmaps });
    const { cnis } = await topology(objects);
    expect(cnis).toMatchObject([{ encapsulation, version: /:([^:@/]+)(@.*)?$/.exec(image)![1] }]);
  });

  test.each([
    [{ vxlanMode: "Always", ipipMode: "Never" }, "vxlan"],
    [{ vxlanMode: "Never", ipipMode: "CrossSubnet" }, "ipip"],
    [{ vxlanMode: "Never", ipipMode: "Never" }, "none"],
  ])("calico with a pool %o", async (spec, encapsulation) => {
    const { cnis, ranges } = await topology(
      recordedObjects({
        nodes: [node("a", { annotations: { "projectcalico.org/IPv4Address": "192.0.2.1/24" } })],
        daemonsets: [daemonSet("calico-node", "docker.io/calico/node:v3.30.0")],
        configmaps: [],
        ippools: [{ metadata: { name: "default" }, spec: { cidr: "10.7.0.0/16", ...spec } }],
      }),
    );
    expect(cnis).toMatchObject([{ name: "calico", encapsulation, version: "v3.30.0" }]);
    expect(ranges!.cluster.find(({ from }) => from === "Calico's IP pools")!.cidrs).toEqual(["10.7.0.0/16"]);
  });
});

describe("ranges, each with where it came from", () => {
  const pod = (component: string, args: string[]) => ({
    metadata: { namespace: "kube-system", name: component, labels: { component } },
    spec: { containers: [{ command: [component, ...args] }] },
  });
  test("ServiceCIDR objects, flags, kubeadm's and kube-proxy's settings", async () => {
    const { ranges, disagreements } = await topology(
      recordedObjects({
        nodes: [
          node("a", { podCIDRs: ["10.244.0.0/24"] }),
          node("b", { podCIDRs: ["10.244.1.0/24"], ip: "192.0.2.2" }),
        ],
        servicecidrs: [{ metadata: { name: "kubernetes" }, spec: { cidrs: ["10.96.0.0/12", "fd00:1::/108"] } }],
        services: [{ metadata: { namespace: "default", name: "kubernetes" }, spec: { clusterIPs: ["10.96.0.1"] } }],
        pods: [
          pod("kube-controller-manager", ["--cluster-cidr=10.244.0.0/16", "--service-cluster-ip-range=10.96.0.0/12"]),
          pod("kube-apiserver", ["--service-cluster-ip-range=10.96.0.0/12"]),
        ],
        configmaps: [
          {
            metadata: { namespace: "kube-system", name: "kubeadm-config" },
            data: { ClusterConfiguration: "networking:\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/12\n" },
          },
          {
            metadata: { namespace: "kube-system", name: "kube-proxy" },
            data: { "config.conf": 'clusterCIDR: "10.244.0.0/16"' },
          },
        ],
        daemonsets: [],
      }),
    );
    expect(ranges!.cluster.map(({ cidrs }) => cidrs)).toEqual([
      ["10.244.0.0/23"],
      ["10.244.0.0/16"],
      ["10.244.0.0/16"],
      ["10.244.0.0/16"],
    ]);
    expect(ranges!.service.map(({ cidrs }) => cidrs.length)).toEqual([2, 1, 1, 1, 1]);
    expect(disagreements).toEqual([]);
  });

  test("what may not be read is named with the rule that would allow it, and the rest goes on", async () => {
    const objects = recordedCluster("flannel-vxlan");
    for (const plural of ["pods", "configmaps", "daemonsets"]) objects.forbidden.add(plural);
    const seen = await topology(objects);
    expect(seen.cnis).toMatchObject([{ name: "flannel", backend: "vxlan" }]);
    const said = asTerminal(topologyReport(seen));
    expect(said).toContain('apiGroups: [""], resources: ["pods"], verbs: ["list"]');
    expect(said).toContain('apiGroups: [""], resources: ["configmaps"], verbs: ["get"]');
    expect(said).toContain('apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["list"]');
  });

  test("without nodes to be seen it says so, and is a fault", async () => {
    const objects = recordedObjects();
    objects.forbidden.add("nodes");
    const report = topologyReport(await topology(objects));
    expect(report).toMatchObject({ isFault: true, headline: "No node could be seen." });
    const said = asTerminal(report);
    expect(said).toContain(
      'pod CIDRs of the nodes: not allowed; the RBAC rule that allows it: apiGroups: [""], resources: ["nodes"]',
    );
    // What was not seen is not called absent.
    expect(said).not.toContain("None that is known by sight");
    expect(said).not.toContain("no node has one");
  });
});

describe("what disagrees", () => {
  const services = [{ metadata: { namespace: "default", name: "kubernetes" }, spec: { clusterIPs: ["10.96.0.1"] } }];
  const flannel = { "flannel.alpha.coreos.com/backend-type": "vxlan" };
  const seen = async (nodes: object[], more: Record<string, object[]> = {}) =>
    (await topology(recordedObjects({ nodes, daemonsets: [], configmaps: [], services, ...more }))).disagreements;

  test("pod CIDRs of two nodes that overlap, also with one between them", async () => {
    const nodes = [
      node("a", { podCIDRs: ["10.0.0.0/16"] }),
      node("b", { podCIDRs: ["10.0.1.0/24"], ip: "192.0.2.2" }),
      node("c", { podCIDRs: ["10.0.2.0/24"], ip: "192.0.2.3" }),
    ];
    expect(await seen(nodes)).toEqual([
      "pod CIDR 10.0.1.0/24 of b overlaps 10.0.0.0/16 of a",
      "pod CIDR 10.0.2.0/24 of c overlaps 10.0.0.0/16 of a",
    ]);
  });

  test("a cluster range over the Service range, or over nodes", async () => {
    const servicecidrs = [{ metadata: { name: "kubernetes" }, spec: { cidrs: ["10.0.0.0/16"] } }];
    expect(await seen([node("a", { podCIDRs: ["10.0.0.0/24"], ip: "10.0.0.9" })], { servicecidrs })).toEqual([
      "the cluster CIDR 10.0.0.0/24 (pod CIDRs of the nodes) overlaps the service CIDR 10.0.0.0/16 (ServiceCIDR objects)",
      "the cluster CIDR 10.0.0.0/24 contains the addresses of a",
      "the service CIDR 10.0.0.0/16 contains the addresses of a",
    ]);
  });

  test("a node without a pod CIDR where its CNI needs one, and only there", async () => {
    const bare = node("b", { ip: "192.0.2.2" });
    expect(await seen([node("a", { podCIDRs: ["10.0.0.0/24"], annotations: flannel }), bare])).toEqual([
      "b has no pod CIDR, and Flannel needs one: pods made there get no address",
    ]);
    expect(await seen([bare], { daemonsets: [daemonSet("aws-node", "amazon-k8s-cni:v1")] })).toEqual([]);
  });

  test("a CNI that is not ready on every node, and an address that two nodes have", async () => {
    const set = { ...daemonSet("kindnet", "kindnetd:v1"), status: { desiredNumberScheduled: 3, numberReady: 2 } };
    const nodes = [node("a", { podCIDRs: ["10.0.0.0/24"] }), node("b", { podCIDRs: ["10.0.1.0/24"] })];
    expect(await seen(nodes, { daemonsets: [set] })).toEqual([
      "kindnet is ready on 2 of 3 nodes",
      "the address 192.0.2.1 is of a and b",
    ]);
  });
});
