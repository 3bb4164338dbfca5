// /api/v1/node: what the kernel of a node says of one network namespace, the agent's pod's or the host's. The schema is
// the promise: what is not in it is not served, and what a newer agent says besides is not read.
import * as z from "zod";

/** How much of each list is told; the rest is counted. A whole view is below 4 MB. */
export const VIEW_LIMITS = {
  interfaces: 1_024,
  addresses: 32,
  routes: 4_096,
  hops: 64,
  rules: 512,
  neighbours: 4_096,
  forwarding: 4_096,
  sockets: 2_048,
  counters: 512,
} as const;

const count = z.number().min(0);
const size = z.int().min(0);
const word = z.string().max(64);
/** An interface's name: 15 bytes of the kernel, anything but '/' and white space. */
const device = z.string().max(64);
const address = z.union([z.ipv4(), z.ipv6()]);
const range = z.union([z.cidrv4(), z.cidrv6()]);
const hardware = z.string().max(96);
const reason = z.string().max(300);

/** `notVisible`: an agent without rights cannot see it, or this kernel does not have it; never an empty list. */
const notVisible = z.object({ visible: z.literal(false), reason });
const listOf = <T extends z.ZodType>(item: T, most: number) =>
  z.discriminatedUnion("visible", [
    /** `leftOut`: how many more there are. */
    z.object({ visible: z.literal(true), items: z.array(item).max(most), leftOut: size }),
    notVisible,
  ]);
const seen = <T extends z.ZodRawShape>(shape: T) =>
  z.discriminatedUnion("visible", [z.object({ visible: z.literal(true), ...shape }), notVisible]);

const interfaceSchema = z.object({
  index: size,
  name: device,
  /** `veth`, `bridge`, `vxlan`, `loopback` …; empty for hardware. */
  kind: word,
  /** Switched on. */
  up: z.boolean(),
  /** `up`, `down`, `lowerlayerdown`, `unknown` … (RFC 2863). */
  state: word,
  mtu: size,
  hardwareAddress: hardware.optional(),
  /** The bridge or bond that it is part of. */
  master: device.optional(),
  addresses: z
    .array(z.object({ address, prefixLength: size, scope: word, flags: z.array(word).max(8) }))
    .max(VIEW_LIMITS.addresses),
  tunnel: z
    .object({
      /** VXLAN's network identifier. */
      id: size.optional(),
      local: address.optional(),
      remote: address.optional(),
      port: size.optional(),
      /** What it goes out of. */
      over: device.optional(),
    })
    .optional(),
  /** Since the interface is there. */
  counters: z.object({
    receivedBytes: count,
    receivedPackets: count,
    receiveErrors: count,
    receiveDropped: count,
    sentBytes: count,
    sentPackets: count,
    sendErrors: count,
    sendDropped: count,
    /** Packets that the queue in front of it (tc) threw away; absent where it has none, and from older agents. */
    queueDropped: count.optional(),
  }),
});
export type Interface = z.infer<typeof interfaceSchema>;

const family = z.enum(["ipv4", "ipv6"]);
const hopSchema = z.object({ gateway: address.optional(), device: device.optional(), weight: size.optional() });
const routeSchema = z.object({
  family,
  /** `main`, `local`, `default`, or a number. */
  table: word,
  /** `unicast`, `local`, `blackhole` … */
  type: word,
  destination: range,
  /** More than one: equal paths. */
  hops: z.array(hopSchema).max(VIEW_LIMITS.hops),
  metric: size,
  /** Who made it: `kernel`, `static`, `bird` …, or a number. */
  protocol: word,
  scope: word,
  source: address.optional(),
  mtu: size.optional(),
});
export type Route = z.infer<typeof routeSchema>;

const ruleSchema = z.object({
  family,
  priority: size,
  /** What it applies to: `from 10.0.0.0/8 fwmark 0x1/0xff`; `all`. */
  selector: z.string().max(300),
  /** `lookup main`, `prohibit` … */
  action: word,
});
export type Rule = z.infer<typeof ruleSchema>;

