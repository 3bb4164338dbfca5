import type { Protocol } from "../../agent/model/peer.ts";
import { podSubnet, podSubnet6, type LabNode } from "../plan.ts";
import type { FaultSpec } from "./fault.ts";
import { layTables } from "./nft-tables.ts";
import { bySource } from "./packet-rules.ts";

/**
 * As a network policy that rejects: the destination's node answers for the pod, with an ICMP error of its own. Answers of the
 * protocol come the other way, and pass.
 */
export const reject: FaultSpec<"reject"> = {
  syntax: "reject WHERE icmp|tcp|udp",
  summary: "reject one protocol at the destination's node, as a policy does",
  example: "reject node-1->node-2 tcp",
  affected: "rejected",
  inject({ links, protocol }, { id }) {
    const table = `fault_${id}`;
    const places = bySource(links.map(({ from, to }) => ({ from: to, to: from }))).map(([to, froms]) => ({
      namespace: to.nodeNamespace,
      ruleset: ruleset(
        table,
        froms.flatMap((from) => rulesFor(from, to, protocol)),
      ),
    }));
    return layTables("inet", table, places);
  },
};

const ruleset = (table: string, rules: readonly string[]): string => `table inet ${table} {
  counter matched { }
  counter affected { }
  chain forward {
    type filter hook forward priority 0;
${rules.join("\n")}
  }
}
`;

/** Answers are none of the policy's, which knows connections: it rejects what asks. */
function rulesFor(from: LabNode, to: LabNode, protocol: Protocol): readonly string[] {
  const families = [
    { ip: "ip", source: `${podSubnet(from.number)}.0/24`, echo: "icmp type echo-request" },
    { ip: "ip6", source: `${podSubnet6(from.number)}::/64`, echo: "icmpv6 type echo-request" },
  ];
  return to.podAddresses.map((address, i) => {
    const { ip, source, echo } = families[i]!;
    const asking: Partial<Record<Protocol, string>> = { icmp: echo, tcp: "tcp flags & (syn | ack) == syn" };
    const asks = asking[protocol] ?? `meta l4proto ${protocol}`;
    return `    ${ip} saddr ${source} ${ip} daddr ${address} ${asks} counter name matched counter name affected reject`;
  });
}
