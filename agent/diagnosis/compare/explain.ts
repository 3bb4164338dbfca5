// A finding whose cause the kernels of its nodes tell: their sentence becomes its first cause. Pure.
import type { Cause, CauseKind, Finding, Subject } from "../../model/finding.ts";
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
  "softnet-drops": "node-link",
  "setting-differs": "cni",
};
/** They explain large packets that vanish, and no other loss. */
const OF_SIZE: ReadonlySet<CauseKind> = new Set(["tunnel-mtu"]);
const MOST = 3;

export function explainedBy(findings: readonly Finding[], differences: readonly Difference[]): Finding[] {
  return findings.map((finding) => {
    const told = differences.filter((one) => one.isFault && explains(one, finding)).slice(0, MOST);
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
      cure: CAUSES[causes[0]!.kind].cure,
    };
  });
}

function explains({ kind, node, towards }: Difference, { code, subject }: Finding): boolean {
  const cause = CAUSE_OF[kind];
  if (cause === undefined) return false;
  const isOfSize = code === "IN-PATH-MTU";
  if (OF_SIZE.has(cause) !== isOfSize || (!isOfSize && !CODES[code].breaksReach)) return false;
  return concerns(subject, node, towards);
}

/** A difference between two nodes is a cause for the pair and for each of them; one of a node for all that it is part of. */
function concerns(subject: Subject, node: string, towards: string | undefined): boolean {
  switch (subject.kind) {
    case "node":
      return subject.node === node || subject.node === towards;
    case "pair":
    case "group":
      return subject.nodes.includes(node) && (towards === undefined || subject.nodes.includes(towards));
    case "zone":
    case "zone-pair":
    case "mesh":
      return false;
  }
}

/** Nodes that findings name, whose kernels are worth asking. */
export function nodesToAsk(findings: readonly Finding[]): string[] {
  const names = findings
    .filter(({ code }) => code === "IN-PATH-MTU" || CODES[code].breaksReach)
    .flatMap(({ subject }) =>
      subject.kind === "node"
        ? [subject.node]
        : subject.kind === "pair" || subject.kind === "group"
          ? subject.nodes
          : [],
    );
  return [...new Set(names)];
}
