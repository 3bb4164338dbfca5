// IP addresses as addresses: read once, compared and shown in one spelling, never as the text they came in.
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type { IpFamily } from "./ip-family.ts";

export interface Ip {
  readonly family: IpFamily;
  /** The canonical spelling (RFC 5952 for IPv6): two are the same address when these are equal. */
  readonly text: string;
  /** 4 or 16, in network order. */
  readonly bytes: readonly number[];
}

/** Undefined for what is no address, or one with a scope (`fe80::1%eth0`). Dotted decimal in four parts only. */
export function parseIp(text: string): Ip | undefined {
  const parsed = parse(text);
  return parsed && describe(parsed);
}

/** An address from its bytes in network order: 4 or 16 of them. */
export function ipFromBytes(bytes: Uint8Array | readonly number[]): Ip {
  return describe(ipaddr.fromByteArray([...bytes]));
}

/** Family of a text that is known to be an address. */
export const familyOf = (address: string): IpFamily => (address.includes(":") ? "ipv6" : "ipv4");

/** The first address of each family, in one spelling. What is no address is left out. */
export function firstOfEachFamily(texts: readonly string[]): Readonly<Partial<Record<IpFamily, string>>> {
  const addresses: Partial<Record<IpFamily, string>> = {};
  for (const text of texts) {
    const ip = parseIp(text);
    if (ip) addresses[ip.family] ??= ip.text;
  }
  return addresses;
}

/** A test for one of these addresses or CIDRs. Throws RangeError, naming the entry that is neither. */
export function ipRanges(entries: readonly string[]): (address: string) => boolean {
  const ranges = entries.map((entry) => {
    const [network = "", prefix, ...rest] = entry.split("/");
    const address = parse(network);
    const widest = address?.kind() === "ipv6" ? 128 : 32;
    const bits = prefix === undefined ? widest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (address === undefined || !(bits <= widest) || rest.length > 0)
      throw new RangeError(`'${entry}' is not an address or CIDR; write for instance 10.0.0.0/8 or fd00::/8`);
    return { address, bits };
  });
  return (text) => {
    const address = parse(text);
    return (
      address !== undefined &&
      ranges.some((range) => range.address.kind() === address.kind() && address.match(range.address, range.bits))
    );
  };
}

/** A dual-stack socket shows an IPv4 peer as ::ffff:a.b.c.d. */
export function unmapped(ip: Ip): Ip {
  if (ip.family === "ipv4") return ip;
  const isMapped = ip.bytes.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 0xff));
  return isMapped ? ipFromBytes(ip.bytes.slice(12)) : ip;
}

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // The library also reads octal, hexadecimal and short forms, which name another address elsewhere.
  const version = isIP(text);
  if (version === 0 || text.includes("%")) return undefined;
  return ipaddr.parse(version === 4 ? text : text.replace(DOTTED_TAIL, inHex));
}

/** The library takes ::192.0.2.1 for ::ffff:192.0.2.1 (2.5.0). */
const DOTTED_TAIL = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/;
const inHex = (_: string, ...octets: string[]): string => {
  const [a, b, c, d] = octets.slice(0, 4).map(Number) as [number, number, number, number];
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
};

const describe = (parsed: ipaddr.IPv4 | ipaddr.IPv6): Ip => ({
  family: parsed.kind(),
  text: parsed.kind() === "ipv6" ? (parsed as ipaddr.IPv6).toRFC5952String() : parsed.toString(),
  bytes: parsed.toByteArray(),
});
