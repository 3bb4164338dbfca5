// sockaddr_in and sockaddr_in6 as Linux lays them out, made from text and read back, for the fake kernel.
import { isIPv4, isIPv6 } from "node:net";
import type { SocketAddress } from "../../agent/kernel/kernel.ts";
import type { IpFamily } from "../../agent/model/peer.ts";

const AF_INET = 2;
const AF_INET6 = 10;

export function socketAddress(ip: string, port: number): SocketAddress {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(2, port);
  if (isIPv4(ip)) {
    view.setUint16(0, AF_INET, true);
    bytes.set(ip.split(".").map(Number), 4);
  } else if (isIPv6(ip)) {
    view.setUint16(0, AF_INET6, true);
    bytes.set(ipv6Bytes(ip), 8);
  } else {
    throw new TypeError(`'${ip}' is not an IP address`);
  }
  return bytes as SocketAddress;
}

export function familyOf(ip: string): IpFamily {
  return isIPv4(ip) ? "ipv4" : "ipv6";
}

export function readAddress(address: SocketAddress): { readonly ip: string; readonly port: number } {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  const port = view.getUint16(2);
  if (view.getUint16(0, true) === AF_INET) return { ip: address.subarray(4, 8).join("."), port };
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16));
  return { ip: canonicalIp(groups.join(":")), port };
}

/** One spelling for each address: that of RFC 5952. */
export function canonicalIp(ip: string): string {
  return isIPv4(ip) ? ip : new URL(`http://[${ip}]`).hostname.slice(1, -1);
}

/** The address's own bytes are equal, and the port too unless `pattern` has port 0. */
export function matchesAddress(address: SocketAddress, pattern: SocketAddress): boolean {
  const family = address[0] === AF_INET ? { from: 4, to: 8 } : { from: 8, to: 24 };
  if (address[0] !== pattern[0]) return false;
  const anyPort = pattern[2] === 0 && pattern[3] === 0;
  if (!anyPort && (address[2] !== pattern[2] || address[3] !== pattern[3])) return false;
  for (let i = family.from; i < family.to; i++) if (address[i] !== pattern[i]) return false;
  return true;
}

function ipv6Bytes(ip: string): Uint8Array {
  const [head = "", tail] = canonicalIp(ip).split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((g) => Number.parseInt(g, 16)));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
  return Uint8Array.from(all.flatMap((g) => [g >> 8, g & 0xff]));
}
