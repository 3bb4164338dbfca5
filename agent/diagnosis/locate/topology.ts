// The graph that losses are laid on: an edge for every two nodes between which anything is measured, whichever of
// the two measures it. A lost round trip says nothing of the direction, so blame is found on edges and the direction
// afterwards, from UDP.
import type { Steps } from "../../base/slices.ts";
import type { NodeEvidence, PairList } from "../evidence/evidence.ts";
import { STEP } from "../evidence/path-history.ts";
import { EdgeArrays } from "./edge-arrays.ts";

export interface Topology {
  readonly nodes: number;
  readonly edges: number;
  /** Every edge. */
  readonly all: Uint32Array;
  /** For what a judgement reckons. */
  readonly arrays: EdgeArrays;
  /** Ends of each edge, `low < high`, and the ordered pairs low → high and high → low, or -1. */
  readonly low: Uint16Array;
  readonly high: Uint16Array;
  readonly there: Int32Array;
  readonly back: Int32Array;
  /** Edges of node `v`: `incident[start[v]]` to `incident[start[v + 1] - 1]`. */
  readonly start: Uint32Array;
  readonly incident: Uint32Array;
  /** Zone of each node, or -1: nameless, or of this node alone. */
  readonly zoneOf: Int32Array;
  readonly zones: readonly string[];
  /** Edges between two zones, by `zonePair`; edges that touch no zone are in none. */
  readonly zoneEdges: ReadonlyMap<number, Uint32Array>;
  /** Of each zone, edges that leave it. */
  readonly zoneCuts: readonly Uint32Array[];
}

export function* topologyOf(nodes: readonly Pick<NodeEvidence, "node">[], pairs: PairList): Steps<Topology> {
  const edgeOf = new Map<number, number>();
  const low = new Uint16Array(pairs.count);
  const high = new Uint16Array(pairs.count);
  const there = new Int32Array(pairs.count).fill(-1);
  const back = new Int32Array(pairs.count).fill(-1);
  for (let pair = 0; pair < pairs.count; pair++) {
    if (pair % STEP === STEP - 1) yield;
    const s = pairs.source[pair]!;
    const d = pairs.destination[pair]!;
    const a = Math.min(s, d);
    const b = Math.max(s, d);
    const key = a * nodes.length + b;
    let edge = edgeOf.get(key);
    if (edge === undefined) {
      edge = edgeOf.size;
      edgeOf.set(key, edge);
      low[edge] = a;
      high[edge] = b;
    }
    if (s === a) there[edge] = pair;
    else back[edge] = pair;
  }
  const edges = edgeOf.size;
  const zones = zonesOf(nodes);
  const ends = { low: low.subarray(0, edges), high: high.subarray(0, edges) };
  yield;
  const zoneEdges = yield* edgesByZonePair(ends, zones.zoneOf, zones.zones.length);
  const zoneCuts: Uint32Array[] = [];
  for (const zone of zones.zones.keys()) {
    zoneCuts.push(edgesLeaving(ends, zones.zoneOf, zone));
    yield;
  }
  return {
    nodes: nodes.length,
    edges,
    all: Uint32Array.from({ length: edges }, (_, e) => e),
    arrays: new EdgeArrays(edges),
    ...ends,
    there: there.subarray(0, edges),
    back: back.subarray(0, edges),
    ...incidence(nodes.length, ends),
    ...zones,
    zoneEdges,
    zoneCuts,
  };
}

/** One number for two zones in any order. */
export const zonePair = (a: number, b: number, zones: number): number => (a < b ? a * zones + b : b * zones + a);

interface Ends {
  readonly low: Uint16Array;
  readonly high: Uint16Array;
}

function incidence(nodes: number, { low, high }: Ends): Pick<Topology, "start" | "incident"> {
  const start = new Uint32Array(nodes + 1);
  for (let e = 0; e < low.length; e++) {
    start[low[e]! + 1]!++;
    start[high[e]! + 1]!++;
  }
  for (let v = 0; v < nodes; v++) start[v + 1]! += start[v]!;
  const next = start.slice();
  const incident = new Uint32Array(2 * low.length);
  for (let e = 0; e < low.length; e++) {
    incident[next[low[e]!]!++] = e;
    incident[next[high[e]!]!++] = e;
  }
  return { start, incident };
}

/** A zone of one node is that node, and is called so. */
function zonesOf(nodes: readonly Pick<NodeEvidence, "node">[]): Pick<Topology, "zoneOf" | "zones"> {
  const sizes = new Map<string, number>();
  for (const { node } of nodes) sizes.set(node.zone, (sizes.get(node.zone) ?? 0) + 1);
  const zones = [...sizes].filter(([name, size]) => name !== "" && size > 1).map(([name]) => name);
  const index = new Map(zones.map((name, i) => [name, i]));
  return { zones, zoneOf: Int32Array.from(nodes, ({ node }) => index.get(node.zone) ?? -1) };
}

function* edgesByZonePair({ low, high }: Ends, zoneOf: Int32Array, zones: number): Steps<Map<number, Uint32Array>> {
  const lists = new Map<number, number[]>();
  for (let e = 0; e < low.length; e++) {
    if (e % STEP === STEP - 1) yield;
    const a = zoneOf[low[e]!]!;
    const b = zoneOf[high[e]!]!;
    if (a < 0 || b < 0) continue;
    const key = zonePair(a, b, zones);
    const list = lists.get(key);
    if (list) list.push(e);
    else lists.set(key, [e]);
  }
  return new Map([...lists].map(([key, list]) => [key, Uint32Array.from(list)]));
}

function edgesLeaving({ low, high }: Ends, zoneOf: Int32Array, zone: number): Uint32Array {
  const cut: number[] = [];
  for (let e = 0; e < low.length; e++) if ((zoneOf[low[e]!] === zone) !== (zoneOf[high[e]!] === zone)) cut.push(e);
  return Uint32Array.from(cut);
}
