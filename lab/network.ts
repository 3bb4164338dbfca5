// The network of a lab as commands of iproute2 and nftables, one script a namespace. Pure: bring-up runs them.
// Laid as Flannel lays it: per node a bridge with the pods behind it, a VXLAN device without learning, and for
// every other node a route, a permanent neighbour and a forwarding entry.
import { DNS_ADDRESS } from "./dns-messages.ts";
import {
  OVERLAY_MTU,
  POD_CIDR,
  ROUTERS,
  SERVICE_ADDRESSES,
  podSubnet,
  podSubnet6,
  UNDERLAY,
  UNDERLAY_MTU,
  underlayMac,
  VXLAN_PORT,
  vtepMac,
  type LabHost,
  type LabNode,
  type LabPaths,
  type LabPlan,
  type LabRouter,
} from "./plan.ts";

/** What is run inside one namespace, in this order. */
export interface NamespaceScript {
  readonly namespace: string;
  /** Below /proc/sys. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Lines for `ip -batch`. */
  readonly ip: readonly string[];
  /** Lines for `bridge -batch`. */
  readonly bridge: readonly string[];
  /** A ruleset for `nft -f`. */
  readonly nft: string;
}

export interface NetworkOptions {
  /** Who runs the lab, as one word: written on the switch, so that its end shows even when its files are gone. */
  readonly owner: string;
  /** Who runs the agents: this group may open datagram ICMP sockets, and in a user namespace there may be no other. */
  readonly group: number;
  /** Node addresses answer on this port with the pod behind it, as a CNI's portmap does for a hostPort. */
  readonly hostPort: number | undefined;
  /** Every node turns the Service's addresses at this port into a pod's, any of them, as kube-proxy does. */
  readonly servicePort?: number | undefined;
}

/**
 * Up to so many nodes learn each other's hardware addresses, as machines do. In a larger lab that would be more than the
 * kernel keeps: its table holds gc_thresh3 (1,024) neighbours of all namespaces together (arp(7)), and what is over that
 * is unreachable. Permanent ones are not counted, and laying them takes no right that a user namespace lacks.
 */
export const MAX_LEARNING_NODES = 20;

/** The cables: a veth pair a node, its far end in the node's namespace as `eth0`, and the switch they meet in. */
export function fabricScript(plan: LabPlan, { owner }: Pick<NetworkOptions, "owner">): NamespaceScript {
  return {
    namespace: plan.fabric,
    sysctls: { "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1" },
    ip: [
      "link add switch type bridge mcast_snooping 0 stp_state 0",
      `link set switch alias ${owner} up`,
      ...plan.nodes.flatMap(({ port, number, nodeNamespace }) =>
        cable({ port, mac: underlayMac(number), namespace: nodeNamespace }),
      ),
      ...routersOf(plan).flatMap(cable),
      ...(plan.dns ? cable(plan.dns) : []),
    ],
    bridge: [],
    nft: "",
  };
}

const cable = ({ port, mac, namespace }: LabHost): string[] => [
  `link add ${port} mtu ${UNDERLAY_MTU} gso_max_segs 1 type veth peer name eth0 mtu ${UNDERLAY_MTU} gso_max_segs 1 address ${mac} netns ${namespace}`,
  `link set ${port} master switch up`,
];

export const routersOf = ({ paths }: LabPlan): readonly LabRouter[] => (paths ? [paths.leaf, ...paths.paths] : []);

/** The machine of the DNS server. Nodes and it reach each other directly, whatever is between the nodes. */
export function dnsScript(plan: LabPlan, { namespace }: LabHost): NamespaceScript {
  return {
    namespace,
    sysctls: ipv6Sysctls({ ipv6: false }),
    ip: [
      "link set lo up",
      `address add ${DNS_ADDRESS}/32 dev eth0`,
      "link set eth0 up",
      `route add ${UNDERLAY.ipv4} dev eth0`,
      ...(plan.nodes.length > MAX_LEARNING_NODES
        ? plan.nodes.map((node) => permanentNeighbour(node, node.nodeAddresses[0]!))
        : []),
    ],
    bridge: [],
    nft: "",
  };
}

/**
 * A router between the nodes: the leaf sends each flow over one of the paths, and a path to the node itself. Nodes cannot
 * spread by themselves: their kernel keeps the way of a tunnel, whatever is in it.
 */
