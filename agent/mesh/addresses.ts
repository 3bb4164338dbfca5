// Which addresses may be probed at all. Whoever can write an EndpointSlice or answer as a peer must not be able to
// turn the agents on the machine itself, on a cloud's metadata service or on a group.
import { BlockList, SocketAddress, isIP } from "node:net";
import type { Addresses, IpFamily } from "../model/peer.ts";

export interface AddressPolicy {
  /** For a lab whose agents share one machine (`discovery.allowLoopback`). */
  readonly allowLoopback: boolean;
}

/** Why an address is refused, or the address in its one canonical spelling. */
export type CheckedAddress = { readonly address: string; readonly family: IpFamily } | { readonly refused: string };

const FORBIDDEN: readonly (readonly [reason: string, family: IpFamily, network: string, prefix: number])[] = [
  ["unspecified", "ipv4", "0.0.0.0", 8], // RFC 1122 §3.2.1.3
  ["link-local", "ipv4", "169.254.0.0", 16], // RFC 3927; 169.254.169.254 is most clouds' metadata service
  ["multicast", "ipv4", "224.0.0.0", 4],
  ["reserved or broadcast", "ipv4", "240.0.0.0", 4],
  ["metadata service", "ipv4", "100.100.100.200", 32], // Alibaba Cloud
  ["metadata service", "ipv4", "168.63.129.16", 32], // Azure's wire server
  ["metadata service", "ipv4", "192.0.0.192", 32], // Oracle Cloud's older one
  ["unspecified", "ipv6", "::", 128],
  ["IPv4-mapped", "ipv6", "::ffff:0:0", 96], // RFC 4291 §2.5.5.2: would be probed as IPv4
  ["IPv4-compatible", "ipv6", "::", 96],
  ["IPv4-translated", "ipv6", "::ffff:0:0:0", 96], // RFC 2765
  ["IPv4-embedding", "ipv6", "64:ff9b::", 96], // RFC 6052
  ["IPv4-embedding", "ipv6", "2002::", 16], // 6to4
  ["link-local", "ipv6", "fe80::", 10],
  ["multicast", "ipv6", "ff00::", 8],
  ["metadata service", "ipv6", "fd00:ec2::254", 128], // AWS
  ["metadata service", "ipv6", "fd20:ce::254", 128], // Google Cloud
];

type Subnet = readonly [network: string, prefix: number];

function blockList(family: IpFamily, subnets: readonly Subnet[]): BlockList {
  const blocks = new BlockList();
  for (const [network, prefix] of subnets) blocks.addSubnet(network, prefix, family);
  return blocks;
}

const RULES = FORBIDDEN.map(([reason, family, ...subnet]) => ({
  reason,
  family,
  subnet,
  blocks: blockList(family, [subnet]),
}));
// BlockList judges an IPv4-mapped address by its IPv4 rules as well, so each family has a list of its own.
const forbiddenIn = (family: IpFamily): BlockList =>
  blockList(
    family,
    RULES.filter((r) => r.family === family).map((r) => r.subnet),
  );
const ANY_RULE = { ipv4: forbiddenIn("ipv4"), ipv6: forbiddenIn("ipv6") };
const LOOPBACK = { ipv4: blockList("ipv4", [["127.0.0.0", 8]]), ipv6: blockList("ipv6", [["::1", 128]]) };

export function checkAddress(text: string, { allowLoopback }: AddressPolicy): CheckedAddress {
  const version = isIP(text);
  if (version === 0) return { refused: "not an IP address" };
  if (text.includes("%")) return { refused: "an address with a scope" };
  const family: IpFamily = version === 4 ? "ipv4" : "ipv6";
  // Dotted decimal without leading zeros, all that isIP lets through, is canonical as it is.
  const address = family === "ipv4" ? text : new SocketAddress({ address: text, family }).address;
  if (LOOPBACK[family].check(address, family)) return allowLoopback ? { address, family } : { refused: "loopback" };
  if (!ANY_RULE[family].check(address, family)) return { address, family };
  return { refused: RULES.find((r) => r.family === family && r.blocks.check(address, family))!.reason };
}

export interface CheckedAddresses {
  readonly addresses: Addresses;
  /** What was refused and why, for a log line or an error. */
  readonly refused: readonly string[];
}

/** The addresses that may be probed, the first of each family. */
export function checkAddresses(texts: Iterable<string>, policy: AddressPolicy): CheckedAddresses {
  const addresses: Partial<Record<IpFamily, string>> = {};
  const refused: string[] = [];
  for (const text of texts) {
    const checked = checkAddress(text, policy);
    if ("refused" in checked) refused.push(`${text.slice(0, 64)} (${checked.refused})`);
    else addresses[checked.family] ??= checked.address;
  }
  return { addresses, refused };
}

export const sameAddresses = (a: Addresses, b: Addresses): boolean => a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6;
