// Culprits as observations: which code fits a place that loses, and which causes fit what it loses.
import type { Steps } from "../../base/slices.ts";
import type { FindingCode, Scope, Subject } from "../../model/finding.ts";
import type { Network } from "../../model/peer.ts";
import { isLate, pathName, type NodeEvidence } from "../evidence/evidence.ts";
import { lostSeconds } from "../evidence/path-history.ts";
import { ringMask } from "../evidence/ring.ts";
import { SURE, isFault, isSure, type Culprit, type Look } from "../locate/culprits.ts";
import { hasPaused, onsetOf } from "../locate/rhythm.ts";
import { splitOf } from "../locate/split.ts";
import type { Topology } from "../locate/topology.ts";
import { lossCauses } from "./loss-causes.ts";
import {
  AT_ONCE,
  atLeastAfter,
  ONE_MINUTE,
  SEEN_AGAIN,
  SEEN_THRICE,
  SEEN_TWICE,
  SEEN_TWICE_SOON,
  type Observation,
} from "./observation.ts";
import { namesIn, subjectOf } from "./places.ts";
import { JUST_NOW_SECONDS, countsOf, isAllLostJustNow, lateSince, pairsOn, recentLoss } from "./view.ts";
import { readWays } from "./ways.ts";

/** Share lost just now that is "all": a probe or two may have been answered at the edge. */
const ALL = 0.95;
/** Share lost on another path that still is "fine". */
export const FINE = 0.002;
/** Nats: at once, when seen twice, and not yet. */
const CERTAIN = 10;
/** Nats at which the members of a group are what they are: half of all packets lost for some seconds. */
const BEYOND_DOUBT = 50;
/** Losses of less than this are not worth a finding, however certain. */
const LEAST_LOSS = 0.001;

/** What is known of a place that loses, before it has a name. */
export interface LossSigns {
  readonly culprit: Culprit;
  readonly subject: Subject;
  readonly scope: Scope;
  readonly pairs: readonly number[];
  /** Everything is lost just now, within the scope. */
  readonly isTotal: boolean;
  /** Loss on the same pairs outside the scope; undefined when nothing is measured there. */
  readonly outside: number | undefined;
  readonly node: NodeEvidence | undefined;
  /** That one, or all that the place is made of. */
  readonly members: readonly NodeEvidence[];
  /** When it began, by the judge's clock. */
  readonly sinceSeconds: number;
}

export function* observeLosses(culprits: readonly Culprit[], look: Look): Steps<Observation[]> {
  const observed: Observation[] = [];
  const isStirring = culprits.some(hasJustStirred);
  for (const culprit of culprits) {
    if (!isFault(culprit) || culprit.score.score <= 0 || !isStillOn(culprit) || !isStillWhole(culprit, look)) continue;
    const observation = yield* observeLoss(culprit, look);
    if ((observation.figures.loss ?? 0) >= LEAST_LOSS)
      observed.push(
        atLeastAfter(observation, comesInBursts(culprit) ? SEEN_THRICE : isStirring ? SEEN_TWICE_SOON : AT_ONCE),
      );
    yield;
  }
  return observed;
}

/** A burst so far, or the first seconds of what breaks: what is seen whole beside it may be a part of that. */
const hasJustStirred = ({ candidate, isBurst, rhythm }: Culprit): boolean =>
  isBurst && candidate.place.kind !== "pair" && quietOf(rhythm) < STIRRING_SECONDS;

const STIRRING_SECONDS = 4;

/** Of what shares an uplink that drops in bursts, a few bursts show a part only: another one must show the same. */
const comesInBursts = ({ candidate, rhythm }: Culprit): boolean => candidate.place.kind !== "pair" && hasPaused(rhythm);

