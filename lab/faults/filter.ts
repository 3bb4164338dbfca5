import type { FaultSpec } from "./fault.ts";
import { dropPackets, protocolCondition } from "./packet-rules.ts";

/** As a firewall on the way: no answer, no ICMP error. It knows no connections: answers of the protocol are hit too. */
export const filter: FaultSpec<"filter"> = {
  syntax: "filter WHERE icmp|tcp|udp [on pod|node]",
  summary: "silently drop one protocol",
  example: "filter all udp on pod",
  affected: "dropped",
  inject: ({ links, on, protocol }, context) =>
    dropPackets({ links, on, condition: protocolCondition(protocol) }, context),
};
