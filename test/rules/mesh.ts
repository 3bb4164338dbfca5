// The mesh a scenario happens in: nodes, zones, and the slots each agent would export.

export type Network = "pod" | "node";
export type Protocol = "icmp" | "tcp" | "udp";

export interface Slot {
  readonly source: string;
  readonly destination: string;
  readonly sourceZone: string;
  readonly destinationZone: string;
  readonly network: Network;
  readonly protocol: Protocol;
  readonly ipFamily: "ipv4" | "ipv6";
}

export interface MeshShape {
  /** Nodes by zone: `{ a: 3, b: 2 }` gives a1 a2 a3 b1 b2. The zone "" has no name; its nodes are n1, n2, … */
  readonly zones: Readonly<Record<string, number>>;
  /** Peers each node probes; absent: all of them. */
  readonly sampleSize?: number;
  /** TCP and UDP on the node network as well (`hostPort` or `hostNetwork`). */
  readonly hostPort?: boolean;
  /** The node network alone. */
  readonly hostNetwork?: boolean;
  /** Seconds between two probes where they are not the default. */
  readonly intervals?: Readonly<Partial<Record<Protocol, number>>>;
  readonly families?: readonly ("ipv4" | "ipv6")[];
}

export function intervalsOf({ intervals }: MeshShape): Readonly<Record<Protocol, number>> {
  return { icmp: 1, tcp: 5, udp: 5, ...intervals };
}

export interface MeshNode {
  readonly name: string;
  readonly zone: string;
}

export function nodesOf(shape: MeshShape): readonly MeshNode[] {
  return Object.entries(shape.zones).flatMap(([zone, count]) =>
    Array.from({ length: count }, (_, index) => ({ name: `${zone || "n"}${index + 1}`, zone })),
  );
}

export function slotsOf(shape: MeshShape): readonly Slot[] {
  const nodes = nodesOf(shape);
  return nodes.flatMap((source, index) =>
    peersOf({ nodes, index, sampleSize: shape.sampleSize }).flatMap((destination) =>
      (shape.families ?? ["ipv4"]).flatMap((ipFamily) =>
        protocolsOf(shape).map(([network, protocol]) => ({
          source: source.name,
          destination: destination.name,
          sourceZone: source.zone,
          destinationZone: destination.zone,
          network,
          protocol,
          ipFamily,
        })),
      ),
    ),
  );
}

function protocolsOf(shape: MeshShape): readonly (readonly [Network, Protocol])[] {
  if (shape.hostNetwork)
    return [
      ["node", "icmp"],
      ["node", "tcp"],
      ["node", "udp"],
    ];
  return [
    ["pod", "icmp"],
    ["pod", "tcp"],
    ["pod", "udp"],
    ["node", "icmp"],
    ...(shape.hostPort
      ? ([
          ["node", "tcp"],
          ["node", "udp"],
        ] as const)
      : []),
  ];
}

interface PeersOf {
  readonly nodes: readonly MeshNode[];
  readonly index: number;
  readonly sampleSize: number | undefined;
}

/** Sampled: the nodes at distances 1, 3, 6, 10, … around a ring, so that every node is probed by as many as it probes. */
function peersOf({ nodes, index, sampleSize }: PeersOf): readonly MeshNode[] {
  if (sampleSize === undefined || sampleSize >= nodes.length - 1) return nodes.filter((_, other) => other !== index);
  const steps = Array.from(
    { length: sampleSize },
    (_, step) => 1 + Math.floor((step * (nodes.length - 1)) / sampleSize),
  );
  return steps.map((step) => nodes[(index + step) % nodes.length]!);
}
