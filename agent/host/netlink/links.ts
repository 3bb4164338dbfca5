// Interfaces and their addresses (linux/if_link.h, if_addr.h). Pure.
import type { Interface } from "../../model/node-view.ts";
import { Attributes, viewOf, worded } from "./attributes.ts";

export const RTM_GETLINK = 18;
export const RTM_GETADDR = 22;

const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  operState: 16,
  linkInfo: 18,
  stats64: 23,
  linkNetns: 37,
} as const;
const LINK_INFO = { kind: 1, data: 2 } as const;
const VXLAN = { id: 1, group: 2, link: 3, local: 4, port: 15, group6: 16, local6: 17 } as const;
/** IPIP and SIT; GRE has its own numbers. */
const IP_TUNNEL = { link: 1, local: 2, remote: 3 } as const;
const GRE = { link: 1, local: 6, remote: 7 } as const;
const IFA = { address: 1, local: 2, flags: 8 } as const;
const IFF_UP = 0x1;
const ARPHRD_LOOPBACK = 772;
/** RFC 2863. */
const OPER_STATES = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];
export const SCOPES: Readonly<Record<number, string>> = { 0: "global", 200: "site", 253: "link", 254: "host" };
const ADDRESS_FLAGS: readonly (readonly [number, string])[] = [
  [0x01, "secondary"],
  [0x08, "dadfailed"],
  [0x20, "deprecated"],
  [0x40, "tentative"],
];

/** An interface as the kernel tells it: others by their number, for which a name comes later. */
export type RawLink = Omit<Interface, "master" | "addresses" | "tunnel"> & {
  readonly masterIndex: number | undefined;
  readonly tunnel:
    (Omit<NonNullable<Interface["tunnel"]>, "over"> & { readonly overIndex: number | undefined }) | undefined;
};

export const linkRequest = (): Uint8Array => new Uint8Array(16);

/** A message of RTM_GETLINK: struct ifinfomsg {family, type, index, flags, change} and attributes. */
export function decodeLink(body: Uint8Array): RawLink | undefined {
  if (body.byteLength < 16) return undefined;
  const view = viewOf(body);
  const attributes = new Attributes(body.subarray(16));
  const name = attributes.text(IFLA.name);
  if (name === undefined) return undefined;
  const info = attributes.nested(IFLA.linkInfo);
  const kind = info?.text(LINK_INFO.kind) ?? (view.getUint16(2, true) === ARPHRD_LOOPBACK ? "loopback" : "");
  const hardwareAddress = attributes.hardwareAddress(IFLA.address);
  // Of an interface whose other end is elsewhere this is a number of there.
  const link = attributes.has(IFLA.linkNetns) ? undefined : attributes.uint32(IFLA.link);
  return {
    index: view.getInt32(4, true),
    name,
    kind,
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    state: OPER_STATES[attributes.uint8(IFLA.operState) ?? 0] ?? "unknown",
    mtu: attributes.uint32(IFLA.mtu) ?? 0,
    ...(hardwareAddress !== undefined && { hardwareAddress }),
    masterIndex: attributes.uint32(IFLA.master),
    tunnel: tunnelOf(kind, info?.nested(LINK_INFO.data), link),
    counters: countersOf(attributes.bytes(IFLA.stats64)),
  };
}

function tunnelOf(kind: string, data: Attributes | undefined, link: number | undefined): RawLink["tunnel"] {
  if (data === undefined) return undefined;
  const only = <T extends object>(found: T): T =>
    Object.fromEntries(Object.entries(found).filter(([, v]) => v !== undefined)) as T;
  const isSet = (ip: string | undefined) => (ip === "0.0.0.0" || ip === "::" ? undefined : ip);
  switch (kind) {
    case "vxlan":
      return {
        ...only({
          id: data.uint32(VXLAN.id),
          local: isSet(data.ip(VXLAN.local) ?? data.ip(VXLAN.local6)),
          remote: isSet(data.ip(VXLAN.group) ?? data.ip(VXLAN.group6)),
          port: data.port(VXLAN.port),
        }),
        overIndex: data.uint32(VXLAN.link) ?? link,
      };
    case "ipip":
    case "sit":
    case "gre":
    case "gretap": {
      const own = kind === "ipip" || kind === "sit" ? IP_TUNNEL : GRE;
      return {
        ...only({ local: isSet(data.ip(own.local)), remote: isSet(data.ip(own.remote)) }),
        overIndex: data.uint32(own.link) ?? link,
      };
    }
    default:
      return undefined;
  }
}

/** struct rtnl_link_stats64: 64-bit counts, of which these are the first eight. */
function countersOf(bytes: Uint8Array | undefined): Interface["counters"] {
  const view = bytes && viewOf(bytes);
  const at = (i: number): number => (view && view.byteLength >= i * 8 + 8 ? Number(view.getBigUint64(i * 8, true)) : 0);
  return {
    receivedPackets: at(0),
    sentPackets: at(1),
    receivedBytes: at(2),
    sentBytes: at(3),
    receiveErrors: at(4),
    sendErrors: at(5),
    receiveDropped: at(6),
    sendDropped: at(7),
  };
}

export const addressRequest = (): Uint8Array => new Uint8Array(8);

/** A message of RTM_GETADDR: struct ifaddrmsg {family, prefixlen, flags, scope, index} and attributes. */
export function decodeAddress(
  body: Uint8Array,
): { readonly index: number; readonly address: Interface["addresses"][number] } | undefined {
  if (body.byteLength < 8) return undefined;
  const view = viewOf(body);
  const attributes = new Attributes(body.subarray(8));
  const address = attributes.ip(IFA.local) ?? attributes.ip(IFA.address);
  if (address === undefined) return undefined;
  const flags = attributes.uint32(IFA.flags) ?? body[2]!;
  return {
    index: view.getUint32(4, true),
    address: {
      address,
      prefixLength: body[1]!,
      scope: worded(SCOPES, body[3]!),
      flags: ADDRESS_FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word),
    },
  };
}
