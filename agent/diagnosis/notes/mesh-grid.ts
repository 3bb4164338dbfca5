// A snapshot as typed arrays, cell by cell: what the matrix, the table and the headline read. Pure.
import { formatSpan } from "../../base/span.ts";
import type { IpFamily, Network, Node, Protocol } from "../../model/peer.ts";
import type { MissingRow, Relayed, Row, Snapshot } from "../../model/snapshot.ts";

/** What can be looked at separately: a network, a protocol and a family that some pair is probed on. */
export interface Path {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
}

/** Neighbouring nodes of one zone: indexes `from` … `to`−1. */
export interface ZoneSpan {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** The window of one slot. Delays are NaN where there are none. */
export interface Reading {
  readonly probes: number;
  readonly failures: number;
  readonly refusals: number;
  readonly retransmits: number;
  readonly lostForward: number;
  readonly lostReverse: number;
  readonly rttMeanNs: number;
  readonly rttMaxNs: number;
  readonly jitterNs: number;
}

const FIELDS = [
  "probes",
  "failures",
  "refusals",
  "retransmits",
  "lostForward",
  "lostReverse",
  "rttMeanNs",
  "rttMaxNs",
  "jitterNs",
] as const;
const NETWORK_ORDER: readonly Network[] = ["pod", "node"];

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const pathKey = ({ network, protocol, family }: Path): string => `${network}-${protocol}-${family}`;

export class MeshGrid {
  readonly snapshot: Snapshot;
  readonly nodes: readonly Node[];
  readonly zones: readonly ZoneSpan[];
  readonly paths: readonly Path[];
  /** What people call each path. */
  readonly pathNames: readonly string[];
  /** The time that is told of: "the last minute", or a stretch of the past. */
  readonly time: string;
  /** By node name: why there is no row, and what one relay alone says of it. */
  readonly missing: ReadonlyMap<string, MissingRow>;
  /** By node name: rows that came by way of others. */
  readonly relayed: ReadonlyMap<string, Relayed>;
  readonly #values: Float64Array;
  readonly #rows: ReadonlyMap<string, Row>;

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
    this.nodes = snapshot.nodes;
    this.time = snapshot.span ? `the time from ${formatSpan(snapshot.span)}` : "the last minute";
    this.zones = zoneSpans(snapshot.nodes);
    this.missing = new Map(snapshot.missing.map((row) => [row.node.name, row]));
    this.relayed = new Map((snapshot.relayed ?? []).map((row) => [row.node.name, row]));
    this.#rows = new Map(snapshot.rows.map((row) => [row.source.name, row]));
    this.paths = pathsOf(snapshot);
    this.pathNames = this.paths.map((path) => pathName(path, this.paths));
    this.#values = fill(snapshot, this.paths);
  }

  row(node: string): Row | undefined {
    return this.#rows.get(node);
  }

  /** Why a pair has no reading on a path, in words, as its source tells. */
  whyUnprobed(network: Network, from: number, to: number): string {
    const row = this.row(this.nodes[from]!.name);
    const { name } = this.nodes[to]!;
    const why = (row?.unprobed ?? []).find(
      (peer) => peer.destination.name === name && (peer.network === undefined || peer.network === network),
    );
    if (why !== undefined) return `${this.nodes[from]!.name} does not probe it here: ${why.text}`;
    if (row?.extent?.isFullMesh === false) return "a mesh as large as this leaves the pair to other nodes";
    return "this pair is not probed here";
  }

  /** Undefined when this pair is not probed on this path, as far as is known. */
  reading(path: number, from: number, to: number): Reading | undefined {
    const at = ((path * this.nodes.length + from) * this.nodes.length + to) * FIELDS.length;
    const v = this.#values;
    if (Number.isNaN(v[at])) return undefined;
    return {
      probes: v[at]!,
      failures: v[at + 1]!,
      refusals: v[at + 2]!,
      retransmits: v[at + 3]!,
      lostForward: v[at + 4]!,
      lostReverse: v[at + 5]!,
      rttMeanNs: v[at + 6]!,
      rttMaxNs: v[at + 7]!,
      jitterNs: v[at + 8]!,
    };
  }
}

function fill(snapshot: Snapshot, paths: readonly Path[]): Float64Array {
  const n = snapshot.nodes.length;
  const values = new Float64Array(paths.length * n * n * FIELDS.length).fill(Number.NaN);
  const nodeIndex = new Map(snapshot.nodes.map(({ name }, i) => [name, i]));
  const pathIndex = new Map(paths.map((path, i) => [pathKey(path), i]));
  for (const row of snapshot.rows) {
    const from = nodeIndex.get(row.source.name);
    if (from === undefined) continue;
    for (const pair of row.pairs) {
      // A peer that this row knows and the mesh does not (yet) has no column.
      const to = nodeIndex.get(pair.destination.name);
      if (to === undefined) continue;
      const at = ((pathIndex.get(pathKey(pair))! * n + from) * n + to) * FIELDS.length;
      for (const [i, field] of FIELDS.entries()) values[at + i] = pair.window[field] ?? Number.NaN;
    }
  }
  return values;
}

function pathsOf(snapshot: Snapshot): Path[] {
  const paths = new Map<string, Path>();
  for (const { pairs } of snapshot.rows) {
    for (const { network, protocol, family } of pairs)
      paths.set(`${network}-${protocol}-${family}`, { network, protocol, family });
  }
  // Protocols by name, as their table has them.
  return [...paths.values()].sort(
    (a, b) =>
      NETWORK_ORDER.indexOf(a.network) - NETWORK_ORDER.indexOf(b.network) ||
      compareText(a.protocol, b.protocol) ||
      compareText(a.family, b.family),
  );
}

function zoneSpans(nodes: readonly Node[]): ZoneSpan[] {
  const spans: ZoneSpan[] = [];
  for (let from = 0; from < nodes.length;) {
    const name = nodes[from]!.zone;
    let to = from + 1;
    while (to < nodes.length && nodes[to]!.zone === name) to++;
    spans.push({ name, from, to });
    from = to;
  }
  return spans;
}

const FAMILY_NAMES: Readonly<Record<IpFamily, string>> = { ipv4: "IPv4", ipv6: "IPv6" };

/** "Pod ICMP", with the family only where both are probed. */
export function pathName({ network, protocol, family }: Path, paths: readonly Path[]): string {
  const name = `${network === "pod" ? "Pod" : "Node"} ${protocol.toUpperCase()}`;
  return new Set(paths.map((p) => p.family)).size > 1 ? `${name} ${FAMILY_NAMES[family]}` : name;
}
