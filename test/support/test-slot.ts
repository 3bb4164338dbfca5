// Slots for tests: one line each, every field overridable.
import type { Slot } from "../../agent/model/slot.ts";

let nextIndex = 0;

export function testSlot(options: Partial<Slot> & Pick<Slot, "protocol" | "address">): Slot {
  const index = nextIndex++;
  return {
    index,
    pair: { source: { name: "node-1", zone: "a" }, destination: { name: `node-${index + 2}`, zone: "b" } },
    network: "pod",
    family: options.address.includes(":") ? "ipv6" : "ipv4",
    ...options,
  };
}
