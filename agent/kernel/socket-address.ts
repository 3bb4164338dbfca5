// struct sockaddr_in and sockaddr_in6 as bytes, made once per peer and compared byte by byte.
import { AF_INET, AF_INET6 } from "./constants.ts";
import { ipFromBytes, parseIp } from "../base/ip.ts";
import { KernelError, type SocketAddress } from "./kernel.ts";

/** sizeof(struct sockaddr_in6), room for both. */
export const SOCKADDR_BYTES = 28;
const SOCKADDR_IN_BYTES = 16;

export function socketAddress(ip: string, port: number): SocketAddress {
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new KernelError("address", "EINVAL", `'${ip}' is not an IP address`);
  const bytes = new Uint8Array(SOCKADDR_BYTES);
  const ipv4 = parsed.family === "ipv4";
  new DataView(bytes.buffer).setUint16(0, ipv4 ? AF_INET : AF_INET6, true);
  bytes[2] = port >> 8;
  bytes[3] = port & 0xff;
  bytes.set(parsed.bytes, ipv4 ? 4 : 8);
  return bytes as SocketAddress;
}

/** How many of the bytes the kernel wants for this family. */
export function socketAddressLength(address: Uint8Array): number {
  return address[0] === AF_INET ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES;
}

/** Same family and address, and the same port unless `wanted` has none. */
export function sameAddress(actual: Uint8Array, wanted: SocketAddress): boolean {
  if ((wanted[2] !== 0 || wanted[3] !== 0) && (actual[2] !== wanted[2] || actual[3] !== wanted[3])) return false;
  return sameHost(actual, wanted);
}

/** Same family and address, whatever the ports. */
export function sameHost(actual: Uint8Array, wanted: SocketAddress): boolean {
  if (actual[0] !== wanted[0]) return false;
  const [from, to] = wanted[0] === AF_INET ? [4, 8] : [8, 24];
  for (let i = from; i < to; i++) if (actual[i] !== wanted[i]) return false;
  return true;
}

/** 4 or 16 octets in network order, and the port. */
export function partsOf(bytes: Uint8Array): { readonly address: Uint8Array; readonly port: number } {
  const address = bytes[0] === AF_INET ? bytes.subarray(4, 8) : bytes.subarray(8, 24);
  return { address, port: (bytes[2]! << 8) | bytes[3]! };
}

export function describeAddress(bytes: Uint8Array): { ip: string; port: number } {
  const { address, port } = partsOf(bytes);
  return { ip: ipFromBytes(address).text, port };
}
