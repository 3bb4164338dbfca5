// The pod network as Flannel lays it: a bridge on each node, a VXLAN device between them, one route, one neighbour
// and one forwarding entry per other node, all permanent, and nothing learned.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "./machine.ts";
import type { ClusterPlan, NodePlan } from "./plan.ts";

/** 1500 minus VXLAN over IPv4: 14 + 8 + 8 + 20 bytes. */
const MTU_BYTES = 1450;
const VXLAN_PORT = 8472;

/** Inside a node: /var/lib is its own. */
export const CNI_CONFIG_FOLDER = "/var/lib/cni/net.d";

export async function layPodNetwork(machine: Machine, node: NodePlan, plan: ClusterPlan): Promise<void> {
  await writeCniConfig(machine, node);
  const subnet = [`FLANNEL_NETWORK=${plan.podCidrs[0]}`, `FLANNEL_SUBNET=${node.podCidr4.replace(".0/", ".1/")}`];
  subnet.push(`FLANNEL_MTU=${MTU_BYTES}`, "FLANNEL_IPMASQ=true", "");
  const device = `ip link add flannel.1 address ${vxlanMac(node)} mtu ${MTU_BYTES} type vxlan id 1 local ${node.address4} dev eth0 dstport ${VXLAN_PORT} nolearning`;
  const lines = [
    device,
    `ip addr add ${vxlanAddress4(node)}/32 dev flannel.1`,
    node.podCidr6 === undefined ? "" : `ip addr add ${vxlanAddress6(node)}/128 dev flannel.1 nodad`,
    `ip link set flannel.1 up`,
    `mkdir -p /run/flannel`,
    `printf '%s\\n' ${subnet.map((line) => `'${line}'`).join(" ")} > /run/flannel/subnet.env`,
  ];
  await shell(machine, lines);
  await machine.run(["nft", "-f", "-"], { input: masquerade(plan) });
}

/** Tells a node how to reach another's pods. */
export function addPeer(machine: Machine, peer: NodePlan): Promise<void> {
  return shell(machine, [
    `bridge fdb replace ${vxlanMac(peer)} dev flannel.1 dst ${peer.address4} self permanent`,
    `ip neigh replace ${vxlanAddress4(peer)} lladdr ${vxlanMac(peer)} dev flannel.1 nud permanent`,
    `ip route replace ${peer.podCidr4} via ${vxlanAddress4(peer)} dev flannel.1 onlink`,
    ...(peer.podCidr6 === undefined
      ? []
      : [
          `ip -6 neigh replace ${vxlanAddress6(peer)} lladdr ${vxlanMac(peer)} dev flannel.1 nud permanent`,
          `ip -6 route replace ${peer.podCidr6} via ${vxlanAddress6(peer)} dev flannel.1 onlink`,
        ]),
  ]);
}

export function removePeer(machine: Machine, peer: NodePlan): Promise<void> {
  return shell(machine, [
    `ip route del ${peer.podCidr4}`,
    `ip neigh del ${vxlanAddress4(peer)} dev flannel.1`,
    `bridge fdb del ${vxlanMac(peer)} dev flannel.1 dst ${peer.address4} self`,
    ...(peer.podCidr6 === undefined
      ? []
      : [`ip -6 route del ${peer.podCidr6}`, `ip -6 neigh del ${vxlanAddress6(peer)} dev flannel.1`]),
  ]);
}

/** The control plane is on no node: it reaches pods through theirs (API server proxy, webhooks). */
export function routeToPods(
  controlPlane: Machine,
  { podCidr4, podCidr6, address4, address6 }: NodePlan,
): Promise<void> {
  const lines = [`ip route replace ${podCidr4} via ${address4}`];
  if (podCidr6 !== undefined) lines.push(`ip -6 route replace ${podCidr6} via ${address6}`);
  return shell(controlPlane, lines);
}

async function writeCniConfig(machine: Machine, { podCidr4, podCidr6 }: NodePlan): Promise<void> {
  const subnets = podCidr6 === undefined ? [podCidr4] : [podCidr4, podCidr6];
  const defaults = podCidr6 === undefined ? ["0.0.0.0/0"] : ["0.0.0.0/0", "::/0"];
  const config = {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        forceAddress: true,
        hairpinMode: true,
        mtu: MTU_BYTES,
        ipam: {
          type: "host-local",
          ranges: subnets.map((subnet) => [{ subnet }]),
          routes: defaults.map((dst) => ({ dst })),
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
  const folder = join(machine.folder, CNI_CONFIG_FOLDER.replace("/var/", ""));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "10-pods.conflist"), JSON.stringify(config));
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

function vxlanAddress4({ podCidr4 }: NodePlan): string {
  return podCidr4.split("/")[0]!;
}

function vxlanAddress6({ podCidr6 }: NodePlan): string {
  return podCidr6!.split("/")[0]!;
}

async function shell(machine: Machine, lines: readonly string[]): Promise<void> {
  await machine.run(["sh", "-e"], { input: `${lines.join("\n")}\n` });
}
