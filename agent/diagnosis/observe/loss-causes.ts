// Why a place loses: every cause is weighed by signs that were seen for and against it. Weights are in nats or so:
// what is seen in one of twenty such faults by chance counts three.
import { counted } from "../../base/format.ts";
import { waysText } from "../catalogue/words.ts";
import type { Cause, FindingCode } from "../../model/finding.ts";
import { LATE_MS } from "../evidence/evidence.ts";
import { rankCauses, weigh, type Sign, type Weighed } from "./observation.ts";
import type { Look } from "../locate/culprits.ts";
import { onsetOf } from "../locate/rhythm.ts";
import type { LossSigns } from "./losses.ts";
import { countsOf, lateSince } from "./view.ts";
import { asymmetrySigns, routeSigns, waysOf } from "./ways.ts";

/** Variance over mean by second from which losses come in bursts. */
const BURSTS = 4;
const IN_STEP = 0.5;
/** What comes and goes leaves so many of the seconds since it began without a loss. */
const QUIET_BETWEEN = 0.25;

export function lossCauses(signs: LossSigns, code: FindingCode, look: Look): Cause[] {
  return rankCauses(causesFor(signs, code, look));
}

function causesFor(signs: LossSigns, code: FindingCode, look: Look): Weighed[] {
  const rhythm = rhythmCauses(signs, look);
  const tables = tableCauses(signs, look);
  const route = routeCauses(signs, look);
  const policy = policyCauses(signs);
  switch (code) {
    case "IN-NODE-DOWN":
      return nodeGone(signs, look);
    case "IN-AGENT-DOWN":
      return agentGone(signs, look);
    case "IN-AGENT-STARVED":
      return [weigh("agent-starved", 3, healthSigns(signs, look)), weigh("queue", 0.5, [])];
    case "IN-SOME-PATHS":
      return [weigh("equal-path", 3, [[true, "some source ports or pairs lose everything and others nothing", 3]])];
    case "IN-DROPPED":
    case "IN-FAMILY-LOSS":
      return [...policy, ...tables, ...agentGone(signs, look).filter(({ weight }) => weight > 3)];
    case "IN-POD-NETWORK":
      return [weigh("cni", 3, networkSigns(signs)), ...policy, ...agentGone(signs, look), ...tables, ...route];
    case "IN-NODE-NETWORK":
      return [weigh("node-firewall", 3, networkSigns(signs)), ...policy];
    case "IN-BETWEEN":
      return [weigh("either-end", 3, [[true, "too few other nodes to compare with", 1]]), ...rhythm];
    case "IN-PAIR-CUT":
      return [...staleEntry(signs), weigh("pair-path", 1, networkSigns(signs)), ...route, ...policy];
    case "IN-PAIR-LOSS":
      return [weigh("pair-path", 2, networkSigns(signs)), ...rhythm, ...route, ...tables];
    case "IN-ZONE-LOSS":
    case "IN-GROUP-LOSS":
      return [weigh("shared-uplink", 3, networkSigns(signs)), ...rhythm, ...route];
    case "IN-ZONE-PAIR-LOSS":
      return [weigh("zone-interconnect", 3, networkSigns(signs)), ...rhythm, ...route];
    case "IN-MESH-LOSS":
      return [weigh("shared-uplink", 1, networkSigns(signs)), ...rhythm, ...route];
    default:
      // Where all of it is lost, nothing overflows now and then.
      return [nodeLink(signs), ...(signs.isTotal ? policy : rhythm), ...tables, ...route, ...cutOff(signs)];
  }
}

function networkSigns({ subject, scope, outside, culprit }: LossSigns): Sign[] {
  const other = scope.network === "pod" ? "node" : "pod";
  const { out, in: into, direction } = culprit.direction;
  return [
    [scope.network !== undefined && (outside ?? 1) < 0.002, `the ${other} network between the same nodes is fine`, 2],
    [scope.network === undefined && scope.protocol === undefined, "all networks that are measured lose alike", 1],
    [
      direction === "out" || direction === "in",
      `UDP lost ${counted(Math.round(out), "packet")} ${waysText(subject)[0]} and ${Math.round(into)} ${waysText(subject)[1]}`,
      1,
    ],
  ];
}

/** The control plane gives a kubelet that is silent 50 s, and tells a while later that its pods are not ready. */
const KUBELET_MISSED_SECONDS = 95;

