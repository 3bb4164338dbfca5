import { OVERLAY_MTU, UNDERLAY_MTU } from "../plan.ts";
import type { FaultSpec } from "./fault.ts";
import { dropPackets } from "./packet-rules.ts";

const ENCAPSULATION_BYTES = UNDERLAY_MTU - OVERLAY_MTU;
/** `ip6 length` does not count the IPv6 header. */
const IPV6_HEADER_BYTES = 40;

/** A black hole: packets above the size vanish, no ICMP tells, and every interface goes on believing in its own MTU. */
export const mtu: FaultSpec<"mtu"> = {
  syntax: "mtu WHERE BYTES [on pod|node]",
  summary: "silently drop IP packets above a size",
  example: "mtu node-3 1300",
  affected: "dropped",
  inject: ({ links, on, bytes }, context) => {
    const condition = {
      pod: [`ip length > ${bytes + ENCAPSULATION_BYTES}`],
      node4: [`ip length > ${bytes}`],
      node6: [`ip6 length > ${Math.max(0, bytes - IPV6_HEADER_BYTES)}`],
    };
    return dropPackets({ links, on, condition }, context);
  },
};
