// What the judge says of the evidence: the documents of /api/v1/verdict and /api/v1/findings. Types and the names of
// subjects; what a code means, and all text that people read, is in diagnosis/catalogue.
import type { IpFamily, Network, Node, Protocol } from "./peer.ts";

/** Stable: alerts, tickets and links name them. A code is never used again for another meaning. */
export const FINDING_CODES = [
  "IN-NODE-DOWN",
  "IN-NODE-LOSS",
  "IN-SOME-PEERS",
  "IN-AGENT-DOWN",
  "IN-AGENT-STARVED",
  "IN-PAIR-CUT",
  "IN-PAIR-LOSS",
  "IN-BETWEEN",
  "IN-ZONE-LOSS",
  "IN-ZONE-PAIR-LOSS",
  "IN-GROUP-LOSS",
  "IN-MESH-LOSS",
  "IN-POD-NETWORK",
  "IN-NODE-NETWORK",
  "IN-DROPPED",
  "IN-REJECTED",
  "IN-FAMILY-LOSS",
  "IN-SOME-PATHS",
  "IN-PATH-MTU",
  "IN-ROUTE",
  "IN-LATENCY",
  "IN-DNS",
  "IN-SERVICE-PATH",
  "IN-ADDRESS-TWICE",
  "IN-MASQUERADE",
  "IN-MEMBERSHIP",
  "IN-NOT-MEASURED",
  "IN-UNSEEN",
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

/** Where it is. Names are those of the judge's own discovery. */
export type Subject =
  | { readonly kind: "node"; readonly node: string }
  /** In the order of display; `direction` tells the way. */
  | { readonly kind: "pair"; readonly nodes: readonly [string, string] }
  | { readonly kind: "zone"; readonly zone: string }
  /** The same zone twice: inside it. */
  | { readonly kind: "zone-pair"; readonly zones: readonly [string, string] }
  /** Nodes with something in common that we cannot see: a rack, a switch, a hypervisor. */
  | { readonly kind: "group"; readonly id: string; readonly nodes: readonly string[] }
  | { readonly kind: "mesh" };

/** What of it: absent means all that is measured. */
export interface Scope {
  readonly network?: Network;
  readonly protocol?: Protocol;
  readonly family?: IpFamily;
  /** UDP source ports, as indexes, that lose everything they send. */
  readonly sourcePorts?: readonly number[];
}

/** Which way packets die: leaving the subject (of a pair of nodes or zones: from the first to the second), entering it, or both. */
export const DIRECTIONS = ["out", "in", "both"] as const;
export type Direction = (typeof DIRECTIONS)[number];

export interface Figures {
  /** Share of round trips or packets lost over the window that told it most clearly, 0…1, and what it is a share of. */
  readonly loss?: number;
  readonly lost?: number;
  readonly probes?: number;
  readonly windowSeconds?: number;
  /** Ordered pairs concerned, and those of them that lose. */
  readonly pairs?: number;
  readonly losingPairs?: number;
  readonly passesBytes?: number;
  readonly shortfallBytes?: number;
  readonly rttNs?: number;
  readonly rttBeforeNs?: number;
  readonly hops?: number;
  readonly hopsBefore?: number;
}

export const CAUSE_KINDS = [
  "node-dead",
  "node-cut-off",
  "agent-dead",
  "agent-frozen",
  "agent-starved",
  "node-link",
  "pair-path",
  "shared-uplink",
  "zone-interconnect",
  "cni",
  "node-firewall",
  "tunnel-mtu",
  "policy-drop",
  "policy-reject",
  "port-closed",
  "stale-entry",
  "conntrack-full",
  "neighbour-full",
  "equal-path",
  "flap",
  "queue",
  "route-changed",
  "route-asymmetric",
  "longer-path",
  "dns-server",
  "dns-path",
  "service-proxy",
  "address-conflict",
  "masquerade-rule",
  "stale-discovery",
  "missing-permission",
  "upgrade",
  "either-end",
  "this-node",
] as const;
export type CauseKind = (typeof CAUSE_KINDS)[number];

/** A possible reason, with what was seen that speaks for and against it. */
export interface Cause {
  readonly kind: CauseKind;
  readonly text: string;
  readonly for: readonly string[];
  readonly against: readonly string[];
}

export interface Finding {
  /** Stays the same from opening to end, and when the same comes back soon after. */
  readonly id: string;
  readonly code: FindingCode;
  readonly subject: Subject;
  readonly scope: Scope;
  /** Absent where it does not apply or cannot be told at odds of 20 : 1. */
  readonly direction?: Direction;
  /** One sentence that says it all. */
  readonly text: string;
  readonly figures: Figures;
  /** That it is this subject and no other, (0–1]. */
  readonly confidence: number;
  /** RFC 3339. */
  readonly since: string;
  /** Most likely first; never empty. */
  readonly causes: readonly Cause[];
  /** What to run next, and what usually helps. */
  readonly next: string;
  readonly cure: string;
  /** Path below docs/, with the anchor. */
  readonly runbook: string;
}

export interface EndedFinding extends Finding {
  readonly ended: string;
  readonly because: "over" | "explained" | "gone";
}

/** What Kubernetes promises of every cluster's network. Always all four. */
export const NETWORK_CHECKS = ["pods-reach-pods", "no-nat", "unique-addresses", "pods-and-nodes"] as const;
export type NetworkCheckName = (typeof NETWORK_CHECKS)[number];

export interface NetworkCheck {
  readonly name: NetworkCheckName;
  /** `unknown`: nothing that was measured can tell. */
  readonly state: "holds" | "broken" | "unknown";
  readonly text: string;
  /** Ids of findings that break it. */
  readonly findings: readonly string[];
}

export interface Verdict {
  readonly schemaVersion: 1;
  readonly at: string;
  /** The judge. */
  readonly by: Node;
  /** `undecided`: too little is seen to say that all is well, or what is lost is not understood yet. */
  readonly state: "fine" | "broken" | "undecided";
  readonly text: string;
  readonly findings: readonly Finding[];
  readonly checks: readonly NetworkCheck[];
  /** No judge answered, so the agent that was asked judged by itself, from what it sees just now; and why none did. */
  readonly alone?: string;
}

/** /api/v1/findings: the verdict, and what is over. */
export interface Findings extends Verdict {
  /** The last hundred, youngest first. */
  readonly ended: readonly EndedFinding[];
}

/** What an agent that judges tells of its judging. */
export interface JudgeReport {
  /** Of the latest verdict; undefined before the first. */
  readonly latest:
    | {
        /** Seconds since the epoch: when its evidence was complete. */
        readonly atSeconds: number;
        readonly findings: readonly Finding[];
        /** Nodes whose rows did not come. */
        readonly missingRows: number;
        readonly gatherSeconds: number;
        readonly decideSeconds: number;
      }
    | undefined;
}

/** One name per subject, as the label of a metric and the key of a finding. Node and zone names have no such signs. */
export function subjectName(subject: Subject): string {
  switch (subject.kind) {
    case "node":
      return subject.node;
    case "pair":
      return subject.nodes.join(",");
    case "zone":
      return `zone:${subject.zone}`;
    case "zone-pair":
      return `zone:${subject.zones.join(",")}`;
    case "group":
      return `group:${subject.id}`;
    case "mesh":
      return "mesh";
  }
}
