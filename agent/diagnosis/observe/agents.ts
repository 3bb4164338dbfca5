// What agents say of themselves, and the silence of those that say nothing: gone, starved, blind in part, in another
// mesh than the others; and a judge that sees too little to judge.
import { counted } from "../../base/format.ts";
import { median } from "../../base/median.ts";
import type { FindingCode, Scope, Subject } from "../../model/finding.ts";
import { LATE_MS, type AgentEvidence } from "../evidence/evidence.ts";
import type { Look } from "../locate/culprits.ts";
import {
  ONE_MINUTE,
  SEEN_TWICE,
  TEN_MINUTES,
  rankCauses,
  weigh,
  type Observation,
  type Weighed,
} from "./observation.ts";
import { groupSubject } from "./places.ts";
import { countsOf } from "./view.ts";

/** Each kind by itself. */
export const OF_AGENTS: readonly ((look: Look) => Observation[])[] = [silent, starved, notMeasured, membership, unseen];

interface Told {
  readonly code: FindingCode;
  readonly subject: Subject;
  readonly scope?: Scope;
  readonly confidence: number;
  readonly causes: readonly Weighed[];
  readonly opensAfterSeconds: number;
  /** Now, where no row tells when it began. */
  readonly sinceSeconds?: number;
}

export const told = ({ history }: Look, { scope = {}, causes, sinceSeconds, ...rest }: Told): Observation => ({
  ...rest,
  scope,
  figures: {},
  sinceSeconds: sinceSeconds ?? history.now,
  causes: rankCauses(causes),
  isLoss: false,
});

/** Longer than from one look to the next: a single row that did not come is told by the next one. */
const NO_ROW_SECONDS = 12;

/** No row for a minute, while ICMP to the node is answered. */
function silent(look: Look): Observation[] {
  const { evidence, history } = look;
  const covered = history.coveredSeconds(NO_ROW_SECONDS);
  return evidence.nodes.flatMap(({ node, agent, missing, isHeardOf, serving }, i): Observation[] => {
    if (agent || isHeardOf || covered[i]! > 0) return [];
    const to = pairsTo(look, i);
    const icmp = countsOf(evidence, to, { protocol: "icmp" });
    if (icmp.probes === 0 || icmp.lost > icmp.probes * 0.5) return [];
    const tcp = countsOf(evidence, to, { network: "pod", protocol: "tcp" });
    const udp = countsOf(evidence, to, { network: "pod", protocol: "udp" });
    const acceptsTcp = tcp.probes > 0 && tcp.lost + tcp.refusals < tcp.probes * 0.5;
    return [
      told(look, {
        code: "IN-AGENT-DOWN",
        subject: { kind: "node", node: node.name },
        confidence: 0.95,
        causes: [
          weigh("agent-dead", 1, [
            [true, `no row: ${missing ?? "no answer"}`, 1],
            [tcp.refusals > 0, "its probe port is refused", 3],
            [serving === false, "the cluster says that it is not ready", 1],
            [acceptsTcp, "its port still accepts connections", -2],
          ]),
          weigh("agent-frozen", 0, [
            [
              acceptsTcp && udp.lost > udp.probes * 0.5,
              "connections are accepted, which the kernel does, and nothing is served",
              4,
            ],
            [tcp.refusals > 0, "its probe port is refused", -3],
          ]),
        ],
        opensAfterSeconds: ONE_MINUTE,
      }),
    ];
  });
}

function pairsTo({ evidence }: Look, node: number): number[] {
  const found: number[] = [];
  for (let pair = 0; pair < evidence.pairs.count; pair++)
    if (evidence.pairs.destination[pair] === node) found.push(pair);
  return found;
}

/** Of a minute's probes, the share that may be skipped. */
const SKIPPED = 0.02;

