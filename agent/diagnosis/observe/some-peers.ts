// Pairs that lose and share a node are one finding of that node: it has lost some of its peers, or all of them. All is
// found pair by pair where one of the peers has just been gone itself, so that its pair has lost more than the others.
import { counted } from "../../base/format.ts";
import type { NodeEvidence } from "../evidence/evidence.ts";
import { NETWORKS } from "../../model/peer.ts";
import { nodeGone } from "./loss-causes.ts";
import type { Look } from "../locate/culprits.ts";
import { rankCauses, weigh, type Observation } from "./observation.ts";
import { edgesOf } from "./places.ts";
import { JUST_NOW_SECONDS, pairsOn, recentLoss } from "./view.ts";

/** From so many pairs on. */
const SEVERAL = 3;
/** Of these most must be lost entirely: noisy pairs that happen to meet at a node are pairs. */
const MOSTLY = 0.6;
/** Of a node that tells nothing itself, each pair must lose more. */
const HALF = 0.5;

export function mergePairs(losses: readonly Observation[], look: Look): Observation[] {
  const { evidence, topology } = look;
  const pairs = losses.filter(({ subject, code }) => subject.kind === "pair" && code !== "IN-SOME-PATHS");
  const byNode = new Map<string, Observation[]>();
  for (const pair of pairs) {
    if (pair.subject.kind !== "pair") continue;
    for (const node of pair.subject.nodes) byNode.set(node, [...(byNode.get(node) ?? []), pair]);
  }
  let rest = losses;
  const merged: Observation[] = [];
  for (const [node, all] of [...byNode].sort(([, a], [, b]) => b.length - a.length)) {
    const own = all.filter((pair) => rest.includes(pair));
    const cut = own.filter(({ code }) => code === "IN-PAIR-CUT");
    const index = evidence.nodes.findIndex((n) => n.node.name === node);
    const peers = topology.start[index + 1]! - topology.start[index]!;
    // With three nodes a pair may be called undecided while its end is.
    const lost = own.filter(({ code, figures }) => code === "IN-PAIR-CUT" || (figures.loss ?? 0) > HALF);
    const isSilent = peers > 1 && lost.length === peers && !evidence.nodes[index]!.agent && topology.nodes > 2;
    const isAlone = isSilent && lost.every((pair) => isLostOnAll(pair, look));
    if (isAlone) {
      rest = rest.filter((loss) => !own.includes(loss));
      merged.push(allOf(evidence.nodes[index]!, own, look));
      continue;
    }
    if (own.length < SEVERAL || cut.length < own.length * MOSTLY) continue;
    rest = rest.filter((loss) => !own.includes(loss));
    merged.push(someOf(node, own, { peers, localErrors: evidence.nodes[index]!.agent?.health.localErrors ?? 0 }));
  }
  return [...rest, ...merged];
}

/** What loses all of one network or protocol, and passes another, leads to a node that is there. */
function isLostOnAll({ subject, scope }: Observation, look: Look): boolean {
  if (scope.network === undefined && scope.protocol === undefined && scope.family === undefined) return true;
  const { evidence, topology } = look;
  const pairs = pairsOn(edgesOf(subject, evidence, topology), topology);
  return NETWORKS.every((network) => (recentLoss(look, pairs, { network, seconds: JUST_NOW_SECONDS }) ?? 1) > HALF);
}

function allOf(node: NodeEvidence, pairs: readonly Observation[], look: Look): Observation {
  const sinceSeconds = Math.max(...pairs.map((pair) => pair.sinceSeconds));
  const sum = (of: "lost" | "probes"): number => pairs.reduce((total, { figures }) => total + (figures[of] ?? 0), 0);
  return {
    code: "IN-NODE-DOWN",
    subject: { kind: "node", node: node.node.name },
    scope: {},
    figures: {
      loss: Math.min(1, sum("lost") / Math.max(1, sum("probes"))),
      lost: sum("lost"),
      probes: sum("probes"),
      pairs: pairs.length,
      losingPairs: pairs.length,
    },
    confidence: Math.min(...pairs.map(({ confidence }) => confidence)),
    sinceSeconds,
    causes: rankCauses(nodeGone({ node, sinceSeconds }, look)),
    opensAfterSeconds: Math.max(...pairs.map(({ opensAfterSeconds }) => opensAfterSeconds)),
    lostUntilSeconds: lostUntil(pairs),
    isLoss: true,
  };
}

const lostUntil = (pairs: readonly Observation[]): number =>
  Math.max(...pairs.map(({ lostUntilSeconds = Number.POSITIVE_INFINITY }) => lostUntilSeconds));

function someOf(
  node: string,
  pairs: readonly Observation[],
  { peers, localErrors }: { readonly peers: number; readonly localErrors: number },
): Observation {
  const [first] = pairs as readonly [Observation, ...Observation[]];
  const said = `${pairs.length} of its ${peers} peers are lost, the others are fine`;
  const network = first.scope.network;
  const isOneNetwork = network !== undefined && pairs.every(({ scope }) => scope.network === network);
  return {
    code: "IN-SOME-PEERS",
    subject: { kind: "node", node },
    scope: isOneNetwork ? { network } : {},
    figures: { pairs: peers, losingPairs: pairs.length },
    confidence: Math.min(...pairs.map(({ confidence }) => confidence)),
    sinceSeconds: Math.min(...pairs.map(({ sinceSeconds }) => sinceSeconds)),
    causes: rankCauses([
      weigh("neighbour-full", 1, [
        [true, said, 1],
        [localErrors > 0, `its agent counts ${counted(localErrors, "error")} of its own in a minute`, 2],
      ]),
      weigh("stale-entry", 1, [
        [true, said, 1],
        [isOneNetwork, `only the ${network ?? ""} network is concerned`, 1],
      ]),
      weigh("cni", 0, [[network === "pod" && isOneNetwork, "the node network to the same peers is fine", 2]]),
    ]),
    opensAfterSeconds: Math.max(...pairs.map(({ opensAfterSeconds }) => opensAfterSeconds)),
    lostUntilSeconds: lostUntil(pairs),
    isLoss: true,
  };
}
