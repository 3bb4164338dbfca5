import type { FaultSpec } from "./fault.ts";

/** One bit of the payload flips: a checksum on the way finds it and the packet is lost. `silent`: none finds it. */
export const corrupt: FaultSpec<"corrupt"> = {
  syntax: "corrupt WHERE PERCENT [silent] [on pod|node]",
  summary: "damage some packets; 'silent': so that no checksum on the way notices",
  example: "corrupt node-1->node-2 5% silent",
  affected: "damaged",
  inject: ({ links, on, ratio, isSilent }, { id, detour }) =>
    detour.add({ id, links, on, effect: { kind: "corrupt", ratio, isSilent } }),
};
