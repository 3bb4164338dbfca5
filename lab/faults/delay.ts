import type { FaultSpec } from "./fault.ts";

/** Each packet is held for this long, order kept. The hold is a timer's: up to about a millisecond longer. */
export const delay: FaultSpec<"delay"> = {
  syntax: "delay WHERE TIME [on pod|node]",
  summary: "hold every packet back",
  example: "delay node-1<->node-5 20ms on pod",
  affected: "held",
  inject: ({ links, on, delayMs }, { id, detour }) => detour.add({ id, links, on, effect: { kind: "delay", delayMs } }),
};
