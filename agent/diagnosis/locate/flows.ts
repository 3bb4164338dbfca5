// Places where some of several equal paths are bad. Routers hash addresses and ports to choose between them, so a flow
// that is hashed to the bad one loses everything, and the next one nothing. ICMP tells it soonest: its flow is the pair
// itself, once a second. A flow is dead, fine or between the two; the same search that finds who loses packets finds
// which place has dead flows beside fine ones. TCP and UDP take another port with each probe, so that each is a flow of
// its own: they do not tell a dead flow from a lost probe, but they do tell between two places that have dead flows.
import type { Steps } from "../../base/slices.ts";
import { pathName, type Evidence } from "../evidence/evidence.ts";
import type { History } from "../evidence/history.ts";
import { STEP, lostSeconds, type PathHistory } from "../evidence/path-history.ts";
import { ringMask } from "../evidence/ring.ts";
import { explain, type SplitPlace } from "./locate.ts";
import type { PathScope } from "./scopes.ts";
import type { Topology } from "./topology.ts";
import { emptyCells, sumOf, type Cells, type LossWindow } from "./window.ts";

const SECONDS = 10;
/** Probes of a flow within these that say something. */
const ENOUGH = 7;
const DEAD = 0.9;
const FINE = 0.1;
/** Of a place's flows, the share that may be dead: fewer are pairs, more is a place that is cut. */
const LEAST_SHARE = 0.05;
const MOST_SHARE = 0.97;
/** Seconds of TCP and UDP, in which no port comes twice, and after which what was lost is told. */
const PORT_SECONDS = 20;
const TOLD_AFTER_SECONDS = 4;
/** Flows that are neither, for each dead one: more of them and it is loss like any other, and high. */
const BETWEEN = 0.2;
/** Dead flows, of more than one pair: a pair by itself is told by its source ports (split.ts). */
const LEAST_DEAD = 3;
/** In which nothing of a pair that is cut is answered: three probes of those that are sent every five. */
const CUT_SECONDS = 15;

interface Look {
  readonly evidence: Evidence;
  readonly history: History;
  readonly topology: Topology;
}

/** In terms of `scopes`, which are those of all paths; `leftOut`: as for a window of losses. */
export function* splitPlaces(
  look: Look,
  scopes: readonly PathScope[],
  leftOut: readonly Uint8Array[],
): Steps<SplitPlace[]> {
  const flows = yield* flowsOf(look, leftOut);
  if (flows.dead < LEAST_DEAD) return [];
  const { window, between } = flows;
  const { model, standings } = yield* explain(window);
  const isIcmp = (p: number): boolean => look.evidence.paths[p]!.protocol === "icmp";
  return [...standings].flatMap(([{ candidate, rate }, standing]) => {
    const icmp = window.scopes[candidate.scope]!.paths.filter(isIcmp).map((p) => window.byPath[p]!);
    const sumOf = (of: "lost" | "probes", e: number): number => icmp.reduce((sum, cells) => sum + cells[of][e]!, 0);
    let [dead, losing, mixed] = [0, 0, 0];
    for (const e of candidate.edges) {
      const own = sumOf("lost", e);
      dead += own;
      if (own > 0) losing++;
      if (own > 0 && own + between[e]! < sumOf("probes", e)) mixed++;
    }
    const isSplit =
      candidate.place.kind !== "pair" &&
      dead >= LEAST_DEAD &&
      losing > 1 &&
      mixed > 0 &&
      rate >= LEAST_SHARE &&
      rate <= MOST_SHARE &&
      sumOver(between, candidate.edges) <= BETWEEN * dead;
    if (!isSplit) return [];
    const { network } = model.window.scopes[candidate.scope]!.scope;
    const scope = scopes.findIndex(
      ({ scope: s, isProcess }) =>
        !isProcess && s.network === network && s.protocol === undefined && s.family === undefined,
    );
    return [{ candidate: { ...candidate, scope: Math.max(0, scope) }, standing }];
  });
}

interface Flows {
  /** Flows that say something, and of these the dead: as probes and lost probes. */
  readonly window: LossWindow;
  /** Those that are neither dead nor fine, by edge. */
  readonly between: Float32Array;
  readonly dead: number;
}

