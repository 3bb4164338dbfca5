// What is marked on pairs and is no loss: large packets that vanish, probes that are rejected, round trips that have
// become slower, routes that have changed.
import { counted } from "../../base/format.ts";
import { median } from "../../base/median.ts";
import type { FindingCode, Figures, Scope } from "../../model/finding.ts";
import { NETWORKS, type Network } from "../../model/peer.ts";
import { RTT_LATELY_SECONDS } from "../../model/window.ts";
import type { Steps } from "../../base/slices.ts";
import { SECONDS_TOLD, pathName, type PathEvidence } from "../evidence/evidence.ts";
import { isMuchSlower, isSlow } from "../evidence/delays.ts";
import { STEP, lostSeconds, type PathHistory } from "../evidence/path-history.ts";
import { isBitSet, ringMask } from "../evidence/ring.ts";
import type { Look } from "../locate/culprits.ts";
import { cover, type Covered } from "./cover.ts";
import {
  ONE_MINUTE,
  SEEN_THRICE,
  SEEN_TWICE,
  rankCauses,
  weigh,
  type Observation,
  type Weighed,
} from "./observation.ts";
import { subjectOf } from "./places.ts";
import { mostlyChanged, readWays, routeSigns, waysOf } from "./ways.ts";

/** Each kind of mark by itself. */
export const MARKS: readonly ((look: Look) => Steps<Observation[]>)[] = [
  (look) => each(look.evidence.paths, (path) => pathMtu(look, path)),
  (look) => each(look.evidence.paths, (path) => rejected(look, path)),
  (look) => each(NETWORKS, (network) => slower(look, network)),
  (look) => each(NETWORKS, (network) => changedRoutes(look, network)),
];

/** One after the other. */
function* each<T>(all: readonly T[], marked: (one: T) => Steps<Observation[]>): Steps<Observation[]> {
  const found: Observation[] = [];
  for (const one of all) {
    found.push(...(yield* marked(one)));
    yield;
  }
  return found;
}

interface Marked {
  readonly code: FindingCode;
  readonly scope: Scope;
  readonly figures: Figures;
  readonly causes: readonly Weighed[];
  readonly opensAfterSeconds: number;
}

function observationOf(look: Look, covered: Covered, marked: Marked): Observation {
  const { evidence, topology, history } = look;
  return {
    code: marked.code,
    subject: subjectOf(covered.place, evidence, topology),
    scope: marked.scope,
    direction: covered.direction,
    figures: { ...marked.figures, pairs: covered.measured, losingPairs: covered.marked.length },
    confidence: covered.place.kind === "pair" ? 0.95 : Math.min(0.99, covered.marked.length / covered.measured),
    sinceSeconds: history.now,
    causes: rankCauses(marked.causes),
    opensAfterSeconds: marked.opensAfterSeconds,
    isLoss: false,
  };
}

function* pairsWhere({ evidence }: Look, matches: (pair: number) => boolean): Steps<number[]> {
  const found: number[] = [];
  for (let pair = 0; pair < evidence.pairs.count; pair++) {
    if (pair % STEP === STEP - 1) yield;
    if (matches(pair)) found.push(pair);
  }
  return found;
}

/** Where pairs are marked, which are few or none, the places that cover them: only then anybody asks for what is measured. */
function* coverOf(look: Look, marked: readonly number[], isMeasured: (pair: number) => boolean): Steps<Covered[]> {
  if (marked.length === 0) return [];
  const measured = yield* pairsWhere(look, isMeasured);
  return yield* cover(marked, measured, { pairs: look.evidence.pairs, topology: look.topology });
}

const LOSSY = 0.05;
/** Sizes are verified once a minute: so long after the losses the last of them is still told. */
const LOSSY_SECONDS = 180;

