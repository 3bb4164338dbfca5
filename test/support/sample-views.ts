// Views of the nodes of a cluster that Flannel laid: node n is 10.88.0.n, has the pods of 10.244.n.0/24 behind cni0 and a
// VXLAN device without learning. As agents would read them, so that a test changes one thing of one node.
import type { Interface, NodeView, Route } from "../../agent/model/node-view.ts";
import type { Node } from "../../agent/model/peer.ts";

type Visible<T> = T extends { visible: boolean } ? Extract<T, { visible: true }> : T;
/** A view of which every list can be seen, to be changed by a test. */
export type SampleView = { [K in keyof NodeView]: Visible<NodeView[K]> };

export const sampleMac = (number: number): string => `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
export const sampleVtep = (number: number): string => `0a:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
const list = <T>(items: T[]) => ({ visible: true as const, items, leftOut: 0 });

const COUNTERS: Interface["counters"] = {
  receivedBytes: 1_000,
  receivedPackets: 10,
  receiveErrors: 0,
  receiveDropped: 0,
  sentBytes: 1_000,
  sentPackets: 10,
  sendErrors: 0,
  sendDropped: 0,
};

const numberOf = ({ name }: Node): number => Number(/\d+$/.exec(name)?.[0] ?? 1);

const route = (destination: string, hop: Route["hops"][number], other: Partial<Route> = {}): Route => ({
  family: "ipv4",
  table: "main",
  type: "unicast",
  destination,
  hops: [hop],
  metric: 0,
  protocol: "boot",
  scope: "global",
  ...other,
});

/** One of `count` nodes, by the number in its name. */
export function sampleView(node: Node, count = 3): SampleView {
  const n = numberOf(node);
  const others = Array.from({ length: count }, (_, i) => i + 1).filter((other) => other !== n);
  const one = (
    index: number,
    name: string,
    kind: string,
    mtu: number,
    hardwareAddress: string,
    address: string,
    prefixLength: number,
  ): Interface => ({
    index,
    name,
    kind,
    up: true,
    state: kind === "vxlan" ? "unknown" : "up",
    mtu,
    hardwareAddress,
    addresses: [{ address, prefixLength, scope: "global", flags: [] }],
    counters: { ...COUNTERS },
  });
  return {
    schemaVersion: 1,
    at: "2026-11-27T09:00:00.000Z",
    node: { name: node.name, zone: node.zone },
    version: "0.1.0",
    namespace: "host",
    interfaces: list<Interface>([
      one(1, "lo", "loopback", 65_536, "00:00:00:00:00:00", "127.0.0.1", 8),
      one(2, "eth0", "", 1_500, sampleMac(n), `10.88.0.${n}`, 24),
      {
        ...one(3, "flannel.1", "vxlan", 1_450, sampleVtep(n), `10.244.${n}.0`, 32),
        tunnel: { id: 1, local: `10.88.0.${n}`, port: 8_472, over: "eth0" },
      },
      one(4, "cni0", "bridge", 1_450, sampleMac(100 + n), `10.244.${n}.1`, 24),
    ]),
    routes: list([
      route("0.0.0.0/0", { gateway: "10.88.0.254", device: "eth0" }),
      route("10.88.0.0/24", { device: "eth0" }, { protocol: "kernel", scope: "link", source: `10.88.0.${n}` }),
      route(`10.244.${n}.0/24`, { device: "cni0" }, { protocol: "kernel", scope: "link", source: `10.244.${n}.1` }),
      ...others.map((other) => route(`10.244.${other}.0/24`, { gateway: `10.244.${other}.0`, device: "flannel.1" })),
    ]),
    rules: list([
      { family: "ipv4" as const, priority: 0, selector: "all", action: "lookup local" },
      { family: "ipv4" as const, priority: 32_766, selector: "all", action: "lookup main" },
    ]),
    neighbours: list(
      others.flatMap((other) => [
        { address: `10.88.0.${other}`, device: "eth0", hardwareAddress: sampleMac(other), state: "reachable" },
        { address: `10.244.${other}.0`, device: "flannel.1", hardwareAddress: sampleVtep(other), state: "permanent" },
      ]),
    ),
    forwarding: list(
      others.map((other) => ({
        hardwareAddress: sampleVtep(other),
        device: "flannel.1",
        to: `10.88.0.${other}`,
        state: "permanent",
      })),
    ),
    neighbourTables: list([
      { family: "ipv4" as const, entries: 20, keeps: 128, tidiesAbove: 512, limit: 1_024, full: 0 },
      { family: "ipv6" as const, entries: 5, keeps: 128, tidiesAbove: 512, limit: 1_024, full: 0 },
    ]),
    sockets: list([
      {
        protocol: "tcp" as const,
        family: "ipv4" as const,
        state: "listen",
        local: { address: "0.0.0.0", port: 10_250 },
        receiveQueue: 0,
        sendQueue: 0,
      },
    ]),
    socketCounts: { "tcp listen": 1, "tcp established": 7 },
    protocols: { visible: true, counters: { "Ip.InReceives": 1_000, "Tcp.RetransSegs": 3 } },
    softnet: { visible: true, processors: 2, processed: 1_000, dropped: 0, squeezed: 0 },
    conntrack: { visible: true, entries: 100, limit: 262_144 },
    resolver: { visible: true, servers: ["10.96.0.10"], search: ["cluster.local"], options: ["ndots:5"] },
    sysctls: { "net.ipv4.ip_forward": "1" },
  };
}

/** The views of `count` nodes named node-1, node-2 …. */
export const sampleViews = (count: number): SampleView[] =>
  Array.from({ length: count }, (_, i) => sampleView({ name: `node-${i + 1}`, zone: "" }, count));
