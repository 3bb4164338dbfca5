// Commands that read the cluster's objects, against a real API server: built-in kinds, custom resources by definitions of
// our own in the real ones' shape, and a user whom RBAC refuses.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asTerminal } from "../../agent/cli/report/render.ts";
import type { Report } from "../../agent/cli/report/report.ts";
import { sourcesOf, type Sources } from "../../agent/cli/sources.ts";
import { makeCleanup } from "../../agent/cli/cleanup.ts";
import { makeCni } from "../../agent/cli/cni.ts";
import { makePolicy } from "../../agent/cli/policy.ts";
import { makeTopology } from "../../agent/cli/topology.ts";
import { until } from "./until.ts";
import { RESTRICTED_USER, startBareApiServer, type BareApiServer } from "./bare-api-server.ts";

let server: BareApiServer;
const crd = (group: string, plural: string, kind: string, version = "v1") => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: `${plural}.${group}`,
    // Groups below kubernetes.io and k8s.io are protected; others need none.
    annotations: { "api-approved.kubernetes.io": "unapproved, for a test" },
  },
  spec: {
    group,
    scope: "Cluster",
    names: { plural, singular: kind.toLowerCase(), kind },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});
const calico = (kind: string, name: string, rest: object) => ({
  apiVersion: "crd.projectcalico.org/v1",
  kind,
  metadata: { name },
  ...rest,
});
const node = (name: string, podCIDR: string) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name,
    labels: { "topology.kubernetes.io/zone": "zone-a" },
    annotations: { "projectcalico.org/IPv4Address": "192.0.2.7/24" },
  },
  spec: { podCIDR, podCIDRs: [podCIDR] },
});

beforeAll(async () => {
  server = await startBareApiServer();
  await server.apply(
    crd("crd.projectcalico.org", "ippools", "IPPool"),
    crd("crd.projectcalico.org", "bgppeers", "BGPPeer"),
    crd("crd.projectcalico.org", "caliconodestatuses", "CalicoNodeStatus"),
    node("node-1", "10.7.0.0/24"),
    node("node-2", "10.7.1.0/24"),
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "calico-node", namespace: "kube-system" },
      spec: {
        selector: { matchLabels: { k: "v" } },
        template: {
          metadata: { labels: { k: "v" } },
          spec: { containers: [{ name: "n", image: "calico/node:v3.30.0" }] },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "kubeadm-config", namespace: "kube-system" },
      data: { ClusterConfiguration: "networking:\n  podSubnet: 10.7.0.0/16\n  serviceSubnet: 10.96.0.0/16\n" },
    },
  );
  // A definition is served a moment after it was accepted.
  await until("the custom resources to be taken", async () => {
    await server.apply(
      calico("IPPool", "default", { spec: { cidr: "10.7.0.0/16", ipipMode: "Always", vxlanMode: "Never" } }),
      calico("BGPPeer", "tor", { spec: { peerIP: "192.0.2.254", asNumber: 64513 } }),
      calico("CalicoNodeStatus", "node-1", { spec: { node: "node-1" } }),
    );
    return true;
  });
  await server.status("caliconodestatuses.crd.projectcalico.org", "node-1", {
    bgp: { peersV4: [{ peerIP: "192.0.2.254", type: "NodeSpecific", state: "Active", since: "12:00" }] },
  });
  await server.status("nodes", "node-1", {
    addresses: [{ type: "InternalIP", address: "192.0.2.7" }],
    nodeInfo: {
      kernelVersion: "6.12.0",
      architecture: "",
      bootID: "",
      containerRuntimeVersion: "",
      kubeProxyVersion: "",
      kubeletVersion: "",
      machineID: "",
      operatingSystem: "",
      osImage: "",
      systemUUID: "",
    },
  });
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

const as = (kubeconfig: string): Sources => ({
  ...sourcesOf(
    { kind: "cluster", kubeconfig, context: undefined, namespace: undefined },
    new AbortController().signal,
    {},
  ),
  mesh: () => Promise.resolve({ why: "there is no agent" }),
});
const said = async (make: (sources: Sources) => Promise<Report>, kubeconfig = server.kubeconfig) =>
  asTerminal(await make(as(kubeconfig)));

test("topology: ranges by objects of the API server's own, kubeadm and Calico", async () => {
  const text = await said(makeTopology);
  expect(text).toMatch(/node-1 +zone-a +192\.0\.2\.7 +10\.7\.0\.0\/24 +6\.12\.0/);
  expect(text).toMatch(/10\.96\.0\.0\/16 +ServiceCIDR objects/);
  expect(text).toMatch(/contains 10\.96\.0\.1 +address of the Service default\/kubernetes/);
  expect(text).toMatch(/10\.7\.0\.0\/16 +ConfigMap kube-system\/kubeadm-config/);
  expect(text).toMatch(/10\.7\.0\.0\/16 +Calico's IP pools/);
  expect(text).toMatch(/Calico +v3\.30\.0 +IP-in-IP Always +bird +overlay +ipip, 20 bytes/);
});

test("cni: Calico's custom resources, and a session that is not established", async () => {
  const text = await said(makeCni);
  expect(text).toMatch(/tor +192\.0\.2\.254 +64513/);
  expect(text).toContain("Calico: the BGP session of node-1 with 192.0.2.254 is Active");
});

test("policy and cleanup say that there is no agent and nothing left", async () => {
  expect(await said(makePolicy)).toContain("there is no agent");
  expect(await said(makeCleanup)).toContain("Nothing was left: 0 pods looked at");
});

describe("a user without rights", () => {
  test.each([
    ["topology", makeTopology, '[""], resources: ["nodes"], verbs: ["list"]'],
    ["cni", makeCni, '["apps"], resources: ["daemonsets"], verbs: ["list"]'],
    ["policy", makePolicy, '[""], resources: ["pods"], verbs: ["list"]'],
    ["cleanup", makeCleanup, '[""], resources: ["pods"], verbs: ["list"]'],
  ] as const)("of %s is told the rule", async (_, make, rule) => {
    expect(await said(make, server.restricted)).toContain(rule);
  });

  test("who is given what was printed sees it", async () => {
    await server.apply(
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "nodes" },
        rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["list"] }],
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "nodes" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "nodes" },
        subjects: [{ kind: "User", name: RESTRICTED_USER, apiGroup: "rbac.authorization.k8s.io" }],
      },
    );
    await expect.poll(() => said(makeTopology, server.restricted)).toMatch(/node-1 +zone-a/);
  });
});