function* observeLoss(culprit: Culprit, look: Look): Steps<Observation> {
  const { evidence, topology, history } = look;
  const { candidate, window, margin } = culprit;
  const { place, edges } = candidate;
  const pairs = pairsOn(edges, topology);
  const begun = onsetOf(culprit.rhythm);
  const sinceSeconds = history.now - window.seconds + 1 + begun;
  const losing = culprit.isSplit ? {} : window.scopes[candidate.scope]!.scope;
  const cut = isWhole(losing) && place.kind === "pair" ? cutNetwork(look, pairs) : undefined;
  const found = cut ? { network: cut } : losing;
  const subject = subjectOf(place, evidence, topology);
  const names = new Set(namesIn(subject, evidence));
  yield;
  const isTotal = !culprit.isSplit && isAllLost(look, pairs, found);
  yield;
  const outside = outsideLoss(look, pairs, found);
  yield;
  const signs: LossSigns = {
    culprit,
    subject,
    scope: found,
    pairs,
    isTotal,
    outside,
    node: place.kind === "node" ? evidence.nodes[place.node] : undefined,
    members: evidence.nodes.filter(({ node }) => names.has(node.name)),
    sinceSeconds,
  };
  const isUndecided = place.kind === "pair" && isBetween(place.edge, margin, topology);
  const code = isUndecided ? "IN-BETWEEN" : codeOf(signs, look);
  const counts = countsOf(evidence, pairs, found);
  const ports = culprit.isSplit ? splitOf(edges, look).badPorts : [];
  const lost = culprit.rhythm.subarray(begun).reduce((sum, n) => sum + n, 0);
  const probes = probesSince(culprit, begun, look);
  yield;
  yield* readWays(look, found.network);
  const causes = lossCauses(signs, code, look);
  yield;
  return {
    code,
    subject,
    scope: ports.length > 0 ? { ...found, sourcePorts: ports } : found,
    direction: culprit.direction.direction,
    figures: {
      loss: cut ? 1 : probes > 0 ? Math.min(1, lost / probes) : culprit.rate,
      // Those of all networks are no figures of the one.
      ...(!cut && { lost: Math.round(lost), probes: Math.round(probes) }),
      windowSeconds: window.seconds - begun,
      pairs: counts.pairs,
      losingPairs: counts.losingPairs,
    },
    confidence: confidenceOf(margin, isUndecided),
    sinceSeconds,
    causes,
    opensAfterSeconds: seemsOver(culprit.rhythm, begun) ? Number.POSITIVE_INFINITY : opensAfter(code, culprit),
    lostUntilSeconds: history.now - quietOf(culprit.rhythm),
    isLoss: true,
  };
}

const isWhole = ({ network, protocol, family }: Scope): boolean =>
  network === undefined && protocol === undefined && family === undefined;

/**
 * Of a pair that loses on all networks: the one on which nothing passes just now, where another lets some pass. A
 * node that lacks the route to the pods of another one loses its answers to them on the node network as well, in one order.
 */
function cutNetwork(look: Look, pairs: readonly number[]): Network | undefined {
  const isCut = (network: Network) => isAllLostJustNow(look, pairs, { network });
  const lets = (network: Network) =>
    (recentLoss(look, pairs, { network, seconds: JUST_NOW_SECONDS }) ?? 1) < SOME_PASSES;
  return isCut("pod") && lets("node") ? "pod" : isCut("node") && lets("pod") ? "node" : undefined;
}

const SOME_PASSES = 0.6;

/** A pair is at fault itself only where others tell that both its ends are fine. */
function isBetween(edge: number, margin: number, { nodes, low, high, start }: Topology): boolean {
  const isKnownByThisAlone = [low[edge]!, high[edge]!].some((end) => start[end + 1]! - start[end]! < 2);
  // Of three nodes one that loses has two pairs, and for a while one of them may have lost nothing by chance.
  return isKnownByThisAlone || (nodes === 3 && margin < CERTAIN);
}

/** A restart lasts less than a minute and is none of our business. */
function opensAfter(code: FindingCode, culprit: Culprit): number {
  const { margin } = culprit;
  const { kind } = culprit.candidate.place;
  if (code === "IN-AGENT-DOWN" || code === "IN-AGENT-STARVED") return ONE_MINUTE;
  if (code === "IN-BETWEEN") return SEEN_TWICE;
  // While its members change from one judgement to the next they are not understood; nor is a mesh that breaks in parts.
  if (kind === "group" && margin >= CERTAIN) return margin >= BEYOND_DOUBT ? SEEN_AGAIN : SEEN_TWICE_SOON;
  if ((kind === "group" || kind === "mesh") && margin >= SURE) return SEEN_TWICE;
  return margin >= CERTAIN ? AT_ONCE : isSure(culprit) ? SEEN_TWICE : Number.POSITIVE_INFINITY;
}

const confidenceOf = (margin: number, isUndecided: boolean): number =>
  isUndecided ? 0.95 : Math.min(0.999, Math.max(0.5, 1 / (1 + Math.exp(-margin))));

