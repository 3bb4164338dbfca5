// Ranges of addresses: read once, compared as numbers.
import { ipFromBytes, parseIp } from "./ip.ts";
import type { IpFamily } from "./ip-family.ts";

export interface Cidr {
  readonly family: IpFamily;
  /** Canonical: the first address and the length of the prefix. */
  readonly text: string;
  readonly bits: number;
  readonly first: bigint;
  readonly last: bigint;
}

const WIDTH: Readonly<Record<IpFamily, number>> = { ipv4: 32, ipv6: 128 };

/** Undefined for what is no range. An address alone is the range of itself. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", prefix, ...rest] = text.trim().split("/");
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0) return undefined;
  const width = WIDTH[ip.family];
  const bits = prefix === undefined ? width : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (!(bits <= width)) return undefined;
  return cidr(ip.family, numberOf(ip.bytes), bits);
}

export const overlaps = (a: Cidr, b: Cidr): boolean => a.family === b.family && a.first <= b.last && b.first <= a.last;

export const contains = (outer: Cidr, inner: Cidr): boolean =>
  outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;

/** The smallest range around all of them; undefined for none, or when the families differ. */
export function around(ranges: readonly Cidr[]): Cidr | undefined {
  const [one] = ranges;
  if (one === undefined || ranges.some(({ family }) => family !== one.family)) return undefined;
  for (let bits = one.bits; bits >= 0; bits--) {
    const wider = cidr(one.family, one.first, bits);
    if (ranges.every((range) => contains(wider, range))) return wider;
  }
  return undefined;
}

function cidr(family: IpFamily, address: bigint, bits: number): Cidr {
  const hostBits = BigInt(WIDTH[family] - bits);
  const first = (address >> hostBits) << hostBits;
  return {
    family,
    bits,
    text: `${ipFromBytes(bytesOf(first, WIDTH[family] / 8)).text}/${bits}`,
    first,
    last: first + (1n << hostBits) - 1n,
  };
}

const numberOf = (bytes: readonly number[]): bigint => bytes.reduce((n, byte) => (n << 8n) | BigInt(byte), 0n);
const bytesOf = (n: bigint, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Number((n >> BigInt(8 * (count - 1 - i))) & 0xffn));
