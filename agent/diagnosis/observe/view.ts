// Questions that causes ask of the evidence about the pairs of one subject: how much a path loses, what its failures
// were, whether all of it is lost just now.
import type { IpFamily, Network, Protocol } from "../../model/peer.ts";
import { pathName, type Evidence, type NodeEvidence, type PathEvidence } from "../evidence/evidence.ts";
import { lostSeconds } from "../evidence/path-history.ts";
import { ringMask } from "../evidence/ring.ts";
import type { Look } from "../locate/culprits.ts";
import type { Topology } from "../locate/topology.ts";

export interface Counts {
  readonly probes: number;
  /** Failures and SYNs sent again. */
  readonly lost: number;
  readonly blocked: number;
  readonly unreachable: number;
  readonly refusals: number;
  /** Ordered pairs that were probed, and those of them that lost. */
  readonly pairs: number;
  readonly losingPairs: number;
}

export interface PathFilter {
  readonly network?: Network | undefined;
  readonly protocol?: Protocol | undefined;
  readonly family?: IpFamily | undefined;
}

export const matches = (path: PathEvidence, { network, protocol, family }: PathFilter): boolean =>
  (network === undefined || path.network === network) &&
  (protocol === undefined || path.protocol === protocol) &&
  (family === undefined || path.family === family);

/** Ordered pairs on these edges. */
export function pairsOn(edges: Uint32Array, { there, back }: Topology): number[] {
  const pairs: number[] = [];
  for (const edge of edges) {
    if (there[edge]! >= 0) pairs.push(there[edge]!);
    if (back[edge]! >= 0) pairs.push(back[edge]!);
  }
  return pairs;
}

/** How many agents told that they were late since it began: losses are remembered for longer than the minute they tell of. */
export const lateSince = (
  { members, sinceSeconds }: { readonly members: readonly NodeEvidence[]; readonly sinceSeconds: number },
  { history }: Look,
): number => members.filter(({ node }) => history.wasLate(node.name, sinceSeconds)).length;

/** Of the last minute. */
export function countsOf({ paths }: Pick<Evidence, "paths">, pairs: readonly number[], filter: PathFilter): Counts {
  const counts = { probes: 0, lost: 0, blocked: 0, unreachable: 0, refusals: 0, pairs: 0, losingPairs: 0 };
  const probed = new Set<number>();
  const losing = new Set<number>();
  for (const path of paths) {
    if (!matches(path, filter)) continue;
    for (const pair of pairs) {
      const probes = path.probes[pair]!;
      if (probes === 0) continue;
      const lost = path.failures[pair]! + path.retransmits[pair]!;
      counts.probes += probes + path.retransmits[pair]!;
      counts.lost += lost;
      counts.blocked += path.blocked[pair]!;
      counts.unreachable += path.unreachable[pair]!;
      counts.refusals += path.refusals[pair]!;
      probed.add(pair);
      if (lost > 0) losing.add(pair);
    }
  }
  return { ...counts, pairs: probed.size, losingPairs: losing.size };
}

/** Seconds that tell what is lost just now: three probes of those that are sent every five. */
export const JUST_NOW_SECONDS = 15;
/** Share of them that is "all": what TCP and UDP have lost in the last of them is not told yet. */
const ALL_JUST_NOW = 0.85;

export const isAllLostJustNow = (look: Look, pairs: readonly number[], filter: PathFilter): boolean =>
  (recentLoss(look, pairs, { ...filter, seconds: JUST_NOW_SECONDS }) ?? 0) >= ALL_JUST_NOW;

/** Share lost in the last few seconds, or undefined where nothing was probed. */
export function recentLoss(look: Look, pairs: readonly number[], filter: PathFilter & { readonly seconds: number }) {
  const { evidence, history } = look;
  const mask = ringMask(history.now, filter.seconds);
  const covered = history.coveredSeconds(filter.seconds);
  const source = evidence.pairs.source;
  let [lost, probes] = [0, 0];
  for (const path of evidence.paths) {
    const kept = matches(path, filter) ? history.paths.get(pathName(path)) : undefined;
    if (!kept) continue;
    for (const pair of pairs) {
      const known = covered[source[pair]!]!;
      if (known === 0) continue;
      const k = lostSeconds(kept, pair, mask);
      lost += k;
      probes += Math.max(k, (kept.perMinute[pair]! * known) / 60);
    }
  }
  return probes > 0 ? lost / probes : undefined;
}
