// What the detour must know of an Ethernet frame of the underlay, and how it damages one. Pure.
import type { Network } from "../../agent/model/peer.ts";
import { VXLAN_PORT } from "../plan.ts";

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;
const VXLAN_BYTES = 8;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_IPV4 = 0x0800;
const UDP = 17;

/** Underlay addresses end in the node's number (plan.ts), of either family. Ethernet's may be a router's. */
export const sourceOf = (frame: Uint8Array): number => frame[ETHERNET_BYTES + (isIpv6(frame) ? 23 : 15)] ?? 0;
export const destinationOf = (frame: Uint8Array): number => frame[ETHERNET_BYTES + (isIpv6(frame) ? 39 : 19)] ?? 0;

const isIpv6 = (frame: Uint8Array): boolean => uint16(frame, 12) === ETHERTYPE_IPV6;
const uint16 = (frame: Uint8Array, at: number): number => ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0);

export function networkOf(frame: Uint8Array): Network {
  const isVxlan =
    uint16(frame, 12) === ETHERTYPE_IPV4 &&
    frame[ETHERNET_BYTES + 9] === UDP &&
    uint16(frame, ETHERNET_BYTES + IPV4_BYTES + 2) === VXLAN_PORT;
  return isVxlan ? "pod" : "node";
}

/** Where the payload of the ICMP, UDP or TCP packet begins, its first eight bytes of header left out. */
export function payloadOffset(frame: Uint8Array): number {
  const ipAt =
    networkOf(frame) === "pod"
      ? ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + VXLAN_BYTES + ETHERNET_BYTES
      : ETHERNET_BYTES;
  return ipAt + (uint16(frame, ipAt - 2) === ETHERTYPE_IPV6 ? IPV6_BYTES : IPV4_BYTES) + UDP_BYTES;
}

/** Flip one bit of the payload. False when there is none to flip. */
export function flipBit(frame: Uint8Array, random: () => number): boolean {
  const start = payloadOffset(frame);
  if (start >= frame.length) return false;
  const at = start + Math.floor(random() * (frame.length - start));
  frame[at] = frame[at]! ^ (1 << Math.floor(random() * 8));
  return true;
}

/**
 * Exchange two unlike 16-bit words in the payload's second half: the internet checksum is a sum and stays the same,
 * of the packet and of what carries it. False when all words there are alike.
 */
export function exchangeWords(frame: Uint8Array, random: () => number): boolean {
  const start = payloadOffset(frame);
  const middle = start + 2 * Math.floor((frame.length - start) / 4);
  const count = Math.floor((frame.length - middle) / 2);
  if (count < 2) return false;
  const offset = Math.floor(random() * count);
  const first = middle + 2 * offset;
  for (let i = 1; i < count; i++) {
    const second = middle + 2 * ((offset + i) % count);
    const [a, b] = [uint16(frame, first), uint16(frame, second)];
    // 0x0000 and 0xffff are both zero to the checksum, but unlike to everyone else: fine as well.
    if (a === b) continue;
    frame.set([b >> 8, b & 0xff], first);
    frame.set([a >> 8, a & 0xff], second);
    return true;
  }
  return false;
}
