// Addresses that are never probed unless somebody says so. Whoever can write an EndpointSlice or answer as a peer must
// not be able to turn the agents on the machine itself, on a cloud's metadata service or on a group.
import { ipRanges } from "../base/ip.ts";

export interface RefusedRange {
  readonly range: string;
  /** What it is, for a person: "multicast". */
  readonly why: string;
  /** It may be the address of a pod or node somewhere: `peers.allowRanges` lets it through. */
  readonly canBeAllowed: boolean;
  readonly holds: (address: string) => boolean;
}

const refused = (range: string, why: string): RefusedRange => ({
  range,
  why,
  canBeAllowed: false,
  holds: ipRanges([range]),
});
const refusedByDefault = (range: string, why: string): RefusedRange => ({ ...refused(range, why), canBeAllowed: true });

export const LOOPBACK = "loopback";

/** Of several that hold an address the first counts. 240.0.0.0/4 is not here: large clusters use it for pods. */
export const REFUSED_RANGES: readonly RefusedRange[] = [
  refused("127.0.0.0/8", LOOPBACK),
  refused("::1", LOOPBACK),
  refused("169.254.169.254", "the metadata service of most clouds"),
  refusedByDefault("100.100.100.200", "the metadata service of Alibaba Cloud"),
  refusedByDefault("168.63.129.16", "the platform service of Azure"),
  refusedByDefault("192.0.0.192", "the metadata service of Oracle Cloud"),
  refusedByDefault("fd00:ec2::254", "the metadata service of AWS"),
  refusedByDefault("fd20:ce::254", "the metadata service of Google Cloud"),
  refusedByDefault("169.254.0.0/16", "link-local, where clouds have services of their own"), // RFC 3927
  refused("0.0.0.0/8", "unspecified"), // RFC 1122 §3.2.1.3
  refused("224.0.0.0/4", "multicast"),
  refused("255.255.255.255", "broadcast"),
  refused("::", "unspecified"),
  refused("::ffff:0:0/96", "IPv4-mapped, which is probed as IPv4"), // RFC 4291 §2.5.5.2
  refused("::/96", "IPv4-compatible, which is out of use"), // RFC 4291 §2.5.5.1
  refused("::ffff:0:0:0/96", "IPv4-translated, which leads to an IPv4 address"), // RFC 2765
  refused("64:ff9b::/96", "NAT64, which leads to an IPv4 address"), // RFC 6052
  refused("2002::/16", "6to4, which leads to an IPv4 address"), // RFC 3056
  refused("fe80::/10", "link-local, which needs an interface's name"),
  refused("ff00::/8", "multicast"),
];

const RANGES_THAT_CAN_BE_ALLOWED: readonly string[] = REFUSED_RANGES.filter((r) => r.canBeAllowed).map((r) => r.range);

/** What is wrong with an entry of `peers.allowRanges`; undefined when it allows something that may be allowed. */
export function allowanceFault(entry: string): { readonly problem: string; readonly cure: string } | undefined {
  const range = REFUSED_RANGES.find((refusal) => isInside(entry, refusal.range));
  if (range?.canBeAllowed === true) return undefined;
  return {
    problem:
      range === undefined
        ? `names ${entry}, which is not inside one of the ranges that can be allowed`
        : `names ${entry}, which is ${range.why} and is never probed`,
    cure: `Remove it, or name one of ${RANGES_THAT_CAN_BE_ALLOWED.join(", ")} or a part of it; addresses outside of all refused ranges need no entry.`,
  };
}

function isInside(entry: string, range: string): boolean {
  const [address = "", bits] = entry.split("/");
  const [, rangeBits] = range.split("/");
  const full = address.includes(":") ? 128 : 32;
  return ipRanges([range])(address) && Number(bits ?? full) >= Number(rangeBits ?? full);
}
