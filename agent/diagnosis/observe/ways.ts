// How far packets travel from one node to another, by TTL, and what changed: for each ordered pair by what the far end
// saw of its probes, and by what the near end of the way back saw of the answers.
import { counted } from "../../base/format.ts";
import { atOnce, type Steps } from "../../base/slices.ts";
import type { Network } from "../../model/peer.ts";
import { STEP } from "../evidence/path-history.ts";
import type { Look } from "../locate/culprits.ts";
import type { Sign } from "./observation.ts";

export interface HopChange {
  readonly now: number;
  readonly before: number;
  /** By the judge's clock. */
  readonly sinceSeconds: number;
}

/** By ordered pair. */
export interface Ways {
  /** 1 where hops are told. */
  readonly known: Uint8Array;
  readonly changes: ReadonlyMap<number, HopChange>;
  /** 1 where there are more hops one way than back, by one and the same slot. */
  readonly asymmetric: Uint8Array;
}

/** Of a network, or of all. Several causes ask for the same. */
export const waysOf = (look: Look, network: Network | "all" = "all"): Ways => atOnce(readWays(look, network));

/** The same in steps, for who comes first. */
export function* readWays(look: Look, network: Network | "all" = "all"): Steps<Ways> {
  let ways = WAYS[network].get(look);
  if (!ways) WAYS[network].set(look, (ways = yield* read(look, network === "all" ? undefined : network)));
  return ways;
}

const WAYS: Readonly<Record<Network | "all", WeakMap<Look, Ways>>> = {
  all: new WeakMap(),
  pod: new WeakMap(),
  node: new WeakMap(),
};

function* read({ evidence, topology, history }: Look, network: Network | undefined): Steps<Ways> {
  const { pairs, paths } = evidence;
  const opposite = new Int32Array(pairs.count).fill(-1);
  for (let edge = 0; edge < topology.edges; edge++) {
    const there = topology.there[edge]!;
    const back = topology.back[edge]!;
    if (there < 0 || back < 0) continue;
    opposite[there] = back;
    opposite[back] = there;
  }
  const known = new Uint8Array(pairs.count);
  const changes = new Map<number, HopChange>();
  const asymmetric = new Uint8Array(pairs.count);
  for (const { network: own, hops, hopsBefore, hopsThere, hopsThereBefore, hopsChangedAgo } of paths) {
    if (network !== undefined && own !== network) continue;
    if (!hops && !hopsThere) continue;
    for (let pair = 0; pair < pairs.count; pair++) {
      if (pair % STEP === STEP - 1) yield;
      const back = hops?.[pair] ?? 0;
      const there = hopsThere?.[pair] ?? 0;
      const ago = hopsChangedAgo?.[pair] ?? 0;
      if (there > 0) known[pair] = 1;
      const thereBefore = hopsThereBefore?.[pair] ?? 0;
      if (isChange(there, thereBefore))
        note(changes, pair, { now: there, before: thereBefore, sinceSeconds: history.now - ago });
      // In a sample nobody may measure the other way.
      const other = opposite[pair]! >= 0 ? opposite[pair]! : pair;
      if (back > 0) known[other] = 1;
      const backBefore = hopsBefore?.[pair] ?? 0;
      if (isChange(back, backBefore))
        note(changes, other, { now: back, before: backBefore, sinceSeconds: history.now - ago });
      if (back > 0 && there > 0 && back !== there) asymmetric[pair] = 1;
    }
  }
  return { known, changes, asymmetric };
}

const isChange = (now: number, before: number): boolean => now > 0 && before > 0 && before !== now;

/** The first that is told of a pair. */
function note(changes: Map<number, HopChange>, pair: number, change: HopChange): void {
  if (!changes.has(pair)) changes.set(pair, change);
}

/** Share of a place's pairs from which on something is true of the place. */
const MOSTLY = 0.3;
/** A change and a loss that begin within so many seconds are one event: a row tells seconds, UDP its hops every 40. */
const IN_STEP_SECONDS = 60;

/** The change that most of these pairs tell; undefined where too few have one. */
export function mostlyChanged({ known, changes }: Ways, pairs: readonly number[]): HopChange | undefined {
  const told = pairs.filter((pair) => known[pair] === 1);
  const changed = told.flatMap((pair) => changes.get(pair) ?? []);
  if (changed.length === 0 || changed.length <= MOSTLY * told.length) return undefined;
  return [...changed].sort((a, b) => a.sinceSeconds - b.sinceSeconds)[Math.floor(changed.length / 2)];
}

/** What hops say for a changed route, and against it. `begunSeconds`: when that began which it may have caused. */
export function routeSigns(ways: Ways, pairs: readonly number[], begunSeconds?: number): Sign[] {
  const told = pairs.filter((pair) => ways.known[pair] === 1);
  const change = mostlyChanged(ways, pairs);
  const count = told.filter((pair) => ways.changes.has(pair)).length;
  const apart = change && begunSeconds !== undefined ? Math.abs(change.sinceSeconds - begunSeconds) : undefined;
  return [
    [
      change !== undefined,
      `${count} of ${counted(told.length, "pair")} ${count === 1 ? "travels" : "travel"} another number of hops than before ${timeOf(change?.sinceSeconds ?? 0)}: ${change?.now ?? 0} instead of ${change?.before ?? 0}`,
      3,
    ],
    [apart !== undefined && apart <= IN_STEP_SECONDS, "the hops changed when it began", 1],
    [apart !== undefined && apart > IN_STEP_SECONDS, "the hops changed at another time than it began", -2],
    [told.length > 0 && change === undefined, "packets travel as many hops as before", -2],
  ];
}

const timeOf = (seconds: number): string => `${new Date(seconds * 1_000).toISOString().slice(11, 19)} UTC`;

export function asymmetrySigns(ways: Ways, pairs: readonly number[]): Sign[] {
  const told = pairs.filter((pair) => ways.known[pair] === 1);
  const uneven = told.filter((pair) => ways.asymmetric[pair] === 1).length;
  const isMost = uneven > MOSTLY * told.length && uneven > 0;
  return [
    [
      isMost,
      `${uneven} of ${counted(told.length, "pair")} ${uneven === 1 ? "travels" : "travel"} another number of hops there than back`,
      2.5,
    ],
    [told.length > 0 && !isMost, "packets travel as many hops there as back", -2],
  ];
}