export function nodeGone({ node, sinceSeconds }: Pick<LossSigns, "node" | "sinceSeconds">, look: Look): Weighed[] {
  const ready = node?.facts?.ready;
  const isReporting = node?.serving === true && heardSeconds(look) - sinceSeconds > KUBELET_MISSED_SECONDS;
  return [
    weigh("node-dead", 2, [
      [true, "nothing answers on any network", 1],
      [ready === false, "the cluster says NotReady", 2],
      [ready === true, "the cluster says Ready", -2],
      [node?.serving === false, "its agent is not ready by discovery", 1],
      [isReporting, "discovery still calls its agent ready", -2],
    ]),
    weigh("node-cut-off", 1, [
      [isReporting, "discovery still calls its agent ready: its kubelet reports", 3],
      [ready === true, "the cluster says Ready: its kubelet reports", 3],
      [ready === false, "its kubelet does not report either", -0.5],
      [node?.facts?.unschedulable === true, "it is cordoned: somebody works on it", -0.5],
    ]),
  ];
}

/** When the judge last heard of discovery. */
const heardSeconds = ({ evidence }: Look): number =>
  evidence.atSeconds -
  ((evidence.judge === undefined ? undefined : evidence.nodes[evidence.judge]!.agent?.health.discoveryAgeSeconds) ??
    Number.POSITIVE_INFINITY);

const nodeLink = (signs: LossSigns): Weighed =>
  weigh("node-link", 2, [
    ...networkSigns(signs),
    [signs.scope.protocol !== undefined, "only one protocol is lost: a link loses all alike", -2],
  ]);

function cutOff({ node, isTotal, scope }: LossSigns): Weighed[] {
  if (!node?.agent || !isTotal || scope.protocol !== undefined) return [];
  return [weigh("node-cut-off", 4, [[true, "its own agent still reports, and sees nobody", 2]])];
}

function agentGone({ node, pairs, scope }: LossSigns, look: Look): Weighed[] {
  if (!node || node.agent) return [];
  const of = (protocol: "icmp" | "tcp" | "udp") => countsOf(look.evidence, pairs, { network: "pod", protocol });
  const [icmp, tcp, udp] = [of("icmp"), of("tcp"), of("udp")];
  const answersIcmp = icmp.probes > 0 && icmp.lost < icmp.probes * 0.5;
  const losesUdp = udp.probes > 0 && udp.lost > udp.probes * 0.5;
  const acceptsTcp = tcp.probes > 0 && tcp.lost + tcp.refusals < tcp.probes * 0.5;
  return [
    weigh("agent-dead", 1, [
      [true, "its row does not come", 1],
      [tcp.refusals > tcp.probes * 0.3, "its probe port is refused", 3],
      [node.serving === false, "the cluster says that it is not ready", 2],
      [acceptsTcp, "its port still accepts connections", -2],
    ]),
    weigh("agent-frozen", 0.5, [
      [answersIcmp && losesUdp, "ICMP to its pod is answered, UDP is not", 1.5],
      [acceptsTcp && losesUdp, "connections are accepted, which the kernel does, and nothing is served", 2],
      [tcp.refusals > 0, "its probe port is refused", -2],
      [scope.protocol === undefined && !answersIcmp, "ICMP to its pod is lost as well", -3],
    ]),
  ];
}

function healthSigns(signs: LossSigns, look: Look): Sign[] {
  const { node, members } = signs;
  const health = node?.agent?.health;
  const late = lateSince(signs, look);
  return [
    [true, "ICMP, which the kernel answers, is fine", 1],
    [
      !node && late > 0,
      `${late} of its ${counted(members.length, "agent")} ${late === 1 ? "runs late or skips" : "run late or skip"} probes`,
      3,
    ],
    [(health?.tickLagMaxMs ?? 0) > LATE_MS, `its tick ran up to ${Math.round(health?.tickLagMaxMs ?? 0)} ms late`, 3],
    [(health?.probesSkipped ?? 0) > 0, `it skipped ${counted(health?.probesSkipped ?? 0, "probe")} in a minute`, 3],
    [(health?.socketDrops ?? 0) > 0, "its sockets have dropped packets", 2],
  ];
}

function rhythmCauses({ culprit, pairs }: LossSigns, look: Look): Weighed[] {
  // A heavy loss that lasts has as large a variance, and no pause.
  const since = culprit.rhythm.subarray(onsetOf(culprit.rhythm));
  const isPaused = since.filter((lost) => lost < 0.5).length >= QUIET_BETWEEN * since.length;
  const isBursty = culprit.burstiness >= BURSTS && isPaused;
  const share = inStep(culprit, look);
  return [
    weigh("flap", isBursty ? 1 : -1, [
      [isBursty && share >= IN_STEP, `${Math.round(share * 100)} % of its pairs lose in the same seconds`, 3],
      [isBursty, "it comes and goes", 1],
      [!isBursty, "it loses all the time", -1],
    ]),
    weigh("queue", isBursty ? 0.5 : 1, [
      // Of what comes and goes for all, each pair loses a part: were they not in step, the whole would be no burst.
      [isBursty && share < IN_STEP, "not all of its pairs lose in the same second", 1],
      [!isBursty && pairs.length > 2, "losses are spread evenly over time and pairs", 1],
    ]),
  ];
}