function* pathMtu(look: Look, path: PathEvidence): Steps<Observation[]> {
  const { mtuPasses, mtuShortfall, network, family } = path;
  if (!mtuPasses || !mtuShortfall) return [];
  const isMeasured = (pair: number): boolean => mtuPasses[pair]! > 0;
  // Where a twentieth is lost anyway, three large packets are lost now and then while three small ones pass.
  const kept = look.history.paths.get(pathName(path));
  const mask = ringMask(look.history.now, LOSSY_SECONDS);
  const isLossy = (pair: number): boolean =>
    kept !== undefined && lostSeconds(kept, pair, mask) > LOSSY * kept.perMinute[pair]!;
  const short = yield* pairsWhere(look, (pair) => mtuShortfall[pair]! > 0 && isMeasured(pair) && !isLossy(pair));
  return (yield* coverOf(look, short, isMeasured)).map((covered) => {
    const passesBytes = Math.min(...covered.marked.map((pair) => mtuPasses[pair]!));
    const shortfallBytes = Math.max(...covered.marked.map((pair) => mtuShortfall[pair]!));
    return observationOf(look, covered, {
      code: "IN-PATH-MTU",
      scope: { network, family },
      figures: { passesBytes, shortfallBytes },
      causes: [
        weigh("tunnel-mtu", 2, [
          [true, `the kernel believes in ${passesBytes + shortfallBytes} bytes, ${passesBytes} pass`, 1],
          [network === "pod", "it is the pod network, whose tunnel takes some bytes", 1],
        ]),
        weigh("pair-path", 0.5, [[covered.place.kind === "pair", "only these two are concerned", 1]]),
      ],
      opensAfterSeconds: SEEN_TWICE,
    });
  });
}

/** Share of a minute's probes that are turned away, from which on somebody says no. */
const REJECTED = 0.5;

function* rejected(look: Look, path: PathEvidence): Steps<Observation[]> {
  const { evidence, history } = look;
  const agentAt = (pair: number) => evidence.nodes[evidence.pairs.destination[pair]!]!.agent;
  // Nobody listens where the agent is gone: that is told of the agent.
  const isMeasured = (pair: number): boolean => path.probes[pair]! > 0 && agentAt(pair) !== undefined;
  // What was refused before an agent began to listen is still in the minute that is told of it.
  const isUp = (pair: number): boolean => {
    const agent = agentAt(pair);
    return agent !== undefined && (path.blocked[pair]! > 0 || agent.uptimeSeconds > SECONDS_TOLD);
  };
  const kept = history.paths.get(pathName(path));
  const marked = (yield* turnedAway(evidence.pairs.count, path, kept)).filter(isUp);
  return (yield* coverOf(look, marked, isMeasured)).map((covered) => {
    const sum = (of: Uint16Array): number => covered.marked.reduce((total, pair) => total + of[pair]!, 0);
    const [blocked, refused, probes] = [sum(path.blocked), sum(path.refusals), sum(path.probes)];
    const observation = observationOf(look, covered, {
      code: "IN-REJECTED",
      scope: scopeOf(path),
      figures: { lost: blocked + refused, probes, loss: (blocked + refused) / probes },
      causes: [
        weigh("policy-reject", 0, [
          [
            blocked > 0,
            `${counted(blocked, "probe")} of a minute ${blocked === 1 ? "was" : "were"} rejected by another address than the target's`,
            4,
          ],
          [blocked === 0, "the target itself refuses", -1],
        ]),
        weigh("port-closed", 0, [
          [
            refused > 0,
            `${counted(refused, "probe")} of a minute ${refused === 1 ? "was" : "were"} refused by the target itself`,
            3,
          ],
          [refused === 0, "the target itself never refused", -3],
        ]),
      ],
      opensAfterSeconds: SEEN_TWICE,
    });
    const first = Math.min(...covered.marked.map((pair) => (kept ? firstLost(kept, pair, history.now) : history.now)));
    return { ...observation, sinceSeconds: first };
  });
}

/** Pairs whose probes are turned away, which are few or none. */
function* turnedAway(
  pairs: number,
  { probes, blocked, refusals }: PathEvidence,
  kept: PathHistory | undefined,
): Steps<number[]> {
  const found: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    if (pair % STEP === STEP - 1) yield;
    const turned = blocked[pair]! + refusals[pair]!;
    if (turned === 0 && kept?.rejected[pair] !== 1) continue;
    const isTurned = turned >= REJECTED * probes[pair]! || kept?.rejected[pair] === 1;
    if (isTurned && probes[pair]! > 1) found.push(pair);
  }
  return found;
}

/** The first second of the last minute in which a slot lost something; now where it did not. */
function firstLost({ lost }: PathHistory, pair: number, now: number): number {
  let second = now - SECONDS_TOLD + 1;
  while (second < now && !isBitSet(lost, pair, second)) second++;
  return second;
}

