// What a lab will be made of: names and addresses, worked out before anything is touched. Pure.
// Every lab has the same addresses: nothing of it is in the machine's own namespace, so two labs never meet.
import type { Node } from "../agent/model/peer.ts";

export const VXLAN_PORT = 8472;
export const UNDERLAY_MTU = 1500;
/** The underlay's MTU minus what VXLAN over IPv4 puts in front: 20 IP + 8 UDP + 8 VXLAN + 14 Ethernet. */
export const OVERLAY_MTU = UNDERLAY_MTU - 50;
/** Every pod address is in here. */
export const POD_CIDR = { ipv4: "10.244.0.0/16", ipv6: "fd00:10:244::/48" } as const;
/** Where every pod reaches the Service with all agents behind it; no machine has these addresses. */
export const SERVICE_ADDRESSES = { ipv4: "10.96.0.7", ipv6: "fd00:10:96::7" } as const;
/** An underlay of one /24, whose last octet is the node's number. */
export const MAX_NODES = 250;
export const MAX_ZONES = 26;
export const MAX_PATHS = 8;

export interface LabShape {
  readonly nodes: number;
  readonly zones: number;
  readonly ipv6: boolean;
  /** Equal ways through the underlay, one for each flow. 1: all nodes are on one switch, with nothing between them. */
  readonly paths?: number;
  /** A DNS server beside the nodes. */
  readonly dns?: boolean;
}

/** One node of a lab: the namespace of the machine, and behind it that of its one pod. */
export interface LabNode extends Node {
  /** 1, 2, 3 … : last octet of its underlay address and third of its pod CIDR. */
  readonly number: number;
  readonly nodeNamespace: string;
  readonly podNamespace: string;
  /** Its port on the underlay's bridge. */
  readonly port: string;
  /** Primary first. */
  readonly nodeAddresses: readonly string[];
  readonly podAddresses: readonly string[];
}

/** What else is on the underlay's bridge. */
export interface LabHost {
  readonly namespace: string;
  /** Its port on the bridge. */
  readonly port: string;
  readonly mac: string;
}

export interface LabRouter extends LabHost {
  readonly name: string;
  /** As a node's. */
  readonly addresses: readonly string[];
}

/** What is between nodes that have several equal ways to each other. */
export interface LabPaths {
  /** Every node's way to the others: it spreads flows over the paths by their addresses and ports. */
  readonly leaf: LabRouter;
  /** Each leads to all nodes. */
  readonly paths: readonly LabRouter[];
}

export interface LabPlan {
  readonly id: string;
  readonly ipv6: boolean;
  /** Namespace of the underlay: the cables and the switch between the nodes. */
  readonly fabric: string;
  readonly nodes: readonly LabNode[];
  /** Where its DNS server runs. */
  readonly dns: LabHost | undefined;
  /** Undefined when there is one way only. */
  readonly paths: LabPaths | undefined;
}

/** What all of a lab's names begin with. Two labs differ in the id. */
export const LAB_PREFIX = "inode-";

/** Whether a network namespace, or a control group, is a part of this lab, by its name. */
export const isOfLab = (name: string, labId: string): boolean => name.startsWith(`${LAB_PREFIX}${labId}-`);
export const LAB_ID = /^[0-9a-f]{6}$/;

export function planLab(id: string, { nodes, zones, ipv6, paths = 1, dns = false }: LabShape): LabPlan {
  if (!Number.isInteger(nodes) || nodes < 2 || nodes > MAX_NODES)
    throw new RangeError(`a lab has 2 to ${MAX_NODES} nodes, not ${nodes}`);
  if (!Number.isInteger(zones) || zones < 1 || zones > Math.min(nodes, MAX_ZONES)) {
    throw new RangeError(`a lab of ${nodes} nodes has 1 to ${Math.min(nodes, MAX_ZONES)} zones, not ${zones}`);
  }
  if (!Number.isInteger(paths) || paths < 1 || paths > MAX_PATHS)
    throw new RangeError(`a lab has 1 to ${MAX_PATHS} equal paths, not ${paths}`);
  return {
    id,
    ipv6,
    fabric: `${LAB_PREFIX}${id}-fabric`,
    nodes: Array.from({ length: nodes }, (_, i) =>
      planNode({ id, ipv6, number: i + 1, zone: Math.floor((i * zones) / nodes) }),
    ),
    dns: dns ? { namespace: `${LAB_PREFIX}${id}-dns`, port: "dns", mac: "02:00:00:00:03:01" } : undefined,
    paths: paths === 1 ? undefined : planPaths({ id, ipv6, paths }),
  };
}

function planPaths({ id, ipv6, paths }: { id: string; ipv6: boolean; paths: number }): LabPaths {
  const router = (name: string, number: number): LabRouter => ({
    name,
    namespace: `${LAB_PREFIX}${id}-${name}`,
    port: name,
    mac: `02:00:00:00:02:${hexByte(number)}`,
    addresses: [`10.10.1.${number}`, ...(ipv6 ? [`fd00:10:10:1::${number.toString(16)}`] : [])],
  });
  return {
    leaf: router("leaf", MAX_PATHS + 1),
    paths: Array.from({ length: paths }, (_, i) => router(`path-${i + 1}`, i + 1)),
  };
}

function planNode({ id, ipv6, number, zone }: { id: string; ipv6: boolean; number: number; zone: number }): LabNode {
  return {
    name: `node-${number}`,
    zone: zoneName(zone),
    number,
    nodeNamespace: `${LAB_PREFIX}${id}-node-${number}`,
    podNamespace: `${LAB_PREFIX}${id}-pod-${number}`,
    port: `port-${number}`,
    nodeAddresses: [`10.10.0.${number}`, ...(ipv6 ? [`fd00:10:10::${number.toString(16)}`] : [])],
    podAddresses: [`${podSubnet(number)}.2`, ...(ipv6 ? [`${podSubnet6(number)}::2`] : [])],
  };
}

export const zoneName = (index: number): string => `zone-${String.fromCodePoint(97 + index)}`;

/** First three octets of a node's pod CIDR, a /24. */
export const podSubnet = (number: number): string => `10.244.${number}`;
/** First four groups of a node's pod CIDR, a /64. */
export const podSubnet6 = (number: number): string => `fd00:10:244:${number.toString(16)}`;
/** Where nodes are, and where routers between them are. */
export const UNDERLAY = { ipv4: "10.10.0.0/24", ipv6: "fd00:10:10::/64" } as const;
export const ROUTERS = { ipv4: "10.10.1.0/24", ipv6: "fd00:10:10:1::/64" } as const;
export const underlayMac = (number: number): string => `02:00:00:00:00:${hexByte(number)}`;
export const vtepMac = (number: number): string => `02:00:00:00:01:${hexByte(number)}`;
const hexByte = (n: number): string => n.toString(16).padStart(2, "0");
