// Calico: pools, BGP, peers, and what nodes say of their sessions.
import { counted } from "../../../base/format.ts";
import { valueOf, type Reading } from "../../cluster/objects.ts";
import { tableOf, text } from "../../report/report.ts";
import { listCalico, type CalicoObject } from "../calico.ts";
import { annotationsOf, gaps, nameOf, yesNo, words, type DetailsOf } from "./details.ts";

interface BgpConfiguration {
  readonly asNumber?: number;
  readonly nodeToNodeMeshEnabled?: boolean;
}
interface BgpPeer {
  readonly peerIP?: string;
  readonly asNumber?: number;
  readonly nodeSelector?: string;
  readonly node?: string;
}
interface Felix {
  readonly bpfEnabled?: boolean;
  readonly vxlanMTU?: number;
  readonly mtu?: number;
  readonly wireguardEnabled?: boolean;
}
interface Session {
  readonly peerIP?: string;
  readonly type?: string;
  readonly state?: string;
  readonly since?: string;
}
interface NodeStatus {
  readonly metadata?: { readonly name?: string };
  readonly spec?: { readonly node?: string };
  readonly status?: { readonly bgp?: { readonly peersV4?: readonly Session[]; readonly peersV6?: readonly Session[] } };
}
interface Block {
  readonly node?: string;
  readonly affinity?: string;
  readonly cidr?: string;
  /** A string, "true" or "false". */
  readonly deleted?: string;
}

const specs = <S>(reading: Reading<readonly CalicoObject<S>[]>) =>
  (valueOf(reading) ?? []).map(({ metadata, spec }) => ({
    name: metadata?.name ?? "",
    spec: spec ?? ({} as Partial<S>),
  }));

export const calicoDetails: DetailsOf = async ({ objects, signs: { nodes, ipPools } }) => {
  const [bgp, peers, felix, statuses, blocks, tigera] = await Promise.all([
    listCalico<CalicoObject<BgpConfiguration>>(objects, "bgpconfigurations"),
    listCalico<CalicoObject<BgpPeer>>(objects, "bgppeers"),
    listCalico<CalicoObject<Felix>>(objects, "felixconfigurations"),
    listCalico<NodeStatus>(objects, "caliconodestatuses"),
    listCalico<CalicoObject<Block>>(objects, "blockaffinities"),
    objects.list<TigeraStatus>({ group: "operator.tigera.io", version: "v1", plural: "tigerastatuses" }),
  ]);
  const sessions = (valueOf(statuses) ?? []).flatMap(({ metadata, spec, status }) =>
    [...(status?.bgp?.peersV4 ?? []), ...(status?.bgp?.peersV6 ?? [])].map((session) => ({
      node: spec?.node ?? metadata?.name ?? "",
      ...session,
    })),
  );
  const held = specs(blocks).filter(({ spec }) => spec.deleted !== "true");
  const settings = [
    ...specs(bgp).map(({ name, spec }) => [
      `BGPConfiguration ${name}`,
      `AS ${spec.asNumber ?? 64512}, node-to-node mesh ${spec.nodeToNodeMeshEnabled === false ? "off" : "on"}`,
    ]),
    ...specs(felix).map(({ name, spec }) => [
      `FelixConfiguration ${name}`,
      [
        `eBPF ${yesNo(spec.bpfEnabled ?? false)}`,
        `WireGuard ${yesNo(spec.wireguardEnabled ?? false)}`,
        ...(spec.vxlanMTU === undefined ? [] : [`VXLAN MTU ${spec.vxlanMTU}`]),
      ].join(", "),
    ]),
  ];
  const meshOff = specs(bgp).some(({ spec }) => spec.nodeToNodeMeshEnabled === false);
  return {
    blocks: [
      tableOf(
        ["pool", "range", "IP-in-IP", "VXLAN", "NAT outgoing", "disabled", "nodes", "blocks"],
        ipPools.map((pool) => [
          pool.name,
          pool.cidr,
          pool.ipipMode ?? "Never",
          pool.vxlanMode ?? "Never",
          yesNo(pool.natOutgoing ?? false),
          yesNo(pool.disabled ?? false),
          pool.nodeSelector ?? "all()",
          pool.blockSize === undefined ? "" : `/${pool.blockSize}`,
        ]),
      ),
      ...(settings.length === 0 ? [] : [tableOf(["settings", ""], settings)]),
      ...(specs(peers).length === 0
        ? []
        : [
            tableOf(
              ["BGP peer", "address", "AS", "for nodes"],
              specs(peers).map(({ name, spec }) => [
                name,
                spec.peerIP ?? "",
                words(spec.asNumber),
                spec.node ?? spec.nodeSelector ?? "all()",
              ]),
            ),
          ]),
      tableOf(
        ["node", "address", "AS", "tunnel address", "blocks"],
        nodes.map((node) => {
          const own = annotationsOf(node);
          return [
            nameOf(node),
            own["projectcalico.org/IPv4Address"] ?? "",
            own["projectcalico.org/ASNumber"] ?? "",
            own["projectcalico.org/IPv4VXLANTunnelAddr"] ?? own["projectcalico.org/IPv4IPIPTunnelAddr"] ?? "",
            held
              .filter(({ spec }) => spec.node === nameOf(node))
              .map(({ spec }) => spec.cidr ?? "")
              .join(", "),
          ];
        }),
      ),
      ...(sessions.length > 0
        ? [
            tableOf(
              ["BGP session of", "with", "type", "state", "since"],
              sessions.map(({ node, peerIP = "", type = "", state = "", since = "" }) => [
                node,
                peerIP,
                type,
                state,
                since,
              ]),
            ),
          ]
        : [
            text(
              "States of BGP sessions are in CalicoNodeStatus objects, and there are none: Calico makes them only for nodes that somebody has asked it for ('calicoctl node status' on the node shows them, too).",
            ),
          ]),
    ],
    faults: [
      ...sessions
        .filter(({ state }) => state !== "Established")
        .map(({ node, peerIP, state }) => `the BGP session of ${node} with ${peerIP} is ${state}`),
      ...(meshOff && valueOf(peers)?.length === 0
        ? ["the node-to-node mesh of BGP is off, and no BGPPeer takes its place: nodes learn no routes"]
        : []),
      ...(ipPools.length > 0 && ipPools.every(({ disabled }) => disabled === true)
        ? [`${counted(ipPools.length, "IP pool")}, all disabled: pods get no address`]
        : []),
      ...(valueOf(tigera) ?? []).flatMap(({ metadata, status }) =>
        (status?.conditions ?? [])
          .filter(({ type, status: is }) => type === "Degraded" && is === "True")
          .map(({ message }) => `${metadata?.name ?? ""} is degraded: ${message ?? ""}`),
      ),
    ],
    unseen: gaps({
      BGPConfigurations: bgp,
      BGPPeers: peers,
      FelixConfigurations: felix,
      CalicoNodeStatuses: statuses,
      BlockAffinities: blocks,
      TigeraStatuses: tigera,
    }),
    data: { pools: ipPools, bgp: specs(bgp), peers: specs(peers), felix: specs(felix), sessions, blocks: held },
  };
};

interface TigeraStatus {
  readonly metadata?: { readonly name?: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type?: string; readonly status?: string; readonly message?: string }[];
  };
}
