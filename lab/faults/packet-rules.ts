// Faults that drop packets: nftables rules at the underlay's ports, where a cable would lose them. A packet of the
// node network is seen as it is, one of the pod network inside VXLAN. One table a fault, so that ending it is one command.
import type { Network, Protocol } from "../../agent/model/peer.ts";
import { PROTOCOL_TABLE, PROTOCOLS } from "../../agent/probes/protocols.ts";
import { VXLAN_PORT, type LabNode, type LabRouter } from "../plan.ts";
import type { FaultContext, InForce, Link } from "./fault.ts";
import { layTables, lostOf } from "./nft-tables.ts";

/** nftables expressions, any of which makes a packet the fault's; `""` is every packet. By how the packet looks at the port. */
export interface Condition {
  /** Of the pod network: the outer packet is IPv4/UDP, `th` is its UDP header. */
  readonly pod: readonly string[];
  readonly node4: readonly string[];
  readonly node6: readonly string[];
}

export interface PacketRules {
  readonly links: readonly Link[];
  readonly on: readonly Network[];
  readonly condition: Condition;
  /** Where packets leave these routers, instead of where they leave their source. */
  readonly via?: readonly LabRouter[] | undefined;
}

/** The same for every packet. */
export const anyPacket = (expression: string): Condition => ({
  pod: [expression],
  node4: [expression],
  node6: [expression],
});

/** VXLAN: 8 bytes UDP + 8 VXLAN + 14 Ethernet before the inner IP header. nft 1.0.6 has no words for it: bit offsets. */
const INNER = {
  etherType: "@th,224,16",
  ipv4Protocol: "@th,312,8",
  ipv6NextHeader: "@th,288,8",
  icmpv6Type: "@th,560,8",
} as const;

export function protocolCondition(protocol: Protocol): Condition {
  const { ipv4, ipv6 } = PROTOCOL_TABLE[protocol].onTheWire;
  const inner6 = `${INNER.etherType} 0x86dd ${INNER.ipv6NextHeader} ${ipv6.protocol}`;
  const types = ipv6.icmpTypes && `{ ${ipv6.icmpTypes.join(", ")} }`;
  return {
    pod: [
      `${INNER.etherType} 0x0800 ${INNER.ipv4Protocol} ${ipv4.protocol}`,
      types === undefined ? inner6 : `${inner6} ${INNER.icmpv6Type} ${types}`,
    ],
    node4: [`ip protocol ${ipv4.protocol}`],
    node6: [types === undefined ? `ip6 nexthdr ${ipv6.protocol}` : `icmpv6 type ${types}`],
  };
}

export function dropPackets(
  rules: PacketRules,
  { id, fabricNamespace }: Pick<FaultContext, "id" | "fabricNamespace">,
): Promise<InForce> {
  const table = `fault_${id}`;
  return layTables("netdev", table, [{ namespace: fabricNamespace, ruleset: dropRuleset(table, rules) }]);
}

/** Exported for its test. */
export function dropRuleset(table: string, { links, on, condition, via }: PacketRules): string {
  const sources = bySource(links).map(([from, tos]) => {
    const { vxlan, v4, v6 } = matches(from, tos);
    const drop = (match: string, expressions: readonly string[]) => [
      `${match} counter name matched`,
      ...expressions.map((expression) => `${match} ${expression} jump lost`),
    ];
    const rules = [
      ...(on.includes("pod") ? drop(vxlan, condition.pod) : []),
      // What is not of the pod network's business is left alone; for a later table this accept means nothing.
      `${vxlan} accept`,
      ...(on.includes("node")
        ? [...drop(v4, condition.node4), ...(v6 === undefined ? [] : drop(v6, condition.node6))]
        : []),
    ];
    return { port: from.port, rules };
  });
  const places = via ? via.map(({ port }) => ({ port, rules: sources.flatMap(({ rules }) => rules) })) : sources;
  const chains = places.map(({ port, rules }) => chain({ port, priority: 0, rules }));
  return lossTable(table, chains);
}

/** A table whose chains count `matched` and jump to `lost` with what is to be dropped. */
export function lossTable(table: string, chains: readonly string[]): string {
  const counters = ["matched", "affected", ...PROTOCOLS.map(lostOf)].map((name) => `  counter ${name} { }\n`).join("");
  return `table netdev ${table} {\n${counters}${lostChain()}${chains.join("\n")}\n}\n`;
}

/** Where a packet ends. Chance has decided by then, so that it can be counted by protocol as well, once. */
function lostChain(): string {
  const vxlan = `udp dport ${VXLAN_PORT}`;
  const end = "counter name affected drop";
  const ends = (where: (condition: Condition) => readonly string[]): string[] =>
    PROTOCOLS.flatMap((protocol) =>
      where(protocolCondition(protocol)).map((match) => `${match} counter name ${lostOf(protocol)} ${end}`),
    );
  const rules = [
    // What is inside a tunnel first: the tunnel itself is UDP.
    ...ends(({ pod }) => pod.map((expression) => `${vxlan} ${expression}`)),
    `${vxlan} ${end}`,
    ...ends(({ node4, node6 }) => [...node4, ...node6]),
    end,
  ];
  return `  chain lost {\n${rules.map((rule) => `    ${rule}\n`).join("")}  }\n`;
}

export function chain({ port, priority, rules }: { port: string; priority: number; rules: readonly string[] }): string {
  return `  chain ${port.replace("-", "_")} {\n    type filter hook ingress device "${port}" priority ${priority}; policy accept;\n${rules.map((rule) => `    ${rule}\n`).join("")}  }`;
}

/** What packets from one node to others look like at its port. */
export function matches(
  from: LabNode,
  tos: readonly LabNode[],
): { readonly vxlan: string; readonly v4: string; readonly v6: string | undefined } {
  const set = (family: 0 | 1): string => `{ ${tos.map((to) => to.nodeAddresses[family]).join(", ")} }`;
  const v4 = `ip saddr ${from.nodeAddresses[0]} ip daddr ${set(0)}`;
  return {
    v4,
    vxlan: `${v4} udp dport ${VXLAN_PORT}`,
    v6: from.nodeAddresses[1] === undefined ? undefined : `ip6 saddr ${from.nodeAddresses[1]} ip6 daddr ${set(1)}`,
  };
}

export function bySource(links: readonly Link[]): (readonly [LabNode, LabNode[]])[] {
  return [...Map.groupBy(links, (link) => link.from)].map(([from, group]) => [from, group.map((link) => link.to)]);
}
