import type { FaultSpec } from "./fault.ts";

export const duplicate: FaultSpec<"duplicate"> = {
  syntax: "duplicate WHERE PERCENT [on pod|node]",
  summary: "deliver some packets twice",
  example: "duplicate node-1->node-2 5%",
  affected: "doubled",
  inject: ({ links, on, ratio }, { id, detour }) => detour.add({ id, links, on, effect: { kind: "duplicate", ratio } }),
};
