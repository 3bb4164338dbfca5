// Routes and rules (linux/rtnetlink.h, fib_rules.h). Pure.
import { ipFromBytes } from "../../base/ip.ts";
import { VIEW_LIMITS, type Route, type Rule } from "../../model/node-view.ts";
import { Attributes, viewOf, worded } from "./attributes.ts";
import { SCOPES } from "./links.ts";

export const RTM_GETROUTE = 26;
export const RTM_GETRULE = 34;
export const AF_INET = 2;
export const AF_INET6 = 10;

const RTA = {
  destination: 1,
  outInterface: 4,
  gateway: 5,
  metric: 6,
  source: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
  via: 18,
} as const;
const RTAX_MTU = 2;
/** A route that was made for one destination: what has been learnt of its path MTU, no entry of the table. */
const RTM_F_CLONED = 0x200;
const TABLES: Readonly<Record<number, string>> = { 253: "default", 254: "main", 255: "local" };
const TYPES: Readonly<Record<number, string>> = {
  1: "unicast",
  2: "local",
  3: "broadcast",
  4: "anycast",
  5: "multicast",
  6: "blackhole",
  7: "unreachable",
  8: "prohibit",
  9: "throw",
};
const MAKERS: Readonly<Record<number, string>> = {
  1: "redirect",
  2: "kernel",
  3: "boot",
  4: "static",
  9: "ra",
  11: "zebra",
  12: "bird",
  16: "dhcp",
  186: "bgp",
  188: "ospf",
};

/** Devices by their number: they have names only once all interfaces are read. */
export type RawRoute = Omit<Route, "hops"> & { readonly hops: readonly RawHop[] };
export interface RawHop {
  readonly gateway: string | undefined;
  readonly deviceIndex: number | undefined;
  readonly weight: number | undefined;
}

export function routeRequest(family: number): Uint8Array {
  const body = new Uint8Array(12);
  body[0] = family;
  return body;
}

/** A message of RTM_GETROUTE: struct rtmsg {family, dst_len, src_len, tos, table, protocol, scope, type, flags}. */
export function decodeRoute(body: Uint8Array): RawRoute | undefined {
  if (body.byteLength < 12 || (body[0] !== AF_INET && body[0] !== AF_INET6)) return undefined;
  const view = viewOf(body);
  if ((view.getUint32(8, true) & RTM_F_CLONED) !== 0) return undefined;
  const attributes = new Attributes(body.subarray(12));
  const isIpv4 = body[0] === AF_INET;
  const source = attributes.ip(RTA.source);
  const mtu = attributes.nested(RTA.metrics)?.uint32(RTAX_MTU);
  return {
    family: isIpv4 ? "ipv4" : "ipv6",
    table: worded(TABLES, attributes.uint32(RTA.table) ?? body[4]!),
    type: worded(TYPES, body[7]!),
    destination: `${attributes.ip(RTA.destination) ?? (isIpv4 ? "0.0.0.0" : "::")}/${body[1]}`,
    hops: hopsOf(attributes),
    metric: attributes.uint32(RTA.metric) ?? 0,
    protocol: worded(MAKERS, body[5]!),
    scope: worded(SCOPES, body[6]!),
    ...(source !== undefined && { source }),
    ...(mtu !== undefined && { mtu }),
  };
}

function hopsOf(attributes: Attributes): RawHop[] {
  const multipath = attributes.bytes(RTA.multipath);
  if (multipath === undefined) {
    const hop = { gateway: gatewayOf(attributes), deviceIndex: attributes.uint32(RTA.outInterface), weight: undefined };
    return hop.gateway === undefined && hop.deviceIndex === undefined ? [] : [hop];
  }
  // struct rtnexthop {length, flags, hops, index} and attributes of its own, one after the other.
  const hops: RawHop[] = [];
  const view = viewOf(multipath);
  for (let at = 0; at + 8 <= multipath.byteLength && hops.length < VIEW_LIMITS.hops;) {
    const length = view.getUint16(at, true);
    if (length < 8 || at + length > multipath.byteLength) break;
    const own = new Attributes(multipath.subarray(at + 8, at + length));
    hops.push({
      gateway: gatewayOf(own),
      deviceIndex: view.getInt32(at + 4, true),
      weight: multipath[at + 3]! + 1,
    });
    at += (length + 3) & ~3;
  }
  return hops;
}