function starved(look: Look): Observation[] {
  const { evidence } = look;
  const probes = new Float64Array(evidence.nodes.length);
  for (const path of evidence.paths)
    for (let pair = 0; pair < evidence.pairs.count; pair++) probes[evidence.pairs.source[pair]!]! += path.probes[pair]!;
  return evidence.nodes.flatMap(({ node, agent }, i): Observation[] => {
    if (!agent) return [];
    const { tickLagMaxMs, probesSkipped } = agent.health;
    const isSkipping = probesSkipped > SKIPPED * (probes[i]! + probesSkipped);
    if (!isSkipping) return [];
    return [
      told(look, {
        code: "IN-AGENT-STARVED",
        subject: { kind: "node", node: node.name },
        confidence: 0.95,
        causes: [
          weigh("agent-starved", 2, [
            [true, `it skipped ${counted(probesSkipped, "probe")} in a minute`, 2],
            [tickLagMaxMs > LATE_MS, `its tick ran up to ${Math.round(tickLagMaxMs)} ms late`, 2],
          ]),
        ],
        opensAfterSeconds: ONE_MINUTE,
      }),
    ];
  });
}

function notMeasured(look: Look): Observation[] {
  const faults = look.evidence.nodes.flatMap(({ node, agent }) =>
    (agent?.health.unavailable ?? []).map((fault) => ({ ...fault, node: node.name })),
  );
  const known = look.evidence.nodes.filter(({ agent }) => agent).length;
  return [...Map.groupBy(faults, ({ network, protocol }) => `${network} ${protocol}`).values()].map((same) => {
    const [{ network, protocol, reason }] = same as [(typeof same)[number], ...typeof same];
    const nodes = [...new Set(same.map(({ node }) => node))];
    return told(look, {
      code: "IN-NOT-MEASURED",
      subject: subjectOfNodes(nodes, known),
      scope: { network, protocol },
      confidence: 0.99,
      causes: [weigh("missing-permission", 1, [[true, reason, 1]])],
      opensAfterSeconds: ONE_MINUTE,
    });
  });
}

/** One node by its name, all of them as the mesh, some as a group. */
export function subjectOfNodes(nodes: readonly string[], known: number): Subject {
  if (nodes.length === 1) return { kind: "node", node: nodes[0]! };
  return nodes.length >= known ? { kind: "mesh" } : groupSubject(nodes);
}

function membership(look: Look): Observation[] {
  const sized = look.evidence.nodes.flatMap(({ node, agent }) =>
    agent?.meshSize === undefined ? [] : [{ node, agent, size: agent.meshSize }],
  );
  if (sized.length < 3) return [];
  const usual = median(sized.map(({ size }) => size));
  const others = sized.filter(({ size }) => size !== usual);
  if (others.length * 2 >= sized.length) return [];
  return others.map(({ node, agent, size }) =>
    told(look, {
      code: "IN-MEMBERSHIP",
      subject: { kind: "node", node: node.name },
      confidence: 0.95,
      causes: [
        weigh("stale-discovery", 1, [
          [true, `it counts ${counted(size, "node")}, most count ${usual}`, 1],
          [isStale(agent), `its discovery is ${Math.round(agent.health.discoveryAgeSeconds)} s old`, 3],
        ]),
        weigh("upgrade", 0, []),
      ],
      opensAfterSeconds: TEN_MINUTES,
    }),
  );
}

const isStale = (agent: AgentEvidence): boolean => agent.health.discoveryAgeSeconds > TEN_MINUTES;

function unseen(look: Look): Observation[] {
  const { evidence, topology } = look;
  const { nodes, judge } = evidence;
  const missing = nodes.filter(({ agent }) => !agent).length;
  if (judge === undefined || nodes.length < 3 || missing * 2 <= nodes.length) return [];
  const own = Array.from({ length: evidence.pairs.count }, (_, pair) => pair).filter(
    (pair) => evidence.pairs.source[pair] === judge,
  );
  const { probes, lost } = countsOf(evidence, own, {});
  return [
    told(look, {
      code: "IN-UNSEEN",
      subject: { kind: "node", node: nodes[judge]!.node.name },
      confidence: 0.9,
      causes: [
        weigh("this-node", 0, [
          [true, `${missing} of ${topology.nodes} rows are missing`, 1],
          [probes > 0 && lost > probes * 0.8, "from here nearly everything is lost", 3],
          [probes > 0 && lost < probes * 0.2, "from here most is answered", -3],
        ]),
        weigh("agent-dead", 0.5, [[probes > 0 && lost < probes * 0.2, "the nodes answer, their agents do not", 2]]),
      ],
      opensAfterSeconds: SEEN_TWICE,
    }),
  ];
}
