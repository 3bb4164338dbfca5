import { POD_CIDR, SERVICE_ADDRESSES } from "../plan.ts";
import type { FaultSpec } from "./fault.ts";
import { layTables } from "./nft-tables.ts";

/** As a CNI whose masquerading forgets to leave out the pods' own range. */
export const masquerade: FaultSpec<"masquerade"> = {
  syntax: "masquerade NODE",
  summary: "translate what a node's pod sends to other pods: they see its node's tunnel address",
  example: "masquerade node-2",
  affected: "translated",
  inject({ nodes }, { id }) {
    const table = `fault_${id}`;
    return layTables(
      "inet",
      table,
      nodes.map(({ nodeNamespace }) => ({ namespace: nodeNamespace, ruleset: ruleset(table, id) })),
    );
  },
};

/**
 * The kernel asks for a translation at a flow's first packet only, and probes are of flows that last. In a zone of
 * connection tracking of its own every flow is new. What leaves for elsewhere (cluster DNS) stays where its answers are
 * looked up.
 */
function ruleset(table: string, zone: number): string {
  const pods = (family: "ip" | "ip6", of: "saddr" | "daddr") =>
    `${family} ${of} ${family === "ip" ? POD_CIDR.ipv4 : POD_CIDR.ipv6}`;
  const translated = (family: "ip" | "ip6") =>
    `oifname "vxlan0" iifname "cni0" ${pods(family, "saddr")} ${pods(family, "daddr")}`;
  return `table inet ${table} {
  counter matched { }
  counter affected { }
  chain zone {
    type filter hook prerouting priority raw; policy accept;
    iifname "vxlan0" ct zone set ${zone}
    iifname "cni0" ip daddr { ${POD_CIDR.ipv4}, ${SERVICE_ADDRESSES.ipv4} } ct zone set ${zone}
    iifname "cni0" ip6 daddr { ${POD_CIDR.ipv6}, ${SERVICE_ADDRESSES.ipv6} } ct zone set ${zone}
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ${translated("ip")} counter name matched
    ${translated("ip6")} counter name matched
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${translated("ip")} counter name affected masquerade
    ${translated("ip6")} counter name affected masquerade
  }
}
`;
}