const neighbourSchema = z.object({
  address,
  device,
  hardwareAddress: hardware.optional(),
  /** `reachable`, `stale`, `failed`, `permanent` … */
  state: word,
});
export type Neighbour = z.infer<typeof neighbourSchema>;

const forwardingSchema = z.object({
  hardwareAddress: hardware,
  device,
  /** The far end of a tunnel. */
  to: address.optional(),
  vlan: size.optional(),
  /** `permanent`, `static`, `learned`. */
  state: word,
});
export type ForwardingEntry = z.infer<typeof forwardingSchema>;

const neighbourTableSchema = z.object({
  family,
  /** Of all network namespaces of the machine together. */
  entries: size,
  /** gc_thresh1, 2 and 3: above the last nothing new is learnt. */
  keeps: size,
  tidiesAbove: size,
  limit: size,
  /** How often it was full since the machine started. */
  full: count,
});
export type NeighbourTable = z.infer<typeof neighbourTableSchema>;

const socketSchema = z.object({
  protocol: z.enum(["tcp", "udp"]),
  family,
  /** `listen`, `established` …; UDP: `open` or `connected`. */
  state: word,
  local: z.object({ address, port: size }),
  remote: z.object({ address, port: size }).optional(),
  /** Bytes that wait. A listening socket: connections to be accepted. */
  receiveQueue: count,
  sendQueue: count,
  /** UDP: packets thrown away because the buffer was full. */
  drops: count.optional(),
});
export type Socket = z.infer<typeof socketSchema>;

const named = z.record(z.string().max(64), count).refine((all) => Object.keys(all).length <= VIEW_LIMITS.counters);

export const nodeViewSchema = z.object({
  schemaVersion: z.literal(1),
  /** RFC 3339, this node's own clock. */
  at: z.iso.datetime({ offset: true }),
  node: z.object({ name: z.string().min(1).max(253), zone: z.string().max(253) }),
  version: word,
  namespace: z.enum(["pod", "host"]),
  interfaces: listOf(interfaceSchema, VIEW_LIMITS.interfaces),
  routes: listOf(routeSchema, VIEW_LIMITS.routes),
  rules: listOf(ruleSchema, VIEW_LIMITS.rules),
  neighbours: listOf(neighbourSchema, VIEW_LIMITS.neighbours),
  forwarding: listOf(forwardingSchema, VIEW_LIMITS.forwarding),
  neighbourTables: listOf(neighbourTableSchema, 4),
  sockets: listOf(socketSchema, VIEW_LIMITS.sockets),
  /** How many sockets are in which state, `tcp listen`, `udp open`; of those that were read. */
  socketCounts: named,
  /** /proc/net/snmp, netstat and snmp6 by their own names, `Tcp.RetransSegs`; what is 0 is left out. */
  protocols: seen({ counters: named }),
  /** Of all processors of the machine together. */
  softnet: seen({ processors: size, processed: count, dropped: count, squeezed: count }),
  conntrack: seen({ entries: count, limit: count }),
  resolver: seen({
    servers: z.array(z.string().max(64)).max(16),
    search: z.array(z.string().max(256)).max(32),
    options: z.array(word).max(32),
  }),
  /** `net.ipv4.ip_forward` → "1"; one that this namespace does not have is left out. */
  sysctls: z.record(z.string().max(100), z.string().max(64)),
});

export type NodeView = z.infer<typeof nodeViewSchema>;
export type NotVisible = z.infer<typeof notVisible>;
export type ListOf<T> = { visible: true; items: T[]; leftOut: number } | NotVisible;
export type Namespace = NodeView["namespace"];

/** What of a list could be seen; nothing where nothing could, which the reader must have told before. */
export const itemsOf = <T>(list: ListOf<T>): readonly T[] => (list.visible ? list.items : []);
