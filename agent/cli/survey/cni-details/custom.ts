// CNIs that keep what they know in custom resources: Cilium, Antrea, Kube-OVN, and those of clouds; Weave in a ConfigMap.
import type { V1ConfigMap } from "@kubernetes/client-node";
import { listed } from "../../../base/format.ts";
import { KINDS, valueOf, type Kind } from "../../cluster/objects.ts";
import { tableOf, text } from "../../report/report.ts";
import { gaps, words, yesNo, type DetailsOf } from "./details.ts";

interface Custom<Spec = object, Status = object> {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: Spec;
  readonly status?: Status;
}

const cilium = (plural: string): Kind => ({ group: "cilium.io", version: "v2", plural });

type CiliumNode = Custom<{
  readonly addresses?: readonly { readonly ip?: string; readonly type?: string }[];
  readonly health?: { readonly ipv4?: string; readonly ipv6?: string };
  readonly ipam?: { readonly podCIDRs?: readonly string[] };
}>;
type CiliumEndpoint = Custom<object, { readonly state?: string }>;

const CILIUM_SETTINGS = [
  "routing-mode",
  "tunnel",
  "tunnel-protocol",
  "ipam",
  "kube-proxy-replacement",
  "mtu",
  "enable-ipv4",
  "enable-ipv6",
  "enable-wireguard",
  "cluster-pool-ipv4-cidr",
];

export const ciliumDetails: DetailsOf = async ({ objects, signs: { config } }) => {
  const [nodes, endpoints] = await Promise.all([
    objects.list<CiliumNode>(cilium("ciliumnodes")),
    objects.list<CiliumEndpoint>(cilium("ciliumendpoints")),
  ]);
  const settings = CILIUM_SETTINGS.flatMap((key) => (config[key] === undefined ? [] : [[key, config[key]]]));
  const states = [...Map.groupBy(valueOf(endpoints) ?? [], ({ status }) => status?.state ?? "unknown")];
  const known = (valueOf(nodes) ?? []).map(({ metadata, spec }) => ({
    name: metadata?.name ?? "",
    internal: (spec?.addresses ?? []).find(({ type }) => type === "InternalIP")?.ip ?? "",
    health: spec?.health?.ipv4 ?? spec?.health?.ipv6 ?? "",
    podCidrs: (spec?.ipam?.podCIDRs ?? []).join(", "),
  }));
  return {
    blocks: [
      ...(settings.length === 0 ? [] : [tableOf(["cilium-config", ""], settings)]),
      ...(known.length === 0
        ? []
        : [
            tableOf(
              ["node", "internal IP", "health endpoint", "pod CIDRs"],
              known.map((node) => [node.name, node.internal, node.health, node.podCidrs]),
            ),
          ]),
      ...(states.length === 0
        ? []
        : [
            tableOf(
              ["endpoints in state", "number"],
              states.map(([state, of]) => [state, String(of.length)]),
            ),
          ]),
      text(
        "Cilium's own probes between nodes: 'cilium-health status' in its pod. 'internode matrix' measures the same paths.",
      ),
    ],
    faults: states
      .filter(([state]) => state !== "ready")
      .map(([state, of]) => {
        const names = of.map(({ metadata }) => `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`);
        return `endpoints in state ${state}: ${listed(names)}`;
      }),
    unseen: gaps({ CiliumNodes: nodes, CiliumEndpoints: endpoints }),
    data: {
      settings: Object.fromEntries(settings),
      nodes: known,
      endpoints: Object.fromEntries(states.map(([s, of]) => [s, of.length])),
    },
  };
};

interface AntreaAgentInfo {
  readonly metadata?: { readonly name?: string };
  readonly version?: string;
  readonly nodeSubnets?: readonly string[];
  readonly networkInfo?: { readonly podMTU?: number; readonly transportInterfaceMTU?: number };
  readonly ovsInfo?: { readonly version?: string };
  readonly agentConditions?: readonly { readonly type?: string; readonly status?: string; readonly reason?: string }[];
}

export const antreaDetails: DetailsOf = async ({ objects }) => {
  const agents = await objects.list<AntreaAgentInfo>({
    group: "crd.antrea.io",
    version: "v1beta1",
    plural: "antreaagentinfos",
  });
  const known = valueOf(agents) ?? [];
  return {
    blocks: [
      tableOf(
        ["node", "version", "subnets", "pod MTU", "transport MTU", "Open vSwitch"],
        known.map(({ metadata, version, nodeSubnets, networkInfo, ovsInfo }) => [
          metadata?.name ?? "",
          version ?? "",
          (nodeSubnets ?? []).join(", "),
          words(networkInfo?.podMTU),
          words(networkInfo?.transportInterfaceMTU),
          ovsInfo?.version ?? "",
        ]),
      ),
    ],
    faults: known.flatMap(({ metadata, agentConditions }) =>
      (agentConditions ?? [])
        .filter(({ status }) => status === "False")
        .map(({ type, reason }) => `${metadata?.name ?? ""}: ${type ?? ""} is false${reason ? `, ${reason}` : ""}`),
    ),
    unseen: gaps({ AntreaAgentInfos: agents }),
    data: { agents: known },
  };
};

