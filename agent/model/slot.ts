// A slot is the one thing the schedule probes again and again: a pair, a network, a protocol, a family.
import type { IpFamily, Network, Pair, Protocol } from "./peer.ts";

export interface Slot {
  /** Row of this slot in every typed array that is kept per slot. Dense; used again after the slot is gone. */
  readonly index: number;
  readonly pair: Pair;
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
  /** Where probes go: the textual IP address of the peer on this network. */
  readonly address: string;
}

/** The name that stays the same over restarts: the phase of the slot comes from it. */
export function slotKey(slot: Omit<Slot, "index" | "address">): string {
  const { pair, network, protocol, family } = slot;
  return `${pair.source.name}>${pair.destination.name}/${network}/${protocol}/${family}`;
}
