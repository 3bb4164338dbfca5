// Counters of the kernel's packet filter: the judge of loss.
import type { VethPair } from "../support/veth.ts";

interface Listing {
  readonly nftables: readonly { readonly counter?: { readonly name: string; readonly packets: number } }[];
}

/** Packets that a named counter of table `inet bench` has seen. */
export function counterOf(pair: VethPair, namespace: string, name: string): number {
  const { nftables } = JSON.parse(
    pair.run(namespace, "nft", "-j", "list", "counter", "inet", "bench", name),
  ) as Listing;
  const counter = nftables.find((entry) => entry.counter?.name === name)?.counter;
  if (counter === undefined) throw new Error(`nft listed no counter '${name}' in ${namespace}`);
  return counter.packets;
}
