// What a cluster will be before anything of it exists: names, zones, addresses. Pure.
/** Of nodes, pods and services alike. With both, IPv4 is the primary one. */
export type Families = "ipv4" | "ipv6" | "both";

/** Who lays the pod network: our scripts, in seconds and as Flannel does it, or a CNI of the field. */
export const CNIS = ["scripts", "flannel-vxlan", "flannel-host-gw", "kube-router"] as const;
export type Cni = (typeof CNIS)[number];

/** Who enforces NetworkPolicy. */
export const POLICIES = ["none", "kube-router"] as const;
export type Policy = (typeof POLICIES)[number];

export interface ClusterOptions {
  /** Distinguishes clusters on one machine; part of every namespace, control group and folder name. */
  readonly name?: string;
  readonly nodes?: number;
  readonly zones?: number;
  readonly families?: Families;
  readonly cni?: Cni;
  readonly policy?: Policy;
}

export interface NodePlan {
  /** Also the Kubernetes node name. */
  readonly name: string;
  readonly index: number;
  readonly zone: string;
  /** One of each family, the primary first. */
  readonly addresses: readonly string[];
  readonly podCidrs: readonly string[];
}

export interface ClusterPlan {
  readonly name: string;
  /** What the name of every network namespace and control group starts with, and of nobody else's. */
  readonly prefix: string;
  readonly zones: number;
  readonly families: Families;
  readonly cni: Cni;
  readonly policy: Policy;
  readonly controlPlane: { readonly addresses: readonly string[] };
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  /** The API server's own service. */
  readonly apiServiceAddress: string;
  readonly dnsServiceAddress: string;
  readonly nodes: readonly NodePlan[];
}

/** A longer name would not leave room for a kubelet's socket paths, which end at 107 bytes. */
const NAME = /^[a-z][a-z0-9]{0,15}$/;
const MAX_NODES = 50;
export const FAMILIES = ["ipv4", "ipv6", "both"] as const satisfies readonly Families[];

export function planCluster(options: ClusterOptions = {}): ClusterPlan {
  const { name = "local", nodes = 3, zones = 3, families = "ipv4", cni = "scripts", policy = "none" } = options;
  if (!NAME.test(name)) throw new RangeError(`cluster name '${name}': wants ${NAME.source}`);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES) {
    throw new RangeError(`a cluster of ${nodes} nodes: wants 1 to ${MAX_NODES}`);
  }
  if (!Number.isInteger(zones) || zones < 1 || zones > 26) throw new RangeError(`${zones} zones: wants 1 to 26`);
  oneOf("families", families, FAMILIES);
  oneOf("CNI", cni, CNIS);
  oneOf("policy", policy, POLICIES);
  const shape = { zones, families };
  const one = (ipv4: string, ipv6: string): readonly string[] => ofFamilies(families, { ipv4, ipv6 });
  return {
    name,
    prefix: `internode-k8s-${name}-`,
    ...shape,
    cni,
    policy,
    controlPlane: { addresses: one("10.100.0.10", "fd00:10:100::10") },
    podCidrs: one("10.244.0.0/16", "fd00:10:244::/56"),
    serviceCidrs: one("10.96.0.0/16", "fd00:10:96::/112"),
    apiServiceAddress: one("10.96.0.1", "fd00:10:96::1")[0]!,
    dnsServiceAddress: one("10.96.0.10", "fd00:10:96::a")[0]!,
    nodes: Array.from({ length: nodes }, (_, i) => planNode(i + 1, shape)),
  };
}

/** Node numbers start at 1. The same number always gets the same addresses. */
export function planNode(index: number, { zones, families }: Pick<ClusterPlan, "zones" | "families">): NodePlan {
  return {
    name: `node-${index}`,
    index,
    zone: `zone-${"abcdefghijklmnopqrstuvwxyz"[(index - 1) % zones]}`,
    addresses: ofFamilies(families, { ipv4: `10.100.0.${100 + index}`, ipv6: `fd00:10:100::${100 + index}` }),
    podCidrs: ofFamilies(families, { ipv4: `10.244.${index}.0/24`, ipv6: `fd00:10:244:${index}::/64` }),
  };
}

function oneOf(what: string, given: string, choices: readonly string[]): void {
  if (!choices.includes(given)) throw new RangeError(`${what} '${given}': wants ${choices.join(", ")}`);
}

export const isIPv6 = (address: string): boolean => address.includes(":");

/** What is the case in a cluster of these families, the primary one's first. */
export function ofFamilies<T>(
  families: Families,
  { ipv4, ipv6 }: { readonly ipv4: T; readonly ipv6: T },
): readonly T[] {
  return families === "both" ? [ipv4, ipv6] : [families === "ipv4" ? ipv4 : ipv6];
}
