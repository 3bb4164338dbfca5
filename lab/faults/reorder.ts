import type { FaultSpec } from "./fault.ts";

/** A packet is held until three of its link have overtaken it, at most 100 ms. */
export const reorder: FaultSpec<"reorder"> = {
  syntax: "reorder WHERE PERCENT [on pod|node]",
  summary: "let later packets overtake some",
  example: "reorder node-1->node-2 5%",
  affected: "overtaken",
  inject: ({ links, on, ratio }, { id, detour }) => detour.add({ id, links, on, effect: { kind: "reorder", ratio } }),
};