/** Just now by the second; or all minute, where a row does not tell its seconds. */
function isAllLost(look: Look, pairs: readonly number[], scope: Scope): boolean {
  const minute = countsOf(look.evidence, pairs, scope);
  return isAllLostJustNow(look, pairs, scope) || (minute.probes > 0 && minute.lost >= ALL * minute.probes);
}

/** The long window remembers what is over: so much was probed since its last loss that there should be more. */
export function isStillOn(culprit: Culprit): boolean {
  const { rhythm } = culprit;
  const begun = onsetOf(culprit.rhythm);
  if (hasEbbed(rhythm, begun)) return false;
  return quietOf(rhythm) < STILL_SECONDS || !isMissed(rhythm, begun);
}

const quietOf = (rhythm: Culprit["rhythm"]): number => rhythm.length - 1 - rhythm.findLastIndex((lost) => lost > 0.5);

function isMissed(rhythm: Culprit["rhythm"], begun: number): boolean {
  const quiet = quietOf(rhythm);
  const busy = rhythm.length - begun - quiet;
  const lost = rhythm.reduce((sum, n) => sum + n, 0);
  return busy > 0 && (lost / busy) * quiet >= MISSED;
}

/** Longer than a row tells late. What is over already does not open: of two that came back their pair has lost most. */
const TOLD_LATE_SECONDS = 8;
const seemsOver = (rhythm: Culprit["rhythm"], begun: number): boolean =>
  quietOf(rhythm) > TOLD_LATE_SECONDS && isMissed(rhythm, begun);

/** Where two rates fit best and the first is much the higher, it has ended: what trickles in behind is TCP, UDP, and others'. */
function hasEbbed(rhythm: Culprit["rhythm"], turn: number): boolean {
  const sum = (part: Float64Array): number => part.reduce((total, n) => total + n, 0);
  const [before, after] = [sum(rhythm.subarray(0, turn)), sum(rhythm.subarray(turn))];
  return before * (rhythm.length - turn) > EBBED * after * turn;
}

const EBBED = 4;
const STILL_SECONDS = 30;
/** Two nodes of three that break one after the other are all that is measured: so what is over must be known sooner. */
const MESH_STILL_SECONDS = 12;
/** Losses that should have been seen: chance of none of them 1 : 20,000. */
const MISSED = 10;

/**
 * A place that has recovered keeps the edges that it shares with one that has just broken, and together they may look like
 * a wider place: of the edges that should have lost something lately most must have.
 */
function isStillWhole(culprit: Culprit, look: Look): boolean {
  if (culprit.isSplit) return true;
  return culprit.candidate.place.kind === "mesh"
    ? [MESH_STILL_SECONDS, STILL_SECONDS].every((seconds) => shareStillOn(culprit, look, seconds) >= MOST_OF_MESH)
    : shareStillOn(culprit, look, STILL_SECONDS) >= MOST;
}

/** Of the edges that should have lost something in the last `seconds`, the share that has; 1 where none should. */
function shareStillOn(
  { candidate, window, rhythm }: Culprit,
  { evidence, history, topology }: Look,
  seconds: number,
): number {
  const mask = ringMask(history.now, seconds);
  const covered = history.coveredSeconds(seconds);
  const all = window.scopes[candidate.scope]!.paths.flatMap(
    (p) => history.paths.get(pathName(evidence.paths[p]!)) ?? [],
  );
  const cells = window.byScope[candidate.scope]!;
  const lately = seconds / (window.seconds - onsetOf(rhythm));
  let [expected, hit] = [0, 0];
  for (const edge of candidate.edges) {
    const pairs = [topology.there[edge]!, topology.back[edge]!].filter((pair) => pair >= 0);
    const isSeen = pairs.some((pair) => covered[evidence.pairs.source[pair]!]! >= seconds / 2);
    if (!isSeen || cells.lost[edge]! * Math.min(1, lately) < CERTAIN_LOSSES) continue;
    expected++;
    if (pairs.some((pair) => all.some((kept) => lostSeconds(kept, pair, mask) > 0))) hit++;
  }
  return expected === 0 ? 1 : hit / expected;
}

/** Losses expected of an edge that are not none by chance: 1 : 150. */
const CERTAIN_LOSSES = 5;
/** Share of a place that is broken when the place is (deTector's hit ratio). With three nodes one is two thirds of all. */
const MOST = 0.6;
const MOST_OF_MESH = 0.8;