function* flowsOf({ evidence, history, topology }: Look, leftOut: readonly Uint8Array[]): Steps<Flows> {
  const { paths, pairs } = evidence;
  const between = topology.arrays.take();
  const { source } = pairs;
  const lasting = spanOf(history, history.now, SECONDS);
  const byPort = spanOf(history, history.now - TOLD_AFTER_SECONDS, PORT_SECONDS);
  const byPath: Cells[] = [];
  let dead = 0;
  for (const [p, path] of paths.entries()) {
    const cells = emptyCells(topology);
    byPath.push(cells);
    const kept = history.paths.get(pathName(path));
    if (!kept) continue;
    const isIcmp = path.protocol === "icmp";
    const of: FlowsOf = { cells, between, kept, source, skip: leftOut[p]!, ...(isIcmp ? lasting : byPort) };
    for (let edge = 0; edge < topology.edges; edge++) {
      if (edge % STEP === STEP - 1) yield;
      const add = isIcmp ? addFlow : addProbes;
      add(edge, topology.there[edge]!, of);
      add(edge, topology.back[edge]!, of);
    }
    yield;
  }
  const isCut = cutOf({ evidence, history, topology });
  const icmp = [...paths.keys()].filter((p) => paths[p]!.protocol === "icmp");
  const cells = icmp.map((p) => byPath[p]!.lost);
  for (let edge = 0; edge < topology.edges; edge++) {
    if (edge % STEP === STEP - 1) yield;
    let lost = 0;
    // An iterator for each of tens of thousands of edges is garbage.
    for (let c = 0; c < cells.length; c++) lost += cells[c]![edge]!;
    if (lost === 0) continue;
    if (isCut(edge)) for (const { probes, lost: none } of byPath) probes[edge] = none[edge] = 0;
    else dead += lost;
  }
  const all = [...paths.keys()];
  const scopes: PathScope[] = [{ scope: {}, paths: all, isProcess: false, cost: 0 }];
  for (const network of new Set(icmp.map((p) => paths[p]!.network))) {
    const own = all.filter((p) => paths[p]!.network === network);
    if (own.length < all.length)
      scopes.push({ scope: { network }, paths: own, isProcess: false, cost: Math.log(scopes.length + 2) });
  }
  const byScope: Cells[] = [];
  for (const { paths: of } of scopes) {
    yield;
    byScope.push(
      sumOf(
        of.map((p) => byPath[p]!),
        topology,
      ),
    );
  }
  const window: LossWindow = { seconds: SECONDS, topology, scopes, byPath, byScope, isBurst: () => false };
  return { window, between, dead };
}

interface FlowsOf {
  readonly cells: Cells;
  readonly between: Float32Array;
  readonly kept: PathHistory;
  readonly source: Uint16Array;
  readonly skip: Uint8Array;
  readonly mask: Uint32Array;
  readonly covered: Uint16Array;
}

const spanOf = (history: History, now: number, seconds: number): Pick<FlowsOf, "mask" | "covered"> => ({
  mask: ringMask(now, seconds),
  covered: history.coveredSeconds(seconds),
});

/** Each pair is a flow, of as many probes as there are seconds. */
function addFlow(edge: number, pair: number, { cells, between, kept, source, skip, mask, covered }: FlowsOf): void {
  if (pair < 0 || skip[pair] === 1) return;
  const probes = (kept.perMinute[pair]! * covered[source[pair]!]!) / 60;
  if (probes < ENOUGH) return;
  const lost = lostSeconds(kept, pair, mask);
  cells.probes[edge]!++;
  if (lost >= DEAD * probes) cells.lost[edge]!++;
  else if (lost > FINE * probes) between[edge]!++;
}

/** Each probe is a flow. */
function addProbes(edge: number, pair: number, { cells, kept, source, skip, mask, covered }: FlowsOf): void {
  if (pair < 0 || skip[pair] === 1) return;
  const lost = lostSeconds(kept, pair, mask);
  cells.lost[edge]! += lost;
  cells.probes[edge]! += Math.max(lost, (kept.perMinute[pair]! * covered[source[pair]!]!) / 60);
}

/** Whether nothing at all is answered on an edge: no path is left that could be a good one. */
function cutOf({ evidence, history, topology }: Look): (edge: number) => boolean {
  const mask = ringMask(history.now, CUT_SECONDS);
  const covered = history.coveredSeconds(CUT_SECONDS);
  const all = evidence.paths.flatMap((path) => history.paths.get(pathName(path)) ?? []);
  return (edge) => {
    let [lost, probes] = [0, 0];
    for (const pair of [topology.there[edge]!, topology.back[edge]!]) {
      if (pair < 0) continue;
      for (const kept of all) {
        lost += lostSeconds(kept, pair, mask);
        probes += (kept.perMinute[pair]! * covered[evidence.pairs.source[pair]!]!) / 60;
      }
    }
    return probes > 0 && lost >= DEAD * probes;
  };
}

const sumOver = (of: Float32Array, edges: Uint32Array): number => edges.reduce((sum, e) => sum + of[e]!, 0);
