// Neighbours, forwarding entries of bridges and tunnels, and the limits of the neighbour tables (linux/neighbour.h).
// Pure.
import type { NeighbourTable } from "../../model/node-view.ts";
import { Attributes, viewOf } from "./attributes.ts";
import { AF_INET, AF_INET6 } from "./routes.ts";

export const RTM_GETNEIGH = 30;
export const RTM_GETNEIGHTBL = 66;
export const AF_BRIDGE = 7;

const NDA = { destination: 1, hardwareAddress: 2, vlan: 5 } as const;
const NOARP = 0x40;
const PERMANENT = 0x80;
const STATES: readonly (readonly [number, string])[] = [
  [0x01, "incomplete"],
  [0x02, "reachable"],
  [0x04, "stale"],
  [0x08, "delay"],
  [0x10, "probe"],
  [0x20, "failed"],
  [NOARP, "noarp"],
  [PERMANENT, "permanent"],
];

export interface RawNeighbour {
  readonly address: string;
  readonly deviceIndex: number;
  readonly hardwareAddress: string | undefined;
  readonly state: string;
}

export function neighbourRequest(family: number): Uint8Array {
  const body = new Uint8Array(12);
  body[0] = family;
  return body;
}

/** A message of RTM_GETNEIGH: struct ndmsg {family, –, –, index, state, flags, type}. Undefined for what `ip` hides too. */
export function decodeNeighbour(body: Uint8Array): RawNeighbour | undefined {
  if (body.byteLength < 12 || (body[0] !== AF_INET && body[0] !== AF_INET6)) return undefined;
  const view = viewOf(body);
  const state = view.getUint16(8, true);
  const attributes = new Attributes(body.subarray(12));
  const address = attributes.ip(NDA.destination);
  // Multicast and loopback, which need no address of hardware; and entries that nobody has looked up yet.
  if (address === undefined || state === 0 || (state & NOARP) !== 0) return undefined;
  return {
    address,
    deviceIndex: view.getInt32(4, true),
    hardwareAddress: attributes.hardwareAddress(NDA.hardwareAddress),
    state: STATES.find(([bit]) => (state & bit) !== 0)?.[1] ?? String(state),
  };
}

export interface RawForwarding {
  readonly hardwareAddress: string;
  readonly deviceIndex: number;
  readonly to: string | undefined;
  readonly vlan: number | undefined;
  readonly state: string;
}

/** The same message for AF_BRIDGE. Group addresses, which every bridge has, are left out. */
export function decodeForwarding(body: Uint8Array): RawForwarding | undefined {
  if (body.byteLength < 12 || body[0] !== AF_BRIDGE) return undefined;
  const view = viewOf(body);
  const attributes = new Attributes(body.subarray(12));
  const bytes = attributes.bytes(NDA.hardwareAddress);
  if (bytes === undefined || bytes.byteLength !== 6 || (bytes[0]! & 1) !== 0) return undefined;
  const state = view.getUint16(8, true);
  return {
    hardwareAddress: attributes.hardwareAddress(NDA.hardwareAddress)!,
    deviceIndex: view.getInt32(4, true),
    to: attributes.ip(NDA.destination),
    vlan: attributes.uint16(NDA.vlan),
    state: (state & PERMANENT) !== 0 ? "permanent" : (state & NOARP) !== 0 ? "static" : "learned",
  };
}

const NDTA = { name: 1, threshold1: 2, threshold2: 3, threshold3: 4, config: 5, stats: 7 } as const;

export const tableRequest = (): Uint8Array => new Uint8Array(4);

/** A message of RTM_GETNEIGHTBL: struct ndtmsg {family}. Undefined for those of one interface. */
export function decodeTable(body: Uint8Array): NeighbourTable | undefined {
  if (body.byteLength < 4 || (body[0] !== AF_INET && body[0] !== AF_INET6)) return undefined;
  const attributes = new Attributes(body.subarray(4));
  const config = attributes.bytes(NDTA.config);
  const limit = attributes.uint32(NDTA.threshold3);
  // struct ndt_config {u16 key_len, u16 entry_size, u32 entries …}
  if (config === undefined || config.byteLength < 8 || limit === undefined) return undefined;
  const stats = attributes.bytes(NDTA.stats);
  return {
    family: body[0] === AF_INET ? "ipv4" : "ipv6",
    entries: viewOf(config).getUint32(4, true),
    keeps: attributes.uint32(NDTA.threshold1) ?? 0,
    tidiesAbove: attributes.uint32(NDTA.threshold2) ?? 0,
    limit,
    // struct ndt_stats: 64-bit counts; the eleventh is of table_fulls.
    full: stats && stats.byteLength >= 88 ? Number(viewOf(stats).getBigUint64(80, true)) : 0,
  };
}
