import { SERVICE_ADDRESSES } from "../plan.ts";
import type { FaultSpec } from "./fault.ts";
import { layTables } from "./nft-tables.ts";

/** As a node whose kube-proxy has died, or whose connection tracking table is full: pods are reached, the Service is not. */
export const servicePath: FaultSpec<"service-path"> = {
  syntax: "service-path NODE",
  summary: "drop what a node's pod sends to the Service",
  example: "service-path node-2",
  affected: "dropped",
  inject({ nodes }, { id }) {
    const table = `fault_${id}`;
    return layTables(
      "inet",
      table,
      nodes.map(({ nodeNamespace }) => ({ namespace: nodeNamespace, ruleset: ruleset(table) })),
    );
  },
};

/** Before the address is replaced, which is at priority -100. */
function ruleset(table: string): string {
  const { ipv4, ipv6 } = SERVICE_ADDRESSES;
  return `table inet ${table} {
  counter matched { }
  counter affected { }
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    ip daddr ${ipv4} counter name matched counter name affected drop
    ip6 daddr ${ipv6} counter name matched counter name affected drop
  }
}
`;
}
