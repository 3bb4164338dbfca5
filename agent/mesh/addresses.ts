// Which of the addresses that were said of a node may be probed, in one spelling, and why the others may not.
import { parseIp } from "../base/ip.ts";
import { IP_FAMILIES, type Addresses, type IpFamily } from "../model/peer.ts";
import { LOOPBACK, REFUSED_RANGES } from "../model/refused-ranges.ts";

export interface AddressPolicy {
  /** For a lab whose agents share one machine (`discovery.allowLoopback`). */
  readonly allowLoopback: boolean;
  /** What `peers.allowRanges` lets through. */
  readonly isAllowed: (address: string) => boolean;
}

/** The address in its one spelling, or why it is refused and what allows it. */
export type CheckedAddress =
  { readonly address: string; readonly family: IpFamily } | { readonly refused: string; readonly cure?: string };

export function checkAddress(text: string, { allowLoopback, isAllowed }: AddressPolicy): CheckedAddress {
  const ip = parseIp(text);
  if (ip === undefined) return { refused: text.includes("%") ? "an address with a scope" : "not an IP address" };
  const { text: address, family } = ip;
  const range = REFUSED_RANGES.find(({ holds }) => holds(address));
  if (range === undefined) return { address, family };
  if (range.why === LOOPBACK) {
    if (allowLoopback) return { address, family };
    return { refused: LOOPBACK, cure: "set discovery.allowLoopback if this is a lab on one machine" };
  }
  if (!range.canBeAllowed) return { refused: range.why };
  if (isAllowed(address)) return { address, family };
  return { refused: range.why, cure: `add ${address} to peers.allowRanges if it is a pod's or a node's here` };
}

export interface RefusedAddress {
  /** As it was said, cut short. */
  readonly address: string;
  readonly family: IpFamily;
  /** "loopback; set … if …" */
  readonly why: string;
}

export interface CheckedAddresses {
  readonly addresses: Addresses;
  readonly refused: readonly RefusedAddress[];
}

const SHOWN_CHARACTERS = 64;

/** The addresses that may be probed. An address under the wrong family is taken for what it is. */
export function checkAddresses(said: Addresses, policy: AddressPolicy): CheckedAddresses {
  const addresses: Partial<Record<IpFamily, string>> = {};
  const refused: RefusedAddress[] = [];
  for (const family of IP_FAMILIES) {
    const text = said[family];
    if (text === undefined) continue;
    const checked = checkAddress(text, policy);
    if ("address" in checked) addresses[checked.family] ??= checked.address;
    else
      refused.push({
        address: text.slice(0, SHOWN_CHARACTERS),
        family,
        why: checked.cure === undefined ? checked.refused : `${checked.refused}; ${checked.cure}`,
      });
  }
  return { addresses, refused };
}

export const sameAddresses = (a: Addresses, b: Addresses): boolean => a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6;
