// What the lab and the detour's process say to each other.
import type { DetourFault } from "./frame-queue.ts";

/** Name of the TAP device in the fabric's namespace. */
export const DETOUR_DEVICE = "detour";

export type ToDetour =
  | { readonly type: "faults"; readonly request: number; readonly faults: readonly DetourFault[] }
  | { readonly type: "flush" | "counters"; readonly request: number };
