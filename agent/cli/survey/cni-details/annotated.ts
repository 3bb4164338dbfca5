// CNIs that keep what they know in annotations of nodes: Flannel (also inside of k3s), kube-router, OVN-Kubernetes.
import { listed } from "../../../base/format.ts";
import { tableOf, text } from "../../report/report.ts";
import { flannelConfig } from "../cni-table.ts";
import { podCidrsOf } from "../ranges.ts";
import { annotationsOf, nameOf, words, type DetailsOf } from "./details.ts";

const FLANNEL = "flannel.alpha.coreos.com/";

export const flannelDetails: DetailsOf = ({ signs }) => {
  const config = flannelConfig(signs);
  const leases = signs.nodes.map((node) => {
    const own = annotationsOf(node);
    return {
      node: nameOf(node),
      lease: podCidrsOf(node),
      backend: own[`${FLANNEL}backend-type`] ?? "",
      data: tunnelOf(own[`${FLANNEL}backend-data`] ?? ""),
      publicIp: own[`${FLANNEL}public-ip`] ?? own[`${FLANNEL}public-ipv6`] ?? "",
    };
  });
  const without = leases.filter(({ backend }) => backend === "").map(({ node }) => node);
  const backends = [...new Set(leases.map(({ backend }) => backend).filter((backend) => backend !== ""))];
  const shared = [...Map.groupBy(leases, ({ publicIp }) => publicIp)].filter(([ip, of]) => ip !== "" && of.length > 1);
  const wanted = config?.Backend?.Type;
  return Promise.resolve({
    blocks: [
      config === undefined
        ? text("There is no ConfigMap of Flannel to be seen; k3s has none. The annotations of nodes tell the same.")
        : tableOf(
            ["net-conf.json", ""],
            [
              ["Network", [config.Network, config.IPv6Network].filter(Boolean).join(", ")],
              ["Backend", words(config.Backend)],
            ],
          ),
      tableOf(
        ["node", "lease", "backend", "VNI", "tunnel's MAC", "public IP"],
        leases.map(({ node, lease, backend, data, publicIp }) => [
          node,
          lease.join(", "),
          backend,
          words(data.VNI),
          words(data.VtepMAC),
          publicIp,
        ]),
      ),
    ],
    faults: [
      ...(without.length > 0 ? [`it has not written to ${listed(without)}: no lease there`] : []),
      ...(backends.length > 1 ? [`nodes have different backends: ${backends.join(" and ")}`] : []),
      ...(wanted !== undefined && backends.length === 1 && backends[0] !== wanted
        ? [
            `the ConfigMap says backend ${wanted}, the nodes run ${backends[0]}: Flannel's pods were not restarted since`,
          ]
        : []),
      ...shared.map(([ip, of]) => `${listed(of.map(({ node }) => node))} have the same public IP ${ip}`),
    ],
    unseen: [],
    data: { config: config ?? null, leases },
  });
};

function tunnelOf(json: string): { readonly VNI?: unknown; readonly VtepMAC?: unknown } {
  try {
    const read: unknown = JSON.parse(json);
    return typeof read === "object" && read !== null ? read : {};
  } catch {
    return {};
  }
}

const KUBE_ROUTER = "kube-router.io/";

export const kubeRouterDetails: DetailsOf = ({ signs: { nodes } }) => {
  const routers = nodes.map((node) => {
    const own = annotationsOf(node);
    const of = (key: string) => own[`${KUBE_ROUTER}${key}`] ?? "";
    return {
      node: nameOf(node),
      podCidrs: of("pod-cidrs") || of("pod-cidr") || podCidrsOf(node).join(", "),
      asn: of("node.asn"),
      peers: of("peer.ips"),
      peerAsns: of("peer.asns"),
      role: of("rr.server") !== "" ? "route reflector" : of("rr.client") !== "" ? "its client" : "full mesh",
    };
  });
  const isMixed = routers.some(({ asn }) => asn !== "") && routers.some(({ asn }) => asn === "");
  const clients = routers.some(({ role }) => role === "its client");
  return Promise.resolve({
    blocks: [
      tableOf(
        ["node", "pod CIDRs", "AS", "outside peers", "their AS", "role"],
        routers.map((one) => [
          one.node,
          one.podCidrs,
          one.asn === "" ? "cluster's" : one.asn,
          one.peers,
          one.peerAsns,
          one.role,
        ]),
      ),
      text(
        "kube-router writes no state of its BGP sessions to the cluster. On the node: 'gobgp neighbor' in its pod; routes of protocol 17 are its own.",
      ),
    ],
    faults: [
      ...(isMixed ? ["some nodes have an AS number of their own and others none"] : []),
      ...(clients && !routers.some(({ role }) => role === "route reflector")
        ? ["nodes are clients of a route reflector, and no node is one"]
        : []),
    ],
    unseen: [],
    data: { routers },
  });
};

export const ovnDetails: DetailsOf = ({ signs: { nodes } }) => {
  const subnets = nodes.map((node) => ({
    node: nameOf(node),
    subnets: annotationsOf(node)["k8s.ovn.org/node-subnets"] ?? "",
    chassis: annotationsOf(node)["k8s.ovn.org/node-chassis-id"] ?? "",
  }));
  const without = subnets.filter(({ subnets: own }) => own === "").map(({ node }) => node);
  return Promise.resolve({
    blocks: [
      tableOf(
        ["node", "subnets", "chassis"],
        subnets.map((one) => [one.node, one.subnets, one.chassis]),
      ),
    ],
    faults: without.length > 0 ? [`no subnet on ${listed(without)}: pods made there get no address`] : [],
    unseen: [],
    data: { subnets },
  });
};
