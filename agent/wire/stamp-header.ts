// Octet layouts of STAMP test packets: RFC 8762 §4.2.1 (sender) and §4.3.1 (reflector), unauthenticated, 44 octets;
// §4.2.2 and §4.3.2, authenticated, 112 octets; the SSID of RFC 8972 §3. Pure.
import { createHmac, timingSafeEqual } from "node:crypto";
import { writeNtp } from "./ntp.ts";

/** Where each field begins. `session*` is what a reflector copies from the sender's packet. */
export interface StampLayout {
  readonly bytes: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly errorEstimate: number;
  readonly ssid: number;
  readonly receiveTimestamp: number;
  readonly sessionSequence: number;
  readonly sessionTimestamp: number;
  readonly sessionErrorEstimate: number;
  readonly sessionTtl: number;
}

export const UNAUTHENTICATED: StampLayout = {
  bytes: 44,
  sequence: 0,
  timestamp: 4,
  errorEstimate: 12,
  ssid: 14,
  receiveTimestamp: 16,
  sessionSequence: 24,
  sessionTimestamp: 28,
  sessionErrorEstimate: 36,
  sessionTtl: 40,
};

export const AUTHENTICATED: StampLayout = {
  bytes: 112,
  sequence: 0,
  timestamp: 16,
  errorEstimate: 24,
  ssid: 26,
  receiveTimestamp: 32,
  sessionSequence: 48,
  sessionTimestamp: 64,
  sessionErrorEstimate: 72,
  sessionTtl: 80,
};

/** RFC 8762 §4.4: HMAC-SHA-256 over the first 96 octets, truncated to 128 bits, in the last 16. */
export const HMAC_OFFSET = 96;
export const HMAC_BYTES = 16;

/**
 * RFC 4656 §4.1.2: S = 0 (no external synchronization is claimed), Z = 0 (NTP format), Scale 32, Multiplier 1:
 * an error of about a second. Nothing of ours subtracts the clocks of two machines.
 */
const ERROR_ESTIMATE = (32 << 8) | 1;

export interface SenderHeader {
  readonly sequence: number;
  readonly ssid: number;
  /** Nanoseconds since `baseSeconds`. */
  readonly sentNs: number;
  readonly baseSeconds: number;
}

/** Writes all but the HMAC; every octet that must be zero is. */
export function writeSenderHeader(view: DataView, layout: StampLayout, header: SenderHeader): void {
  clear(view, layout);
  view.setUint32(layout.sequence, header.sequence);
  writeNtp(view, layout.timestamp, { ns: header.sentNs, baseSeconds: header.baseSeconds });
  view.setUint16(layout.errorEstimate, ERROR_ESTIMATE);
  view.setUint16(layout.ssid, header.ssid);
}

export interface ReflectorHeader {
  /** The reflector's own count of replies in this session: it is stateful (RFC 8762 §4.3). */
  readonly sequence: number;
  /** Nanoseconds since `baseSeconds`. */
  readonly receivedNs: number;
  readonly baseSeconds: number;
  /** TTL or hop limit of the request; 255 when it could not be read (RFC 8762 §4.3). */
  readonly ttl: number;
}

/** Writes all but the transmit timestamp and the HMAC. `request` is a sender's packet of the same layout. */
export function writeReflectorHeader(
  view: DataView,
  layout: StampLayout,
  header: ReflectorHeader & { readonly request: DataView },
): void {
  const { request } = header;
  clear(view, layout);
  view.setUint32(layout.sequence, header.sequence);
  view.setUint16(layout.errorEstimate, ERROR_ESTIMATE);
  view.setUint16(layout.ssid, request.getUint16(layout.ssid));
  writeNtp(view, layout.receiveTimestamp, { ns: header.receivedNs, baseSeconds: header.baseSeconds });
  view.setUint32(layout.sessionSequence, request.getUint32(layout.sequence));
  view.setUint32(layout.sessionTimestamp, request.getUint32(layout.timestamp));
  view.setUint32(layout.sessionTimestamp + 4, request.getUint32(layout.timestamp + 4));
  view.setUint16(layout.sessionErrorEstimate, request.getUint16(layout.errorEstimate));
  view.setUint8(layout.sessionTtl, header.ttl);
}

/** 128 bits of HMAC-SHA-256 over the pieces in order. */
export function truncatedHmac(key: Uint8Array, ...pieces: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const piece of pieces) hmac.update(piece);
  return hmac.digest().subarray(0, HMAC_BYTES);
}

export function sameHmac(actual: Uint8Array, expected: Uint8Array): boolean {
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function clear(view: DataView, layout: StampLayout): void {
  for (let at = 0; at < layout.bytes; at += 4) view.setUint32(at, 0);
}
