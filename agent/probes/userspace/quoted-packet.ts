// The packet that an ICMP error quotes (RFC 792; RFC 4443 §3). Pure.
import { ipFromBytes } from "../../base/ip.ts";
import type { IpFamily } from "../../model/peer.ts";

export interface QuotedPacket {
  readonly type: number;
  readonly code: number;
  /** Where the quoted packet was going. */
  readonly destination: string;
  /** What follows its IP header. */
  readonly payload: Uint8Array;
}

const ICMP_HEADER_BYTES = 8;
const IPV6_HEADER_BYTES = 40;
const ERROR_TYPES = { ipv4: [3, 11, 12], ipv6: [1, 2, 3, 4] } as const;

/** Undefined when the message is no error, or quotes too little. IPv6 extension headers are not followed: we send none. */
export function quotedPacket(message: Uint8Array, family: IpFamily): QuotedPacket | undefined {
  const [type, code] = message;
  if (type === undefined || code === undefined || !(ERROR_TYPES[family] as readonly number[]).includes(type))
    return undefined;
  const packet = message.subarray(ICMP_HEADER_BYTES);
  const headerBytes = family === "ipv4" ? ((packet[0] ?? 0) & 0x0f) * 4 : IPV6_HEADER_BYTES;
  if (headerBytes < 20 || packet.length < headerBytes) return undefined;
  const destination = ipFromBytes(family === "ipv4" ? packet.subarray(16, 20) : packet.subarray(24, 40)).text;
  return { type, code, destination, payload: packet.subarray(headerBytes) };
}
