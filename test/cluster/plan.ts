// What a cluster will be before anything of it exists: names, zones, addresses. Pure.
export interface ClusterOptions {
  /** Distinguishes clusters on one machine; part of every namespace, control group and folder name. */
  readonly name?: string;
  readonly nodes?: number;
  readonly zones?: number;
  readonly dualStack?: boolean;
}

export interface NodePlan {
  /** Also the Kubernetes node name. */
  readonly name: string;
  readonly index: number;
  readonly zone: string;
  readonly address4: string;
  readonly address6: string | undefined;
  readonly podCidr4: string;
  readonly podCidr6: string | undefined;
}

export interface ClusterPlan {
  readonly name: string;
  /** What the name of every network namespace and control group starts with, and of nobody else's. */
  readonly prefix: string;
  readonly zones: number;
  readonly dualStack: boolean;
  readonly controlPlane: { readonly address4: string; readonly address6: string | undefined };
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

export function planCluster(options: ClusterOptions = {}): ClusterPlan {
  const { name = "local", nodes = 3, zones = 3, dualStack = false } = options;
  if (!NAME.test(name)) throw new RangeError(`cluster name '${name}': wants ${NAME.source}`);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES) {
    throw new RangeError(`a cluster of ${nodes} nodes: wants 1 to ${MAX_NODES}`);
  }
  if (!Number.isInteger(zones) || zones < 1 || zones > 26) throw new RangeError(`${zones} zones: wants 1 to 26`);
  const shape = { zones, dualStack };
  return {
    name,
    prefix: `internode-k8s-${name}-`,
    ...shape,
    controlPlane: { address4: "10.100.0.10", address6: dualStack ? "fd00:10:100::10" : undefined },
    podCidrs: dualStack ? ["10.244.0.0/16", "fd00:10:244::/56"] : ["10.244.0.0/16"],
    serviceCidrs: dualStack ? ["10.96.0.0/16", "fd00:10:96::/112"] : ["10.96.0.0/16"],
    apiServiceAddress: "10.96.0.1",
    dnsServiceAddress: "10.96.0.10",
    nodes: Array.from({ length: nodes }, (_, i) => planNode(i + 1, shape)),
  };
}

/** Node numbers start at 1. The same number always gets the same addresses. */
export function planNode(index: number, { zones, dualStack }: Pick<ClusterPlan, "zones" | "dualStack">): NodePlan {
  return {
    name: `node-${index}`,
    index,
    zone: `zone-${"abcdefghijklmnopqrstuvwxyz"[(index - 1) % zones]}`,
    address4: `10.100.0.${100 + index}`,
    address6: dualStack ? `fd00:10:100::${100 + index}` : undefined,
    podCidr4: `10.244.${index}.0/24`,
    podCidr6: dualStack ? `fd00:10:244:${index}::/64` : undefined,
  };
}