/** RTA_VIA: a gateway of the other family, behind two bytes that say which. */
function gatewayOf(attributes: Attributes): string | undefined {
  const via = attributes.bytes(RTA.via);
  if (via === undefined) return attributes.ip(RTA.gateway);
  const address = via.subarray(2);
  return address.byteLength === 4 || address.byteLength === 16 ? ipFromBytes(address).text : undefined;
}

const FRA = {
  destination: 1,
  source: 2,
  inInterface: 3,
  goTo: 4,
  priority: 6,
  mark: 10,
  suppressPrefixLength: 14,
  table: 15,
  markMask: 16,
  outInterface: 17,
  l3mdev: 19,
  protocol: 22,
} as const;
const FIB_RULE_INVERT = 0x2;
const ACTIONS: Readonly<Record<number, string>> = { 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit" };

/** A message of RTM_GETRULE: struct fib_rule_hdr {family, dst_len, src_len, tos, table, –, –, action, flags}. */
export function decodeRule(body: Uint8Array): Rule | undefined {
  if (body.byteLength < 12 || (body[0] !== AF_INET && body[0] !== AF_INET6)) return undefined;
  const attributes = new Attributes(body.subarray(12));
  return {
    family: body[0] === AF_INET ? "ipv4" : "ipv6",
    priority: attributes.uint32(FRA.priority) ?? 0,
    selector: selectorOf(body, attributes),
    action: actionOf(body, attributes),
  };
}

function selectorOf(body: Uint8Array, attributes: Attributes): string {
  const flags = viewOf(body).getUint32(8, true);
  const [from, to] = [attributes.ip(FRA.source), attributes.ip(FRA.destination)];
  const [mark, mask] = [attributes.uint32(FRA.mark), attributes.uint32(FRA.markMask)];
  const [iif, oif] = [attributes.text(FRA.inInterface), attributes.text(FRA.outInterface)];
  const protocol = attributes.uint8(FRA.protocol);
  const parts = [
    ...(from === undefined ? [] : [`from ${from}/${body[2]}`]),
    ...(to === undefined ? [] : [`to ${to}/${body[1]}`]),
    ...(body[3] === 0 ? [] : [`tos 0x${body[3]!.toString(16)}`]),
    ...(mark === undefined || (mark === 0 && (mask ?? 0) === 0)
      ? []
      : [
          `fwmark 0x${mark.toString(16)}${mask === undefined || mask === 0xffff_ffff ? "" : `/0x${mask.toString(16)}`}`,
        ]),
    ...(iif === undefined ? [] : [`iif ${iif}`]),
    ...(oif === undefined ? [] : [`oif ${oif}`]),
    ...(protocol === undefined ? [] : [`ipproto ${protocol}`]),
    ...((attributes.uint8(FRA.l3mdev) ?? 0) === 0 ? [] : ["l3mdev"]),
  ];
  const selector = parts.length === 0 ? "all" : parts.join(" ");
  return (flags & FIB_RULE_INVERT) === 0 ? selector : `not ${selector}`;
}

function actionOf(body: Uint8Array, attributes: Attributes): string {
  const suppressed = attributes.uint32(FRA.suppressPrefixLength);
  switch (body[7]) {
    case 1:
      return `lookup ${worded(TABLES, attributes.uint32(FRA.table) ?? body[4]!)}${
        suppressed === undefined || suppressed === 0xffff_ffff ? "" : ` suppress_prefixlength ${suppressed}`
      }`;
    case 2:
      return `goto ${attributes.uint32(FRA.goTo) ?? "?"}`;
    default:
      return worded(ACTIONS, body[7]!);
  }
}
