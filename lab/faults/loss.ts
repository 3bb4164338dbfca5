import type { FaultSpec } from "./fault.ts";
import { anyPacket, dropPackets } from "./packet-rules.ts";

/** Finest step of a ratio: one in a million. */
const PARTS = 1_000_000;

/** Each packet is dropped with the same chance, by the kernel's random numbers. */
export const loss: FaultSpec<"loss"> = {
  syntax: "loss WHERE PERCENT [on pod|node] [via path-1]",
  summary: "lose packets at random",
  example: "loss node-2->node-4 20%",
  affected: "dropped",
  inject: ({ links, on, via, ratio }, context) =>
    dropPackets({ links, on, via, condition: anyPacket(chance(ratio)) }, context),
};

/** nftables compares with less than the modulus only: every packet is no comparison at all. */
export function chance(ratio: number): string {
  const parts = Math.max(1, Math.round(ratio * PARTS));
  return parts >= PARTS ? "" : `numgen random mod ${PARTS} < ${parts}`;
}