/** Of the pairs, the share that loses in a second in which any does, in the worst tenth of such seconds. */
function inStep({ rhythm, candidate, window }: LossSigns["culprit"], { topology }: Look): number {
  const slots = [...candidate.edges].reduce(
    (sum, e) => sum + (topology.there[e]! >= 0 ? 1 : 0) + (topology.back[e]! >= 0 ? 1 : 0),
    0,
  );
  const perSecond = window.byScope[candidate.scope]!;
  const probes = [...candidate.edges].reduce((sum, e) => sum + perSecond.probes[e]!, 0) / window.seconds;
  const losing = [...rhythm].filter((lost) => lost > 0).sort((a, b) => b - a);
  const worst = losing.slice(0, Math.max(1, Math.floor(losing.length / 10)));
  const mean = worst.reduce((sum, n) => sum + n, 0) / Math.max(1, worst.length);
  return slots === 0 || probes === 0 ? 0 : Math.min(1, mean / probes);
}

function tableCauses({ node, pairs, scope }: LossSigns, look: Look): Weighed[] {
  const localErrors = node?.agent?.health.localErrors ?? 0;
  const tcp = countsOf(look.evidence, pairs, { ...scope, protocol: "tcp" });
  const udp = countsOf(look.evidence, pairs, { ...scope, protocol: "udp" });
  const all = countsOf(look.evidence, pairs, scope);
  const ratio = ({ lost, probes }: typeof tcp): number => (probes > 0 ? lost / probes : 0);
  return [
    weigh("conntrack-full", -2, [
      [
        tcp.probes > 0 && udp.probes > 0 && ratio(tcp) > 0.05 && ratio(tcp) > 5 * ratio(udp),
        "new connections fail, old flows go on",
        4,
      ],
      [scope.protocol === "tcp" && node !== undefined, "TCP of one node alone: what its table knows goes on", 2],
      [localErrors > 0, `${counted(localErrors, "error")} of its own in a minute`, 2],
    ]),
    weigh("neighbour-full", -2, [
      [all.unreachable > all.lost * 0.3 && all.unreachable > 0, "peers are unreachable at once", 3],
      [localErrors > 0, `${counted(localErrors, "error")} of its own in a minute`, 2],
      [all.losingPairs > 0 && all.losingPairs < all.pairs * 0.7, "only some of its peers", 1],
    ]),
  ];
}

function routeCauses({ pairs, scope, sinceSeconds }: LossSigns, look: Look): Weighed[] {
  const ways = waysOf(look, scope.network);
  return [
    weigh("route-changed", -1, routeSigns(ways, pairs, sinceSeconds)),
    weigh("route-asymmetric", -1, asymmetrySigns(ways, pairs)),
  ];
}

function policyCauses({ scope, isTotal, outside, culprit, node }: LossSigns): Weighed[] {
  const isOneProtocol = scope.protocol !== undefined || culprit.window.scopes[culprit.candidate.scope]!.isProcess;
  return [
    weigh("policy-drop", isOneProtocol && isTotal ? 3 : -1, [
      [isOneProtocol && isTotal, "all of one protocol, and no answer at all", 1],
      [(outside ?? 1) < 0.002 && isOneProtocol, "other protocols between the same nodes are fine", 1],
      [!isTotal, "some of it passes", -3],
      [
        isOneProtocol && node !== undefined,
        "it is one node: a policy names pods by labels, which all nodes' agents share",
        -2,
      ],
    ]),
  ];
}

function staleEntry({ culprit, isTotal, outside, scope }: LossSigns): Weighed[] {
  const { direction } = culprit.direction;
  return [
    weigh("stale-entry", 1, [
      [isTotal, "everything between exactly these two is lost", 1],
      [direction === "out" || direction === "in", "one way only", 2],
      [direction === "both", "both ways", -1],
      [scope.network === "pod" && (outside ?? 1) < 0.002, "the node network between them is fine", 1],
      [scope.network === undefined && scope.protocol === undefined, "all networks between them are lost alike", -0.5],
    ]),
  ];
}
