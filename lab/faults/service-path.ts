import { inNamespace } from "../machine.ts";
import { SERVICE_ADDRESSES, type LabNode } from "../plan.ts";
import type { FaultCounters, FaultSpec } from "./fault.ts";
import { readCounters } from "./packet-rules.ts";

/** As a node whose kube-proxy has died, or whose connection tracking table is full: pods are reached, the Service is not. */
export const servicePath: FaultSpec<"service-path"> = {
  syntax: "service-path NODE",
  summary: "drop what a node's pod sends to the Service",
  example: "service-path node-2",
  affected: "dropped",
  inject: async ({ nodes }, { id }) => {
    const table = `fault_${id}`;
    const nft = ({ nodeNamespace }: LabNode, ...args: string[]): Promise<string> =>
      inNamespace(nodeNamespace, "nft", args);
    const sum = async (): Promise<FaultCounters> => {
      const all = await Promise.all(
        nodes.map(async (node) => readCounters(await nft(node, "-j", "list", "counters", "table", "inet", table))),
      );
      const total = (of: "matched" | "affected"): number => all.reduce((count, counters) => count + counters[of], 0);
      return { matched: total("matched"), affected: total("affected") };
    };
    await Promise.all(
      nodes.map(({ nodeNamespace }) => inNamespace(nodeNamespace, "nft", ["-f", "-"], { input: ruleset(table) })),
    );
    return {
      counters: sum,
      async end() {
        // First the rules: what comes between a reading and an end would be in no reading.
        await Promise.all(nodes.map((node) => nft(node, "flush", "table", "inet", table)));
        const last = await sum();
        await Promise.all(nodes.map((node) => nft(node, "delete", "table", "inet", table)));
        return last;
      },
    };
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
