// struct sockaddr_in and sockaddr_in6 as bytes, made once per peer and compared byte by byte.
import { AF_INET, AF_INET6 } from "./constants.ts";
import { KernelError, type SocketAddress } from "./kernel.ts";
import { inetPton } from "./libc.ts";

/** sizeof(struct sockaddr_in6), room for both. */
export const SOCKADDR_BYTES = 28;
const SOCKADDR_IN_BYTES = 16;

export function socketAddress(ip: string, port: number): SocketAddress {
  const bytes = new Uint8Array(SOCKADDR_BYTES);
  const family = ip.includes(":") ? AF_INET6 : AF_INET;
  new DataView(bytes.buffer).setUint16(0, family, true);
  bytes[2] = port >> 8;
  bytes[3] = port & 0xff;
  if (inetPton(family, ip, bytes.subarray(family === AF_INET ? 4 : 8)) !== 1)
    throw new KernelError("inet_pton", "EINVAL", `'${ip}' is not an IP address`);
  return bytes as SocketAddress;
}

/** How many of the bytes the kernel wants for this family. */
export function socketAddressLength(address: Uint8Array): number {
  return address[0] === AF_INET ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES;
}

/** Same family and address, and the same port unless `wanted` has none. */
export function sameAddress(actual: Uint8Array, wanted: SocketAddress): boolean {
  if (actual[0] !== wanted[0]) return false;
  if ((wanted[2] !== 0 || wanted[3] !== 0) && (actual[2] !== wanted[2] || actual[3] !== wanted[3])) return false;
  const [from, to] = wanted[0] === AF_INET ? [4, 8] : [8, 24];
  for (let i = from; i < to; i++) if (actual[i] !== wanted[i]) return false;
  return true;
}

export function describeAddress(bytes: Uint8Array): { ip: string; port: number } {
  const port = (bytes[2]! << 8) | bytes[3]!;
  if (bytes[0] === AF_INET) return { ip: bytes.subarray(4, 8).join("."), port };
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[8 + 2 * i]! << 8) | bytes[9 + 2 * i]!).toString(16));
  // URL normalises to the shortest form (RFC 5952).
  return { ip: new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1), port };
}
