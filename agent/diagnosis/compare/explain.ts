// A finding whose cause the kernels of its nodes tell: their sentence becomes its first cause. Pure.
import type { Cause, CauseKind, Finding, FindingCode, Subject } from "../../model/finding.ts";
import type { Node } from "../../model/peer.ts";
import { CAUSES } from "../catalogue/causes.ts";
import { CODES } from "../catalogue/codes.ts";
import type { Difference, DifferenceKind } from "./difference.ts";

/** What each difference is as a cause; undefined for what breaks nothing, or is itself a sign of something else. */
const CAUSE_OF: Readonly<Partial<Record<DifferenceKind, CauseKind>>> = {
  "route-missing": "stale-entry",
  "route-elsewhere": "stale-entry",
  "route-blackholed": "stale-entry",
  "forwarding-missing": "stale-entry",
  "forwarding-elsewhere": "stale-entry",
  "neighbour-missing": "stale-entry",
  "neighbour-elsewhere": "stale-entry",
  "interface-missing": "cni",
  "interface-down": "cni",
  "mtu-differs": "tunnel-mtu",
  "tunnel-mtu": "tunnel-mtu",
  "neighbours-full": "neighbour-full",
  "conntrack-full": "conntrack-full",
  "interface-drops": "node-link",
  "queue-drops": "queue",
  "softnet-drops": "queue",
  "softnet-squeezes": "queue",
  "setting-differs": "cni",
};
/** Where the cause's own cure is too general. */
const CURE_OF: Readonly<Partial<Record<DifferenceKind, string>>> = {
  "mtu-differs": "Give the interface the MTU that its peers have, or lower the CNI's to what it carries.",
  "softnet-drops": `Raise net.core.netdev_max_backlog, spread the interface's work over more processors (RPS, more queues), and find what floods the node.`,
  "softnet-squeezes": `Raise net.core.netdev_budget and netdev_budget_usecs, spread the interface's work over more processors (RPS, more queues), and find what floods the node.`,
  "queue-drops": "Look who fills it (tc -s qdisc, tc -s class); raise its rate or its limit, or send less.",
  "setting-differs": "Set it as on the other nodes, and see what changed it.",
};
/** Sizes explain large packets that vanish, and no other loss. */
const OF_SIZE: ReadonlySet<DifferenceKind> = new Set(["mtu-differs", "tunnel-mtu"]);
/** What makes packets wait. */
const OF_DELAY: ReadonlySet<DifferenceKind> = new Set(["queue-drops", "softnet-drops", "softnet-squeezes"]);
/** What a node refuses to anything new, a look-up of a name or a connection to a Service before all. */
const OF_NODE: ReadonlySet<DifferenceKind> = new Set(["conntrack-full", "neighbours-full", "setting-differs"]);
/** No fault by itself, and a cause where packets are lost or late. */
const SIGNS: ReadonlySet<DifferenceKind> = new Set(["softnet-squeezes"]);
/** What says that packets died, and not of what: a tunnel counts as its own drops what has no neighbour or no route. */
const UNEXPLAINED: ReadonlySet<DifferenceKind> = new Set(["interface-drops"]);
const MOST = 3;

/** `asked`: the nodes whose kernels told the differences, or that there are none. */
export function explainedBy(
  findings: readonly Finding[],
  differences: readonly Difference[],
  asked: readonly Node[],
): Finding[] {
  const causal = differences.filter(({ isFault, kind }) => isFault || SIGNS.has(kind));
  return findings.map((finding) => {
    const told = causal
      .filter(
        (one) =>
          CAUSE_OF[one.kind] !== undefined &&
          explainsCode(one.kind, finding.code) === true &&
          concerns(finding.subject, one, { causal, asked }),
      )
      .sort((a, b) => Number(UNEXPLAINED.has(a.kind)) - Number(UNEXPLAINED.has(b.kind)));
    told.splice(MOST);
    const [first] = told;
    if (first === undefined) return finding;
    const causes = told.map((one): Cause => {
      const others = told.filter((other) => other !== one && other.kind === one.kind).length;
      return {
        kind: CAUSE_OF[one.kind]!,
        text: `${one.text}.`,
        for: ["the kernels of the nodes say so", ...(others > 0 ? [`${others} more of its kind`] : [])],
        against: [],
      };
    });
    const nodes = [first.node, ...(first.towards === undefined ? [] : [first.towards])].join(" ");
    return {
      ...finding,
      causes: [...causes, ...finding.causes],
      next: `internode ${first.part} ${nodes}`,
      cure: CURE_OF[first.kind] ?? CAUSES[causes[0]!.kind].cure,
    };
  });
}

/** Undefined for codes that no kernel of a node explains. */
function explainsCode(kind: DifferenceKind, code: FindingCode): boolean | undefined {
  switch (code) {
    case "IN-PATH-MTU":
      return OF_SIZE.has(kind);
    case "IN-LATENCY":
      return OF_DELAY.has(kind);
    case "IN-DNS":
    case "IN-SERVICE-PATH":
      return OF_NODE.has(kind);
    default:
      return CODES[code].isLoss || CODES[code].breaksReach ? !OF_SIZE.has(kind) : undefined;
  }
}

interface Told {
  readonly causal: readonly Difference[];
  readonly asked: readonly Node[];
}

/**
 * A difference between two nodes is a cause for the pair and for each of them; one of a node for all that it is part of;
 * of a zone or of the mesh, what most of its nodes tell alike.
 */
function concerns(subject: Subject, difference: Difference, { causal, asked }: Told): boolean {
  const { kind, node, towards } = difference;
  switch (subject.kind) {
    case "node":
      return subject.node === node || subject.node === towards;
    case "pair":
    case "group":
      return subject.nodes.includes(node) && (towards === undefined || subject.nodes.includes(towards));
    case "zone":
    case "zone-pair":
    case "mesh": {
      if (towards !== undefined) return false;
      const alike = new Set(causal.filter((one) => one.kind === kind && !one.towards).map((one) => one.node));
      return placesOf(subject, asked).some((names) => {
        const having = names.filter((name) => alike.has(name)).length;
        return names.includes(node) && having > 1 && having > names.length / 2;
      });
    }
  }
}

/** The nodes of each place that it is about. */
function placesOf(subject: Subject, nodes: readonly Node[]): string[][] {
  const inZone = (zone: string) => nodes.filter((node) => node.zone === zone).map(({ name }) => name);
  switch (subject.kind) {
    case "node":
      return [[subject.node]];
    case "pair":
    case "group":
      return [[...subject.nodes]];
    case "zone":
      return [inZone(subject.zone)];
    case "zone-pair":
      return [...new Set(subject.zones)].map(inZone);
    case "mesh":
      return [nodes.map(({ name }) => name)];
  }
}

/** Nodes that findings are about, whose kernels are worth asking: those that are named first. */
export function nodesToAsk(findings: readonly Finding[], nodes: readonly Node[]): string[] {
  const subjects = findings
    .filter(({ code }) => explainsCode("route-missing", code) !== undefined)
    .map(({ subject }) => subject);
  const isNamed = ({ kind }: Subject) => kind === "node" || kind === "pair" || kind === "group";
  const ordered = [...subjects.filter(isNamed), ...subjects.filter((subject) => !isNamed(subject))];
  return [...new Set(ordered.flatMap((subject) => placesOf(subject, nodes).flat()))];
}
