import type { FaultSpec } from "./fault.ts";
import { anyPacket, dropPackets } from "./packet-rules.ts";

/** ARP and neighbour discovery over IPv4 go on, so it is silence, and not an unreachable neighbour. */
export const drop: FaultSpec<"drop"> = {
  syntax: "drop WHERE [on pod|node] [via path-1]",
  summary: "lose every packet",
  example: "drop zone-a<->zone-b",
  affected: "dropped",
  inject: ({ links, on, via }, context) => dropPackets({ links, on, via, condition: anyPacket("") }, context),
};