const scopeOf = ({ network, protocol, family }: PathEvidence): Scope => ({ network, protocol, family });

function* slower(look: Look, network: Network): Steps<Observation[]> {
  const { evidence, history } = look;
  const paths = evidence.paths.filter((path) => path.network === network);
  const known = paths.flatMap((path) => {
    const kept = history.paths.get(pathName(path));
    return kept ? [{ kept, path }] : [];
  });
  const slow: number[] = [];
  const much = new Set<number>();
  for (let pair = 0; pair < evidence.pairs.count; pair++) {
    if (pair % STEP === STEP - 1) yield;
    // An iterator and an array for each of tens of thousands of pairs are garbage that holds up the agent later.
    let answered = 0;
    let slower = 0;
    let muchSlower = 0;
    for (let k = 0; k < known.length; k++) {
      const { kept, path } = known[k]!;
      const rttNs = path.rttMinNs[pair]!;
      if (Number.isNaN(rttNs)) continue;
      answered++;
      const isMuch = isMuchSlower(kept, pair, latelyNs(path, pair));
      if (isMuch) muchSlower++;
      if (isMuch || isSlow(kept, pair, rttNs)) slower++;
    }
    if (slower * 2 > answered) slow.push(pair);
    if (muchSlower * 2 > answered) much.add(pair);
  }
  const isMeasured = (pair: number): boolean => paths.some(({ rttMinNs }) => !Number.isNaN(rttMinNs[pair]!));
  return (yield* coverOf(look, slow, isMeasured)).map((covered) => {
    const isMuch = covered.marked.filter((pair) => much.has(pair)).length * 2 > covered.marked.length;
    const observation = observationOf(look, covered, {
      code: "IN-LATENCY",
      scope: { network },
      figures: delaysOf(look, covered.marked, paths),
      causes: [
        weigh("longer-path", 1, [
          [true, `even the fastest round trips of ${isMuch ? `${RTT_LATELY_SECONDS} s` : "the minute"} are slow`, 1],
        ]),
        weigh("route-changed", 0, routeSigns(waysOf(look, network), covered.marked)),
      ],
      opensAfterSeconds: isMuch ? SEEN_THRICE : ONE_MINUTE,
    });
    // Even the fastest of them is slow, so all of them were.
    return { ...observation, sinceSeconds: history.now - (isMuch ? RTT_LATELY_SECONDS : SECONDS_TOLD) + 1 };
  });
}

const latelyNs = ({ rttMinNs, rttLatelyNs }: PathEvidence, pair: number): number =>
  rttLatelyNs?.[pair] || rttMinNs[pair]!;

/** Medians over the pairs, so that one far pair does not speak for all. */
function delaysOf({ history }: Look, pairs: readonly number[], paths: readonly PathEvidence[]): Figures {
  const now: number[] = [];
  const before: number[] = [];
  for (const path of paths) {
    const kept = history.paths.get(pathName(path));
    for (const pair of pairs) {
      if (!kept || Number.isNaN(path.rttMinNs[pair]!)) continue;
      now.push(latelyNs(path, pair));
      before.push(kept.usualRttNs[pair]!);
    }
  }
  return { rttNs: median(now), rttBeforeNs: median(before) };
}

/** Only what concerns more than a pair: single routes change all the time, and that is what routing is for. */
function* changedRoutes(look: Look, network: Network): Steps<Observation[]> {
  const ways = yield* readWays(look, network);
  if (ways.changes.size === 0) return [];
  yield;
  const isMeasured = (pair: number): boolean => ways.known[pair] === 1;
  const changed = yield* pairsWhere(look, (pair) => isMeasured(pair) && ways.changes.has(pair));
  return (yield* coverOf(look, changed, isMeasured))
    .filter(({ place }) => place.kind !== "pair")
    .map((covered) => {
      const { now, before, sinceSeconds } = mostlyChanged(ways, covered.marked)!;
      const observation = observationOf(look, covered, {
        code: "IN-ROUTE",
        scope: { network },
        figures: { hops: now, hopsBefore: before },
        causes: [weigh("route-changed", 1, routeSigns(ways, covered.marked))],
        opensAfterSeconds: SEEN_TWICE,
      });
      return { ...observation, sinceSeconds };
    });
}
