// The fewest places that cover what is marked on pairs (large packets vanish, rejected, slower): the mesh, two zones,
// a node, and what is left pair by pair. A place is blamed when most of what it would break is broken.
import type { Steps } from "../../base/slices.ts";
import type { Direction } from "../../model/finding.ts";
import type { PairList } from "../evidence/evidence.ts";
import { STEP } from "../evidence/path-history.ts";
import type { Place } from "../locate/candidate.ts";
import { zonePair, type Topology } from "../locate/topology.ts";

/** Share of a place's pairs that must be marked (deTector's hit ratio). */
const HIT_RATIO = 0.6;
const MESH_RATIO = 0.8;
/** Pairs whose places are looked up in one step. */
const PLACES_STEP = STEP / 8;
/** Pairs that are told one by one. */
const MOST_PAIRS = 10;

export interface Covered {
  readonly place: Place;
  readonly direction: Direction | undefined;
  /** The marked pairs, and all that the place has. */
  readonly marked: readonly number[];
  readonly measured: number;
}

export function* cover(
  marked: readonly number[],
  measured: readonly number[],
  look: { readonly pairs: PairList; readonly topology: Topology },
): Steps<Covered[]> {
  const { pairs, topology } = look;
  if (marked.length === 0) return [];
  const groups = yield* placesOf(measured, look);
  let left = new Set(marked);
  const found: Covered[] = [];
  for (;;) {
    let best: Covered | undefined;
    let looked = 0;
    for (const { place, direction, members } of groups) {
      looked += members.length;
      if (looked > STEP) {
        looked = 0;
        yield;
      }
      const hit = members.filter((pair) => left.has(pair));
      const all = members.length;
      const least = place.kind === "mesh" ? MESH_RATIO : HIT_RATIO;
      if (hit.length < 2 || hit.length < all * least) continue;
      if (!best || hit.length > best.marked.length) best = { place, direction, marked: hit, measured: all };
    }
    if (!best) break;
    found.push(best);
    left = left.difference(new Set(best.marked));
  }
  const byEdge = Map.groupBy([...left], (pair) => edgeKey(pairs, pair, topology.nodes));
  for (const ends of [...byEdge.values()].slice(0, MOST_PAIRS)) {
    const edge = edgeOf(ends[0]!, topology);
    const isUp = ends.some((pair) => topology.there[edge] === pair);
    const isDown = ends.some((pair) => topology.back[edge] === pair);
    const direction = isUp && isDown ? "both" : isUp ? "out" : "in";
    found.push({ place: { kind: "pair", edge }, direction, marked: ends, measured: 2 });
  }
  return found;
}

interface Members {
  readonly place: Place;
  readonly direction: Direction | undefined;
  readonly members: number[];
}

/** Wider places first: of two that cover as much, the first is taken. */
function* placesOf(
  measured: readonly number[],
  { pairs, topology }: { readonly pairs: PairList; readonly topology: Topology },
): Steps<Members[]> {
  const byKey = new Map<string, Members>();
  const add = (key: string, place: Place, direction: Direction | undefined, pair: number): void => {
    const known = byKey.get(key);
    if (known) known.members.push(pair);
    else byKey.set(key, { place, direction, members: [pair] });
  };
  const count = topology.zones.length;
  if (measured.length > 0) byKey.set("mesh", { place: { kind: "mesh" }, direction: undefined, members: [...measured] });
  for (const [i, pair] of measured.entries()) {
    if (i % PLACES_STEP === PLACES_STEP - 1) yield;
    const [s, d] = [pairs.source[pair]!, pairs.destination[pair]!];
    const [a, b] = [topology.zoneOf[s]!, topology.zoneOf[d]!];
    if (a >= 0 && b >= 0 && a !== b && topology.nodes > 3) {
      const key = zonePair(a, b, count);
      const place: Place = { kind: "zone-pair", zones: [Math.min(a, b), Math.max(a, b)] };
      add(`zones ${key}`, place, "both", pair);
      add(`zones ${a}>${b}`, place, a < b ? "out" : "in", pair);
    }
    if (topology.nodes < 3) continue;
    for (const [node, way] of [
      [s, "out"],
      [d, "in"],
    ] as const) {
      add(`node ${node}`, { kind: "node", node }, "both", pair);
      add(`node ${node} ${way}`, { kind: "node", node }, way, pair);
    }
  }
  return [...byKey.values()];
}

const edgeKey = ({ source, destination }: PairList, pair: number, nodes: number): number =>
  Math.min(source[pair]!, destination[pair]!) * nodes + Math.max(source[pair]!, destination[pair]!);

function edgeOf(pair: number, { there, back }: Topology): number {
  const edge = there.indexOf(pair);
  return edge >= 0 ? edge : back.indexOf(pair);
}
