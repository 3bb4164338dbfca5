// The CNIs that are known by sight: what marks them, and how they carry pods' packets between nodes. Sources are each
// project's documents and, for Flannel and kube-router, objects recorded from live ones (test/fixtures/cni).
import type { V1Node } from "@kubernetes/client-node";

export const CNI_NAMES = [
  "calico",
  "flannel",
  "cilium",
  "weave",
  "antrea",
  "kube-ovn",
  "kube-router",
  "ovn-kubernetes",
  "kindnet",
  "aws",
  "azure",
  "gke",
] as const;
export type CniName = (typeof CNI_NAMES)[number];

export type Encapsulation = "vxlan" | "ipip" | "geneve" | "gre" | "wireguard" | "udp" | "none";

/**
 * Bytes that a tunnel adds to a packet over IPv4; IPv6 outside is 20 more. VXLAN 14+8+8+20, Geneve the same and its
 * options, GRE with an Ethernet frame and a key 14+4+4+20, WireGuard 60.
 */
export const OVERHEAD_BYTES: Readonly<Record<Encapsulation, number>> = {
  vxlan: 50,
  ipip: 20,
  geneve: 50,
  gre: 42,
  wireguard: 60,
  udp: 28,
  none: 0,
};

/** How it carries packets; what is not told is undefined. */
export interface Carrying {
  readonly mode?: string;
  readonly backend?: string;
  readonly encapsulation?: Encapsulation;
}

/** What can be read of one installed CNI. */
export interface CniSigns {
  readonly nodes: readonly V1Node[];
  /** `data` of its ConfigMap. */
  readonly config: Readonly<Record<string, string>>;
  readonly ipPools: readonly CalicoPool[];
}

export interface CalicoPool {
  readonly name: string;
  readonly cidr: string;
  readonly ipipMode?: string;
  readonly vxlanMode?: string;
  readonly natOutgoing?: boolean;
  readonly disabled?: boolean;
  readonly nodeSelector?: string;
  readonly blockSize?: number;
}

export interface CniEntry {
  readonly title: string;
  /** Beginnings of annotations of nodes. */
  readonly annotations: readonly string[];
  /** Names of DaemonSets. */
  readonly daemonSets: RegExp;
  /** Where its settings are: namespace and name. */
  readonly configMaps: readonly (readonly [namespace: string, name: string])[];
  /** Whether a node without spec.podCIDR has no pod network. */
  readonly needsPodCidr: (signs: CniSigns) => boolean;
  readonly carrying: (signs: CniSigns) => Carrying;
  /** An image of this name tells the version. */
  readonly image: RegExp;
}

const annotationOf = ({ nodes }: CniSigns, name: string): string | undefined =>
  nodes.map(({ metadata }) => metadata?.annotations?.[name]).find((value) => value !== undefined);

const always = () => true;
const never = () => false;
const routed = (mode: string): Carrying => ({ mode, encapsulation: "none" });