type Subnet = Custom<{
  readonly cidrBlock?: string;
  readonly gateway?: string;
  readonly gatewayType?: string;
  readonly natOutgoing?: boolean;
  readonly vlan?: string;
  readonly vpc?: string;
}>;
type ProviderNetwork = Custom<object, { readonly notReadyNodes?: readonly string[] }>;

export const kubeOvnDetails: DetailsOf = async ({ objects }) => {
  const kind = (plural: string): Kind => ({ group: "kubeovn.io", version: "v1", plural });
  const [subnets, providers] = await Promise.all([
    objects.list<Subnet>(kind("subnets")),
    objects.list<ProviderNetwork>(kind("provider-networks")),
  ]);
  return {
    blocks: [
      tableOf(
        ["subnet", "range", "gateway", "type", "NAT outgoing", "VLAN", "VPC"],
        (valueOf(subnets) ?? []).map(({ metadata, spec = {} }) => [
          metadata?.name ?? "",
          spec.cidrBlock ?? "",
          spec.gateway ?? "",
          spec.gatewayType ?? "",
          yesNo(spec.natOutgoing),
          spec.vlan ?? "",
          spec.vpc ?? "",
        ]),
      ),
    ],
    faults: (valueOf(providers) ?? []).flatMap(({ metadata, status }) => {
      const names = status?.notReadyNodes ?? [];
      return names.length === 0 ? [] : [`provider network ${metadata?.name ?? ""} is not ready on ${listed(names)}`];
    }),
    unseen: gaps({ Subnets: subnets, ProviderNetworks: providers }),
    data: { subnets: valueOf(subnets) ?? [] },
  };
};

export const weaveDetails: DetailsOf = async ({ objects }) => {
  const map = await objects.get<V1ConfigMap>(KINDS.configMaps, "weave-net", { namespace: "kube-system" });
  const peers = peersOf(valueOf(map)?.metadata?.annotations?.["kube-peers.weave.works/peers"] ?? "");
  return {
    blocks: [
      peers.length === 0
        ? text("Weave's list of peers was not to be seen.")
        : tableOf(
            ["peer", "node"],
            peers.map(({ PeerName = "", NodeName = "" }) => [PeerName, NodeName]),
          ),
      text("States of connections: 'weave --local status connections' in its pod."),
    ],
    faults: [],
    unseen: gaps({ "Weave's ConfigMap and its peers": map }),
    data: { peers },
  };
};

function peersOf(json: string): readonly { readonly PeerName?: string; readonly NodeName?: string }[] {
  try {
    return (JSON.parse(json) as { readonly Peers?: [] }).Peers ?? [];
  } catch {
    return [];
  }
}

export const awsDetails: DetailsOf = async ({ objects }) => {
  const [configs, nodes] = await Promise.all([
    objects.list<Custom<{ readonly subnet?: string; readonly securityGroups?: readonly string[] }>>({
      group: "crd.k8s.amazonaws.com",
      version: "v1alpha1",
      plural: "eniconfigs",
    }),
    objects.list<Custom<{ readonly features?: readonly { readonly name?: string }[] }>>({
      group: "vpcresources.k8s.aws",
      version: "v1alpha1",
      plural: "cninodes",
    }),
  ]);
  const known = valueOf(configs) ?? [];
  return {
    blocks: [
      known.length > 0
        ? tableOf(
            ["ENIConfig", "subnet", "security groups"],
            known.map(({ metadata, spec }) => [
              metadata?.name ?? "",
              spec?.subnet ?? "",
              (spec?.securityGroups ?? []).join(", "),
            ]),
          )
        : text("No ENIConfig: pods are in the subnets of their nodes."),
    ],
    faults: [],
    unseen: gaps({ ENIConfigs: configs, CNINodes: nodes }),
    data: { eniConfigs: valueOf(configs) ?? [], cniNodes: valueOf(nodes) ?? [] },
  };
};

export const azureDetails: DetailsOf = async ({ objects }) => {
  const configs = await objects.list<Custom<object, { readonly assignedIPCount?: number }>>({
    group: "acn.azure.com",
    version: "v1alpha",
    plural: "nodenetworkconfigs",
  });
  return {
    blocks: [
      tableOf(
        ["node", "addresses"],
        (valueOf(configs) ?? []).map(({ metadata, status }) => [metadata?.name ?? "", words(status?.assignedIPCount)]),
      ),
    ],
    faults: [],
    unseen: gaps({ NodeNetworkConfigs: configs }),
    data: { nodes: valueOf(configs) ?? [] },
  };
};
