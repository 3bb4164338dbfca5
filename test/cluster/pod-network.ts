// The pod network as Flannel lays it: a bridge on each node, a VXLAN device between them, one route, one neighbour
// and one forwarding entry per other node, all permanent, and nothing learned.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "./machine.ts";
import { isIPv6, type ClusterPlan, type NodePlan } from "./plan.ts";

/** 1500 minus VXLAN: 14 + 8 + 8 bytes, and the outer IP header of 20 or 40. */
const MTU_BYTES = { ipv4: 1450, ipv6: 1430 };
const VXLAN_PORT = 8472;

/** Inside a node: /var/lib is its own. */
export const CNI_CONFIG_FOLDER = "/var/lib/cni/net.d";

export async function layPodNetwork(machine: Machine, node: NodePlan, plan: ClusterPlan): Promise<void> {
  const [outer] = node.addresses;
  const mtuBytes = MTU_BYTES[isIPv6(outer!) ? "ipv6" : "ipv4"];
  await writeCniConfig(machine, { file: "10-pods.conflist", config: bridgeConfig(node, mtuBytes) });
  const subnets = node.podCidrs.flatMap((cidr, i) => {
    const name = isIPv6(cidr) ? "FLANNEL_IPV6_" : "FLANNEL_";
    return [
      `${name}NETWORK=${plan.podCidrs[i]}`,
      `${name}SUBNET=${cidr.replace(/(\.0|::)\//, (end) => (end === "::/" ? "::1/" : ".1/"))}`,
    ];
  });
  const facts = [...subnets, `FLANNEL_MTU=${mtuBytes}`, "FLANNEL_IPMASQ=true", ""];
  const lines = [
    `ip link add flannel.1 address ${vxlanMac(node)} mtu ${mtuBytes} type vxlan id 1 local ${outer} dev eth0 dstport ${VXLAN_PORT} nolearning`,
    ...node.podCidrs.map((cidr) =>
      isIPv6(cidr)
        ? `ip addr add ${vxlanAddress(cidr)}/128 dev flannel.1 nodad`
        : `ip addr add ${vxlanAddress(cidr)}/32 dev flannel.1`,
    ),
    `ip link set flannel.1 up`,
    `mkdir -p /run/flannel`,
    `printf '%s\\n' ${facts.map((line) => `'${line}'`).join(" ")} > /run/flannel/subnet.env`,
  ];
  await shell(machine, lines);
  await machine.run(["nft", "-f", "-"], { input: masquerade(plan) });
}

/** Tells a node how to reach another's pods. */
export function addPeer(machine: Machine, peer: NodePlan): Promise<void> {
  return shell(machine, [
    `bridge fdb replace ${vxlanMac(peer)} dev flannel.1 dst ${peer.addresses[0]} self permanent`,
    ...peer.podCidrs.flatMap((cidr) => [
      `${ip(cidr)} neigh replace ${vxlanAddress(cidr)} lladdr ${vxlanMac(peer)} dev flannel.1 nud permanent`,
      `${ip(cidr)} route replace ${cidr} via ${vxlanAddress(cidr)} dev flannel.1 onlink`,
    ]),
  ]);
}

export function removePeer(machine: Machine, peer: NodePlan): Promise<void> {
  return shell(machine, [
    `bridge fdb del ${vxlanMac(peer)} dev flannel.1 dst ${peer.addresses[0]} self`,
    ...peer.podCidrs.flatMap((cidr) => [
      `${ip(cidr)} route del ${cidr}`,
      `${ip(cidr)} neigh del ${vxlanAddress(cidr)} dev flannel.1`,
    ]),
  ]);
}

/** The control plane is on no node: it reaches pods through theirs (API server proxy, webhooks). */
export function routeToPods(controlPlane: Machine, { podCidrs, addresses }: NodePlan): Promise<void> {
  return shell(
    controlPlane,
    podCidrs.map((cidr, i) => `${ip(cidr)} route replace ${cidr} via ${addresses[i]}`),
  );
}

/** What the container runtime reads for every pod it starts. */
export async function writeCniConfig(
  machine: Machine,
  { file, config }: { readonly file: string; readonly config: object },
): Promise<void> {
  const folder = join(machine.folder, CNI_CONFIG_FOLDER.replace("/var/", ""));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, file), JSON.stringify(config));
}

/** A bridge for the node's pods, as Flannel's own plugin has it made. */
export function bridgeConfig({ podCidrs }: NodePlan, mtuBytes: number): object {
  return {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        forceAddress: true,
        hairpinMode: true,
        mtu: mtuBytes,
        ipam: {
          type: "host-local",
          ranges: podCidrs.map((subnet) => [{ subnet }]),
          routes: podCidrs.map((cidr) => ({ dst: isIPv6(cidr) ? "::/0" : "0.0.0.0/0" })),
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}

/** Pods keep their address among themselves and take the node's towards everything else. */
function masquerade({ podCidrs }: ClusterPlan): string {
  const rules = podCidrs.map((cidr) => {
    const ip = cidr.includes(":") ? "ip6" : "ip";
    const multicast = ip === "ip6" ? "ff00::/8" : "224.0.0.0/4";
    return `    ${ip} saddr ${cidr} ${ip} daddr != { ${cidr}, ${multicast} } masquerade`;
  });
  return `table inet pod-masquerade {
  chain postrouting {
    type nat hook postrouting priority srcnat;
${rules.join("\n")}
  }
}
`;
}

function vxlanMac({ index }: NodePlan): string {
  return `02:00:0a:f4:00:${index.toString(16).padStart(2, "0")}`;
}

function vxlanAddress(podCidr: string): string {
  return podCidr.split("/")[0]!;
}

const ip = (address: string): string => (isIPv6(address) ? "ip -6" : "ip");

async function shell(machine: Machine, lines: readonly string[]): Promise<void> {
  await machine.run(["sh", "-e"], { input: `${lines.join("\n")}\n` });
}