export const CNIS: Readonly<Record<CniName, CniEntry>> = {
  calico: {
    title: "Calico",
    annotations: ["projectcalico.org/"],
    daemonSets: /^calico-node$/,
    configMaps: [["kube-system", "calico-config"]],
    needsPodCidr: ({ config }) => (config["cni_network_config"] ?? "").includes("host-local"),
    image: /calico\/node|calico-node/,
    carrying: ({ ipPools, config, nodes }) => {
      const used = ipPools.filter(({ disabled }) => disabled !== true);
      const on = (mode: string | undefined) => mode !== undefined && mode !== "Never" && mode !== "";
      const vxlan = used.find(({ vxlanMode }) => on(vxlanMode));
      if (vxlan) return { mode: `VXLAN ${vxlan.vxlanMode}`, backend: "vxlan", encapsulation: "vxlan" };
      const ipip = used.find(({ ipipMode }) => on(ipipMode));
      if (ipip) return { mode: `IP-in-IP ${ipip.ipipMode}`, backend: "bird", encapsulation: "ipip" };
      if (used.length > 0) return { mode: "routed by BGP", backend: "bird", encapsulation: "none" };
      const signs = { nodes, config, ipPools };
      if (annotationOf(signs, "projectcalico.org/IPv4VXLANTunnelAddr") !== undefined)
        return { mode: "VXLAN", encapsulation: "vxlan" };
      if (annotationOf(signs, "projectcalico.org/IPv4IPIPTunnelAddr") !== undefined)
        return { mode: "IP-in-IP", backend: "bird", encapsulation: "ipip" };
      const backend = config["calico_backend"];
      return backend === undefined ? {} : { backend };
    },
  },
  flannel: {
    title: "Flannel",
    annotations: ["flannel.alpha.coreos.com/"],
    daemonSets: /^(kube-)?flannel(-ds)?(-\w+)?$/,
    configMaps: [
      ["kube-flannel", "kube-flannel-cfg"],
      ["kube-system", "kube-flannel-cfg"],
    ],
    needsPodCidr: always,
    image: /flannel(?!-cni-plugin)/,
    carrying: (signs) => {
      const backend =
        annotationOf(signs, "flannel.alpha.coreos.com/backend-type") ?? flannelConfig(signs)?.Backend?.Type;
      if (backend === undefined) return {};
      const encapsulation: Encapsulation | undefined =
        backend === "host-gw" || backend === "alloc"
          ? "none"
          : backend === "vxlan" || backend === "ipip" || backend === "udp" || backend === "wireguard"
            ? backend
            : undefined;
      return { mode: encapsulation === "none" ? "routed" : "tunnel", backend, ...(encapsulation && { encapsulation }) };
    },
  },
  cilium: {
    title: "Cilium",
    annotations: ["network.cilium.io/", "io.cilium.network."],
    daemonSets: /^cilium$/,
    configMaps: [["kube-system", "cilium-config"]],
    needsPodCidr: ({ config }) => config["ipam"] === "kubernetes",
    image: /cilium\/cilium/,
    carrying: ({ config }) => {
      const mode =
        config["routing-mode"] ?? (config["tunnel"] === "disabled" ? "native" : config["tunnel"] && "tunnel");
      if (mode === "native") return { mode, backend: "eBPF", encapsulation: "none" };
      if (mode === undefined) return { backend: "eBPF" };
      const protocol = config["tunnel-protocol"] ?? config["tunnel"] ?? "vxlan";
      return {
        mode,
        backend: "eBPF",
        ...((protocol === "vxlan" || protocol === "geneve") && { encapsulation: protocol }),
      };
    },
  },
  weave: {
    title: "Weave Net",
    annotations: [],
    daemonSets: /^weave-net$/,
    configMaps: [["kube-system", "weave-net"]],
    needsPodCidr: never,
    image: /weave-kube/,
    carrying: () => ({ mode: "fast datapath, or sleeve where that fails", encapsulation: "vxlan" }),
  },
  antrea: {
    title: "Antrea",
    annotations: ["node.antrea.io/"],
    daemonSets: /^antrea-agent$/,
    configMaps: [["kube-system", "antrea-config"]],
    needsPodCidr: always,
    image: /antrea-(agent|ubuntu|ubi)/,
    carrying: ({ config }) => {
      const setting = (name: string) =>
        new RegExp(`^\\s*${name}:\\s*"?([\\w-]+)`, "m").exec(config["antrea-agent.conf"] ?? "")?.[1];
      const mode = setting("trafficEncapMode") ?? "encap";
      const tunnel = setting("tunnelType") ?? "geneve";
      if (mode === "noEncap" || mode === "networkPolicyOnly") return { mode, backend: "OVS", encapsulation: "none" };
      const known = tunnel === "geneve" || tunnel === "vxlan" || tunnel === "gre" ? tunnel : undefined;
      return { mode, backend: "OVS", ...(known && { encapsulation: known }) };
    },
  },
  "kube-ovn": {
    title: "Kube-OVN",
    annotations: ["ovn.kubernetes.io/"],
    daemonSets: /^kube-ovn-cni$/,
    configMaps: [],
    needsPodCidr: never,
    image: /kube-ovn/,
    carrying: ({ nodes }) =>
      annotationOf({ nodes, config: {}, ipPools: [] }, "ovn.kubernetes.io/tunnel_interface") === undefined
        ? { backend: "OVN" }
        : { mode: "tunnel", backend: "OVN", encapsulation: "geneve" },
  },
  "kube-router": {
    title: "kube-router",
    annotations: ["kube-router.io/"],
    daemonSets: /^kube-router$/,
    configMaps: [["kube-system", "kube-router-cfg"]],
    needsPodCidr: always,
    image: /kube-router/,
    carrying: () => ({ ...routed("routed by BGP; IP-in-IP between subnets"), backend: "GoBGP" }),
  },
  "ovn-kubernetes": {
    title: "OVN-Kubernetes",
    annotations: ["k8s.ovn.org/"],
    daemonSets: /^ovnkube-node(-\w+)?$/,
    configMaps: [],
    needsPodCidr: never,
    image: /ovn/,
    carrying: () => ({ mode: "tunnel", backend: "OVN", encapsulation: "geneve" }),
  },
  kindnet: {
    title: "kindnet",
    annotations: [],
    daemonSets: /^kindnet$/,
    configMaps: [],
    needsPodCidr: always,
    image: /kindnet/,
    carrying: () => routed("routed"),
  },
  aws: {
    title: "Amazon VPC CNI",
    annotations: ["vpc.amazonaws.com/"],
    daemonSets: /^aws-node$/,
    configMaps: [["kube-system", "amazon-vpc-cni"]],
    needsPodCidr: never,
    image: /amazon-k8s-cni(?!-init)/,
    carrying: () => routed("addresses of the VPC"),
  },
  azure: {
    title: "Azure CNI",
    annotations: [],
    daemonSets: /^azure-(cns|cni)(-\w+)?$/,
    configMaps: [],
    needsPodCidr: never,
    image: /azure-cn[si]/,
    carrying: () => routed("addresses of the virtual network"),
  },
  gke: {
    title: "GKE Dataplane V2 (Cilium inside)",
    annotations: [],
    daemonSets: /^anetd(-\w+)?$/,
    configMaps: [["kube-system", "cilium-config"]],
    needsPodCidr: always,
    image: /cilium/,
    carrying: () => routed("addresses of the VPC"),
  },
};

interface FlannelConfig {
  readonly Network?: string;
  readonly IPv6Network?: string;
  readonly Backend?: { readonly Type?: string; readonly VNI?: number; readonly Port?: number; readonly MTU?: number };
}

/** net-conf.json as far as it can be read. */
export function flannelConfig({ config }: Pick<CniSigns, "config">): FlannelConfig | undefined {
  try {
    return JSON.parse(config["net-conf.json"] ?? "") as FlannelConfig;
  } catch {
    return undefined;
  }
}