export function routerScript(plan: LabPlan, { leaf, paths }: LabPaths, router: LabRouter): NamespaceScript {
  const families = plan.ipv6 ? (["ipv4", "ipv6"] as const) : (["ipv4"] as const);
  const onward = (i: number): string =>
    router === leaf
      ? paths.map(({ addresses }) => `nexthop via ${addresses[i]!} dev eth0 onlink`).join(" ")
      : "dev eth0";
  return {
    namespace: router.namespace,
    sysctls: {
      ...ipv6Sysctls(plan),
      "net/ipv4/ip_forward": "1",
      // It leads packets out where they came in, on purpose.
      "net/ipv4/conf/all/send_redirects": "0",
      "net/ipv4/conf/default/send_redirects": "0",
      // By addresses and ports (ip-sysctl.rst).
      "net/ipv4/fib_multipath_hash_policy": "1",
      ...(plan.ipv6 ? { "net/ipv6/conf/all/forwarding": "1", "net/ipv6/fib_multipath_hash_policy": "1" } : {}),
    },
    ip: [
      "link set lo up",
      "link set eth0 up",
      ...families.flatMap((family, i) => [
        `address add ${router.addresses[i]!}/${family === "ipv4" ? "24 dev eth0" : "64 dev eth0 nodad"}`,
        `route add ${UNDERLAY[family]} ${onward(i)}`,
      ]),
      ...(router !== leaf && plan.nodes.length > MAX_LEARNING_NODES
        ? plan.nodes.flatMap((node) => node.nodeAddresses.map((address) => permanentNeighbour(node, address)))
        : []),
    ],
    bridge: [],
    nft: "",
  };
}

/** A machine: its underlay address, its bridge, its end of every tunnel; the pod's cable goes out of its `cni0`. */
export function nodeScript(
  plan: LabPlan,
  node: LabNode,
  { hostPort, servicePort }: Pick<NetworkOptions, "hostPort" | "servicePort">,
): NamespaceScript {
  const { number } = node;
  const others = plan.nodes.filter((other) => other !== node);
  const [address4, address6] = node.nodeAddresses;
  const to = (lines: (other: LabNode) => string[]) => others.flatMap(lines);
  return {
    namespace: node.nodeNamespace,
    sysctls: {
      ...ipv6Sysctls(plan),
      "net/ipv4/ip_forward": "1",
      // A pod whose connection to the Service comes back to itself is to be told of no shorter way.
      "net/ipv4/conf/all/send_redirects": "0",
      "net/ipv4/conf/default/send_redirects": "0",
      ...(plan.ipv6 ? { "net/ipv6/conf/all/forwarding": "1" } : {}),
    },
    ip: [
      "link set lo up",
      ...(plan.paths ? byTheLeaf(node, plan.paths) : [`address add ${address4}/24 dev eth0`, "link set eth0 up"]),
      ...(plan.dns ? [`route add ${DNS_ADDRESS} dev eth0`] : []),
      `link add vxlan0 address ${vtepMac(number)} mtu ${OVERLAY_MTU} type vxlan id 1 dstport ${VXLAN_PORT} local ${address4} nolearning`,
      `address add ${podSubnet(number)}.0/32 dev vxlan0`,
      "link set vxlan0 up",
      `link add cni0 mtu ${OVERLAY_MTU} type bridge mcast_snooping 0 stp_state 0`,
      `link add pod mtu ${OVERLAY_MTU} gso_max_segs 1 type veth peer name eth0 mtu ${OVERLAY_MTU} gso_max_segs 1 netns ${node.podNamespace}`,
      "link set pod master cni0 up",
      // A connection to the Service may come back to the pod that made it.
      ...(servicePort === undefined ? [] : ["link set pod type bridge_slave hairpin on"]),
      `address add ${podSubnet(number)}.1/24 dev cni0`,
      "link set cni0 up",
      ...(plan.nodes.length > MAX_LEARNING_NODES && !plan.paths
        ? to((other) => other.nodeAddresses.map((address) => permanentNeighbour(other, address)))
        : []),
      ...to((other) => [
        `neighbour add ${podSubnet(other.number)}.0 lladdr ${vtepMac(other.number)} dev vxlan0 nud permanent`,
        `route add ${podSubnet(other.number)}.0/24 via ${podSubnet(other.number)}.0 dev vxlan0 onlink`,
      ]),
      ...(plan.ipv6
        ? [
            ...(plan.paths ? [] : [`address add ${address6}/64 dev eth0 nodad`]),
            `address add ${podSubnet6(number)}::/128 dev vxlan0 nodad`,
            `address add ${podSubnet6(number)}::1/64 dev cni0 nodad`,
            ...to((other) => [
              `neighbour add ${podSubnet6(other.number)}:: lladdr ${vtepMac(other.number)} dev vxlan0 nud permanent`,
              `route add ${podSubnet6(other.number)}::/64 via ${podSubnet6(other.number)}:: dev vxlan0 onlink`,
            ]),
          ]
        : []),
    ],
    bridge: to((other) => [`fdb add ${vtepMac(other.number)} dev vxlan0 dst ${other.nodeAddresses[0]}`]),
    nft: [natRules(node, hostPort), ...(servicePort === undefined ? [] : [serviceRules(plan, node, servicePort)])].join(
      "\n",
    ),
  };
}