function outsideLoss(look: Look, pairs: readonly number[], scope: Scope): number | undefined {
  const { network, protocol, family } = scope;
  const other = (counts: ReturnType<typeof countsOf>, own: ReturnType<typeof countsOf>): number | undefined => {
    const probes = counts.probes - own.probes;
    return probes > 0 ? (counts.lost - own.lost) / probes : undefined;
  };
  if (network === undefined && protocol === undefined && family === undefined) return undefined;
  return other(countsOf(look.evidence, pairs, {}), countsOf(look.evidence, pairs, scope));
}

function codeOf(signs: LossSigns, look: Look): FindingCode {
  const { culprit, scope, isTotal, outside, node } = signs;
  const { place } = culprit.candidate;
  const isOtherFine = outside !== undefined && outside <= FINE;
  if (culprit.isSplit) return "IN-SOME-PATHS";
  if (node) {
    const agent = agentCode(signs, node, look);
    if (agent) return agent;
  } else if (isStarved(signs, look)) return "IN-AGENT-STARVED";
  if (scope.protocol !== undefined && isTotal && isOtherFine) return "IN-DROPPED";
  if (isProcess(signs) && isTotal && isOtherFine) return "IN-DROPPED";
  if (scope.family !== undefined && isOtherFine) return "IN-FAMILY-LOSS";
  if (scope.network === "node" && isOtherFine && place.kind !== "pair") return "IN-NODE-NETWORK";
  if (scope.network === "pod" && isOtherFine && scope.protocol === undefined && place.kind !== "pair")
    return "IN-POD-NETWORK";
  switch (place.kind) {
    case "node":
      return "IN-NODE-LOSS";
    case "pair":
      return isTotal ? "IN-PAIR-CUT" : "IN-PAIR-LOSS";
    case "zone":
      return "IN-ZONE-LOSS";
    case "zone-pair":
      return "IN-ZONE-PAIR-LOSS";
    case "group":
      return "IN-GROUP-LOSS";
    case "mesh":
      return "IN-MESH-LOSS";
  }
}

/** The prober before the network: a node that is gone, an agent that is gone, hangs or starves. */
function agentCode(signs: LossSigns, node: NodeEvidence, look: Look): FindingCode | undefined {
  const { scope, isTotal } = signs;
  const isProcessOnly = isIcmpFine(signs, look);
  if (!node.agent) {
    if (isWhole(scope) && isTotal) return "IN-NODE-DOWN";
    if (isProcessOnly && scope.network !== "node") return "IN-AGENT-DOWN";
    // Its pod is gone, if the cluster says so too; else it may be the pod network.
    if (scope.network === "pod" && isTotal && node.serving === false) return "IN-AGENT-DOWN";
    return undefined;
  }
  const late = isLate(node);
  // The kernel accepts connections for an agent that starves: TCP alone is not lost to it.
  const isProcessScope = scope.protocol === "udp" || isProcess(signs) || (scope.protocol === "tcp" && late);
  if (isProcessScope && isProcessOnly && (late || !isTotal)) return "IN-AGENT-STARVED";
  return undefined;
}

/** Agents of several nodes that starve together, as those of one machine do: UDP alone is lost, and most have said so since. */
function isStarved(signs: LossSigns, look: Look): boolean {
  if (signs.scope.protocol !== "udp" && !isProcess(signs)) return false;
  return isIcmpFine(signs, look) && lateSince(signs, look) > signs.members.length / 2;
}

const isProcess = ({ culprit }: LossSigns): boolean => culprit.window.scopes[culprit.candidate.scope]!.isProcess;

/** The kernel answers it, whatever becomes of the agent. */
const isIcmpFine = ({ scope, pairs }: LossSigns, look: Look): boolean =>
  (recentLoss(look, pairs, { network: scope.network, protocol: "icmp", seconds: JUST_NOW_SECONDS }) ?? 1) < 0.05;

/** Of the seconds that are known: a judge that has just begun knows less than its window is long. */
function probesSince({ window, candidate }: Culprit, begun: number, { history }: Look): number {
  const { probes } = window.byScope[candidate.scope]!;
  let sum = 0;
  for (const e of candidate.edges) sum += probes[e]!;
  const known = history.coveredSeconds(window.seconds).reduce((most, seconds) => Math.max(most, seconds), 1);
  return sum * Math.min(1, (window.seconds - begun) / known);
}
