// What a judgement is made from: everything the rows of one moment say, in typed arrays by ordered pair, so that a
// thousand nodes fit and the arithmetic is cheap. Pure data. Nodes are those of the judge's own discovery: what a row
// says of anybody else is left out. Whatever a row may not tell (an older agent, a protocol that is off) is optional.
import type { Addresses, IpFamily, Network, Node, Protocol } from "../../model/peer.ts";
import type { AgentHealth } from "../../model/snapshot.ts";

/** Bits of a vector of lost seconds; bit 0 of the first word is the oldest second, bit 27 of the second the youngest. */
export const SECONDS_TOLD = 60;
/** 32-bit words of such a vector. */
export const SECONDS_WORDS = 2;

export interface Evidence {
  /** Seconds since the epoch, the judge's clock: the end of every window below. */
  readonly atSeconds: number;
  /** The judge's own node, as an index into `nodes`; undefined where it is none of them. */
  readonly judge: number | undefined;
  /** In the order of display. */
  readonly nodes: readonly NodeEvidence[];
  /** Ordered pairs that were measured, those of one source together. Every array of `paths` has one element for each of them. */
  readonly pairs: PairList;
  readonly paths: readonly PathEvidence[];
  /** Texts that `PathEvidence.seenAs` points to. */
  readonly addresses: readonly string[];
}

export interface PairList {
  readonly count: number;
  /** Indexes into `nodes`. */
  readonly source: Uint16Array;
  readonly destination: Uint16Array;
}

/** What all pairs say of one network, protocol and family in the last 60 s. Counts are 0 where a pair has no such slot. */
export interface PathEvidence {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
  /** Completed probes; of these the failed, and of the failed those that were rejected or unreachable; and the refused. */
  readonly probes: Uint16Array;
  readonly failures: Uint16Array;
  readonly blocked: Uint16Array;
  readonly unreachable: Uint16Array;
  readonly refusals: Uint16Array;
  /** SYNs sent again (TCP): lost packets of probes that may have been answered. */
  readonly retransmits: Uint16Array;
  /** UDP: of the failures, those that are known to have died on the way there and on the way back. */
  readonly lostForward: Uint16Array;
  readonly lostReverse: Uint16Array;
  /** Nanoseconds; NaN without an answer. */
  readonly rttMeanNs: Float32Array;
  readonly rttMinNs: Float32Array;
  /** The fastest of the last 20 s, where it is more than twice that of the minute; 0 where it is not. */
  readonly rttLatelyNs?: Float32Array;
  /** Which of the last 60 seconds lost something. */
  readonly lostSeconds?: LostSeconds;
  /** By UDP source port, of the last five minutes: `probes[pair * count + port]`. All 0 where a row does not tell. */
  readonly ports?: PortEvidence;
  /** Hops a reply has travelled, by its TTL, and before a change of the last ten minutes; 0 where unknown or none. */
  readonly hops?: Uint8Array;
  readonly hopsBefore?: Uint8Array;
  /** Hops a probe has travelled there, as its reflector saw (UDP); 0 where unknown. */
  readonly hopsThere?: Uint8Array;
  readonly hopsThereBefore?: Uint8Array;
  /** Seconds since the later of both changes; meaningless where there was none. */
  readonly hopsChangedAgo?: Uint16Array;
  /** The source address the far end saw: 1 + index into `Evidence.addresses`; 0 where unknown. */
  readonly seenAs?: Uint16Array;
  /** Largest IP packet that passes, and what the kernel believes in beyond it; 0 where unknown. Of a network, not of a protocol. */
  readonly mtuPasses?: Uint16Array;
  readonly mtuShortfall?: Uint16Array;
}

export interface LostSeconds {
  /** 1 where the row tells. */
  readonly told: Uint8Array;
  /** `SECONDS_WORDS` a pair. */
  readonly bits: Uint32Array;
}

export interface PortEvidence {
  readonly count: number;
  readonly probes: Uint8Array;
  readonly failures: Uint8Array;
}

/** One node: what its agent says of itself, and what others know of it. */
export interface NodeEvidence {
  readonly node: Node;
  /** The agent's own words; undefined when its row is missing. */
  readonly agent: AgentEvidence | undefined;
  /** Why there is no row, for a person. */
  readonly missing: string | undefined;
  /** There is no row that counts, and yet it reports: one relay alone gave one. */
  readonly isHeardOf?: boolean;
  /** Readiness by discovery. */
  readonly serving?: boolean;
  readonly addresses?: Readonly<Record<Network, Addresses>>;
  /** What the cluster says of the machine, where it may be read. */
  readonly facts?: { readonly ready?: boolean; readonly unschedulable?: boolean };
}

export interface AgentEvidence {
  readonly incarnation: string;
  /** Whole seconds of the agent's own clock at the end of its window: how far the window moved since the last row. */
  readonly ownSeconds: number;
  readonly uptimeSeconds: number;
  readonly health: AgentHealth;
  /** Nodes this agent knows, itself included. */
  readonly meshSize?: number;
  /** Known peers that it does not probe and should, with the reason. */
  readonly unprobed?: readonly { readonly node: string; readonly reason: "shared_address" | "identity" | "other" }[];
  readonly dns?: readonly DnsEvidence[];
  readonly service?: readonly ServiceEvidence[];
}

export interface DnsEvidence {
  readonly server: string;
  /** Absent from an older agent. */
  readonly address?: string;
  /** Kind of names: `cluster`, `external`. */
  readonly names: string;
  readonly lookups: number;
  readonly failures: number;
}

export interface ServiceEvidence {
  readonly service: string;
  readonly family: IpFamily;
  readonly probes: number;
  readonly failures: number;
}

/** `network/protocol/family`, the one order in which paths are listed and named. */
export const pathName = ({
  network,
  protocol,
  family,
}: Pick<PathEvidence, "network" | "protocol" | "family">): string => `${network}/${protocol}/${family}`;

/** A tick that is later than this no longer serves UDP in time for its peers' clocks to be fair. */
export const LATE_MS = 500;

/** Its agent says itself that it gets too little time. */
export function isLate({ agent }: Pick<NodeEvidence, "agent">): boolean {
  return agent !== undefined && (agent.health.tickLagMaxMs > LATE_MS || agent.health.probesSkipped > 0);
}