/** A node that has no other on its own link: all are behind the leaf. */
function byTheLeaf({ nodeAddresses: [address4, address6] }: LabNode, { leaf }: LabPaths): string[] {
  const [leaf4, leaf6] = leaf.addresses;
  return [
    `address add ${address4}/32 dev eth0`,
    "link set eth0 up",
    `route add ${ROUTERS.ipv4} dev eth0`,
    `route add ${UNDERLAY.ipv4} via ${leaf4}`,
    ...(address6 === undefined
      ? []
      : [
          `address add ${address6}/128 dev eth0 nodad`,
          `route add ${ROUTERS.ipv6} dev eth0`,
          `route add ${UNDERLAY.ipv6} via ${leaf6}`,
        ]),
  ];
}

const permanentNeighbour = ({ number }: LabNode, address: string): string =>
  `neighbour add ${address} lladdr ${underlayMac(number)} dev eth0 nud permanent`;

/** A pod: one cable to its node, and the right to open datagram ICMP sockets (ping(7)). */
export function podScript(plan: LabPlan, node: LabNode, { group }: Pick<NetworkOptions, "group">): NamespaceScript {
  return {
    namespace: node.podNamespace,
    sysctls: { ...ipv6Sysctls(plan), "net/ipv4/ping_group_range": `${group} ${group}` },
    ip: [
      "link set lo up",
      `address add ${node.podAddresses[0]}/24 dev eth0`,
      "link set eth0 up",
      `route add default via ${podSubnet(node.number)}.1`,
      ...(plan.ipv6
        ? [
            `address add ${node.podAddresses[1]}/64 dev eth0 nodad`,
            `route add default via ${podSubnet6(node.number)}::1`,
          ]
        : []),
    ],
    bridge: [],
    nft: "",
  };
}

/** Without IPv6 there must be none at all: link-local chatter would be in every counter. Set before any link exists. */
function ipv6Sysctls({ ipv6 }: Pick<LabPlan, "ipv6">): Record<string, string> {
  return ipv6
    ? { "net/ipv6/conf/default/accept_dad": "0", "net/ipv6/conf/default/accept_ra": "0" }
    : { "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1" };
}

/** Pods reach node addresses under their own node's address, or the answers would come back over the overlay. */
function natRules(node: LabNode, hostPort: number | undefined): string {
  const forward =
    hostPort === undefined
      ? []
      : node.nodeAddresses.map((address, i) => portForward({ address, to: node.podAddresses[i]!, port: hostPort }));
  return `table inet lab {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "eth0" ip saddr ${POD_CIDR.ipv4} ip daddr != ${POD_CIDR.ipv4} masquerade
    oifname "eth0" ip6 saddr ${POD_CIDR.ipv6} ip6 daddr != ${POD_CIDR.ipv6} masquerade
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    ${forward.join("\n    ")}
  }
}`;
}

function portForward({ address, to, port }: { address: string; to: string; port: number }): string {
  const isV6 = address.includes(":");
  return `${isV6 ? "ip6" : "ip"} daddr ${address} meta l4proto { tcp, udp } th dport ${port} dnat ${isV6 ? "ip6" : "ip"} to ${to}`;
}

/**
 * As kube-proxy lays them: each new connection to the Service goes to a pod that chance picks. One that comes back to the
 * pod that made it gets its node's address, or it would have the same one at both ends.
 */
function serviceRules(plan: LabPlan, own: LabNode, port: number): string {
  const families = plan.ipv6 ? (["ipv4", "ipv6"] as const) : (["ipv4"] as const);
  const ip = (family: (typeof families)[number]): string => (family === "ipv4" ? "ip" : "ip6");
  const chosen = families.map((family, i) => {
    const pods = plan.nodes.map((node, n) => `${n} : ${node.podAddresses[i]!}`).join(", ");
    return `${ip(family)} daddr ${SERVICE_ADDRESSES[family]} tcp dport ${port} dnat ${ip(family)} to numgen random mod ${plan.nodes.length} map { ${pods} }`;
  });
  const back = families.map((family, i) => {
    const pod = own.podAddresses[i]!;
    return `${ip(family)} saddr ${pod} ${ip(family)} daddr ${pod} ct status dnat masquerade`;
  });
  return `table inet services {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ${chosen.join("\n    ")}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ${back.join("\n    ")}
  }
}`;
}
