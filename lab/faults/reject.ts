import type { Protocol } from "../../agent/model/peer.ts";
import { inNamespace } from "../machine.ts";
import { podSubnet, podSubnet6, type LabNode } from "../plan.ts";
import type { FaultCounters, FaultSpec } from "./fault.ts";
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
  inject: async ({ links, protocol }, { id }) => {
    const table = `fault_${id}`;
    const places = bySource(links.map(({ from, to }) => ({ from: to, to: from })));
    const nft = (node: LabNode, ...args: readonly string[]) => inNamespace(node.nodeNamespace, "nft", args);
    for (const [to, froms] of places) {
      const rules = froms.flatMap((from) => rulesFor(from, to, protocol));
      await inNamespace(to.nodeNamespace, "nft", ["-f", "-"], {
        input: `table inet ${table} {\n  counter affected { }\n  chain forward {\n    type filter hook forward priority 0;\n${rules.join("\n")}\n  }\n}\n`,
      });
    }
    const counters = async (): Promise<FaultCounters> => {
      const told = await Promise.all(places.map(([to]) => nft(to, "-j", "list", "counters", "table", "inet", table)));
      const packets = told
        .map((json) => (JSON.parse(json) as { nftables: { counter?: { packets: number } }[] }).nftables)
        .flatMap((entries) => entries.map(({ counter }) => counter?.packets ?? 0))
        .reduce((sum, count) => sum + count, 0);
      return { matched: packets, affected: packets };
    };
    return {
      counters,
      async end() {
        // First the rules: what comes between a reading and an end would be in no reading.
        for (const [to] of places) await nft(to, "flush", "chain", "inet", table, "forward");
        const last = await counters();
        for (const [to] of places) await nft(to, "delete", "table", "inet", table);
        return last;
      },
    };
  },
};

/** An echo's answer is none of the policy's: it rejects what asks. */
function rulesFor(from: LabNode, to: LabNode, protocol: Protocol): readonly string[] {
  const families = [
    { ip: "ip", source: `${podSubnet(from.number)}.0/24`, echo: "icmp type echo-request" },
    { ip: "ip6", source: `${podSubnet6(from.number)}::/64`, echo: "icmpv6 type echo-request" },
  ];
  return to.podAddresses.map((address, i) => {
    const { ip, source, echo } = families[i]!;
    const asks = protocol === "icmp" ? echo : `meta l4proto ${protocol}`;
    return `    ${ip} saddr ${source} ${ip} daddr ${address} ${asks} counter name affected reject`;
  });
}
