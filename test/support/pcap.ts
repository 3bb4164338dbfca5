// Reads what tcpdump wrote: the packet capture that judges our numbers. Classic pcap with nanosecond stamps
// (magic a1b23c4d), Ethernet, host byte order.
import { readFileSync } from "node:fs";

export interface Captured {
  /** Nanoseconds since the first packet of the file, or since the second that was asked for. */
  readonly atNs: number;
  /** From the first byte after the Ethernet header on. */
  readonly ip: Uint8Array;
}

const ETHERNET_BYTES = 14;
const NANOSECOND_MAGIC = 0xa1b23c4d;

export function readPcap(path: string, originS?: number): Captured[] {
  const file = readFileSync(path);
  if (file.readUInt32LE(0) !== NANOSECOND_MAGIC)
    throw new Error(`${path} is no capture with nanosecond stamps: use tcpdump --time-stamp-precision=nano`);
  const packets: Captured[] = [];
  let first = originS === undefined ? undefined : { seconds: originS, ns: 0 };
  for (let at = 24; at + 16 <= file.length;) {
    const [seconds, ns, length] = [file.readUInt32LE(at), file.readUInt32LE(at + 4), file.readUInt32LE(at + 8)];
    first ??= { seconds, ns };
    packets.push({
      atNs: (seconds - first.seconds) * 1e9 + ns - first.ns,
      ip: file.subarray(at + 16 + ETHERNET_BYTES, at + 16 + length),
    });
    at += 16 + length;
  }
  return packets;
}

/** Round-trip times by ICMP identifier and sequence: first request to first reply, nanoseconds. IPv4. */
export function icmpRoundTrips(packets: readonly Captured[]): Map<string, number> {
  const requests = new Map<string, number>();
  const trips = new Map<string, number>();
  for (const { atNs, ip } of packets) {
    if (ip[0]! >>> 4 !== 4 || ip[9] !== 1) continue;
    const icmp = ip.subarray((ip[0]! & 0x0f) * 4);
    const key = `${(icmp[4]! << 8) | icmp[5]!}/${(icmp[6]! << 8) | icmp[7]!}`;
    const sentNs = requests.get(key);
    if (icmp[0] === 8 && sentNs === undefined) requests.set(key, atNs);
    else if (icmp[0] === 0 && sentNs !== undefined && !trips.has(key)) trips.set(key, atNs - sentNs);
  }
  return trips;
}
