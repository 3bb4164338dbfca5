// ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443 §4.1) with our payload: a nonce, then a pattern whose every byte
// is checked on return. Pure.
import type { IpFamily } from "../model/peer.ts";

const HEADER_BYTES = 8;
const NONCE_BYTES = 8;
/** The smallest echo of ours: header, nonce, and eight bytes of pattern to find bit errors in. */
export const MIN_ECHO_BYTES = HEADER_BYTES + NONCE_BYTES + 8;

const TYPES = { ipv4: { request: 8, reply: 0 }, ipv6: { request: 128, reply: 129 } } as const;

/** What makes one echo different from the next. */
export interface Echo {
  readonly identifier: number;
  readonly sequence: number;
  /** 64 random bits, so that nobody answers who has not seen the question. */
  readonly nonceHigh: number;
  readonly nonceLow: number;
}

/** Writes a request that fills `into`. The checksum is for IPv4 raw sockets; everywhere else the kernel sets its own. */
export function encodeEchoRequest(into: Uint8Array, family: IpFamily, echo: Echo): void {
  if (template.bytes.length !== into.length) template = templateOf(into.length);
  into.set(template.bytes);
  into[0] = TYPES[family].request;
  writeU16(into, 4, echo.identifier);
  writeU16(into, 6, echo.sequence);
  writeU32(into, 8, echo.nonceHigh);
  writeU32(into, 12, echo.nonceLow);
  if (family !== "ipv4") return;
  let sum = template.sum;
  for (let i = 0; i < HEADER_BYTES + NONCE_BYTES; i += 2) sum += readU16(into, i);
  writeU16(into, 2, folded(sum));
}

/** What is the same in every request of a size: nothing, then the pattern. `sum` is the pattern's share of the checksum. */
function templateOf(length: number): { readonly bytes: Uint8Array; readonly sum: number } {
  const bytes = Uint8Array.from({ length }, (_, i) => (i < HEADER_BYTES + NONCE_BYTES ? 0 : pattern(i)));
  return { bytes, sum: sumOfWords(bytes) };
}

export type EchoMatch = "ours" | "corrupt" | "foreign";

/** Whether a reply answers this request: `corrupt` when it is ours but for some bits, `foreign` when it is not ours. */
export function matchEchoReply(reply: Uint8Array, family: IpFamily, echo: Echo, requestBytes: number): EchoMatch {
  if (reply.length < HEADER_BYTES || reply[0] !== TYPES[family].reply || reply[1] !== 0) return "foreign";
  if (readU16(reply, 4) !== echo.identifier || readU16(reply, 6) !== echo.sequence) return "foreign";
  if (reply.length !== requestBytes || !sameNonce(reply, echo)) return "corrupt";
  for (let i = HEADER_BYTES + NONCE_BYTES; i < reply.length; i++) if (reply[i] !== pattern(i)) return "corrupt";
  return "ours";
}

/** Whether the bytes are this request, or as much of it as an ICMP error brings back (at least the header, RFC 792). */
export function isEchoRequest(bytes: Uint8Array, family: IpFamily, echo: Echo): boolean {
  if (bytes.length < HEADER_BYTES || bytes[0] !== TYPES[family].request) return false;
  if (readU16(bytes, 4) !== echo.identifier || readU16(bytes, 6) !== echo.sequence) return false;
  return bytes.length < HEADER_BYTES + NONCE_BYTES || sameNonce(bytes, echo);
}

/** Sequence number of an echo; the bytes hold at least a header. */
export function echoSequence(bytes: Uint8Array): number {
  return bytes.length < HEADER_BYTES ? -1 : readU16(bytes, 6);
}

/** RFC 1071. `bytes` has even length or is padded with a zero byte. */
export function internetChecksum(bytes: Uint8Array): number {
  return folded(sumOfWords(bytes));
}

function sumOfWords(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  return sum;
}

function folded(sum: number): number {
  let left = sum;
  while (left > 0xffff) left = (left & 0xffff) + (left >>> 16);
  return ~left & 0xffff;
}

function sameNonce(bytes: Uint8Array, echo: Echo): boolean {
  return readU32(bytes, 8) === echo.nonceHigh && readU32(bytes, 12) === echo.nonceLow;
}

/** Alternating densities of ones, so that stuck and flipped bits both show. */
const pattern = (i: number) => (i * 0x9d + 0x5a) & 0xff;

function writeU16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  writeU16(into, at, value >>> 16);
  writeU16(into, at + 2, value);
}

const readU16 = (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
const readU32 = (bytes: Uint8Array, at: number) => ((readU16(bytes, at) << 16) | readU16(bytes, at + 2)) >>> 0;

/** Of the size that was encoded last: an agent sends one. */
let template = templateOf(MIN_ECHO_BYTES);
