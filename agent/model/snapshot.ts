// What an agent tells of itself (a row) and what the mesh looks like at one moment (a snapshot). These are the
// documents of /api/v1/pairs and /api/v1/mesh: the page, the command line and diagnosis read nothing else.
// A change of meaning raises `schemaVersion`; a new optional field does not.
import type { Span } from "../base/span.ts";
import type { StampClock } from "./outcome.ts";
import type { IpFamily, Network, Node, Protocol } from "./peer.ts";
import type { ServiceState } from "./service.ts";
import type { MeshExtent, UnprobedPeer } from "./unprobed.ts";
import type { WindowSummary } from "./window.ts";

export const SCHEMA_VERSION = 1;

/** One slot's window, with the labels that name it. */
export interface PairWindow {
  readonly destination: Node;
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
  readonly address: string;
  readonly window: WindowSummary;
  /**
   * One element a second, oldest first, 60 of them; present in /api/v1/pairs?detail=seconds only.
   * `null` where nothing was completed in that second.
   */
  readonly seconds?: readonly (SecondSummary | null)[];
  // What a judge needs besides, all absent from an older agent.
  /**
   * Probes lost and SYNs sent again in each second of the window, oldest first: 60 hexadecimal digits, `f` for fifteen or
   * more. Left out where nothing was lost. Older agents count no SYNs here.
   */
  readonly lostSeconds?: string;
  /** The fastest round trip of the last 20 s, nanoseconds, where it took more than twice as long as that of the window. */
  readonly rttLatelyNs?: number;
  /** UDP: of each source port in the last five minutes, at most 255. */
  readonly ports?: { readonly probes: readonly number[]; readonly failures: readonly number[] };
  /** How far answers have travelled, by their TTL. Left out where an engine or a protocol cannot tell. */
  readonly hops?: Hops;
  /** UDP: how far probes have travelled there, by the TTL that the reflector saw. */
  readonly hopsThere?: Hops;
  /** UDP: the source address that the reflector saw. Other than this agent's own it has been translated. */
  readonly seenAs?: string;
}

/** Hops as traceroute counts them: 1 is a neighbour. */
export interface Hops {
  readonly now: number;
  /** Before the last change of the past ten minutes, and when that was (RFC 3339, the agent's own clock). */
  readonly before?: number;
  readonly changedAt?: string;
}

export type RouteSeen = Pick<PairWindow, "hops" | "hopsThere" | "seenAs">;

export interface SecondSummary {
  readonly probes: number;
  readonly failures: number;
  readonly rttMeanNs: number | undefined;
  readonly rttMaxNs: number | undefined;
}

/** Path MTU of one pair (bytes of IP packet). */
export interface PathMtu {
  readonly destination: Node;
  readonly network: Network;
  readonly family: IpFamily;
  readonly passesBytes: number;
  /** What the kernel believes minus what passes: above 0 is a black hole. */
  readonly shortfallBytes: number;
}

/** UDP test packets that arrived from one source: with the source's own count it gives the direction of loss. */
export interface UdpReceived {
  readonly source: Node;
  readonly network: Network;
  readonly family: IpFamily;
  /** Since this agent started. */
  readonly received: number;
  /** The source's incarnation that these were counted for, as hex. */
  readonly incarnation: string;
  /**
   * Which of 64 probe numbers of that incarnation arrived, as hex; bit 0 stands for `highest`, above which none did.
   * Nothing is known of the numbers below the 64.
   */
  readonly highest: number;
  readonly bitmap: string;
}

/** The trailing minute of lookups of names of one class at one server. */
export interface DnsWindow {
  /** Whom it asks: `cluster`, `nodelocal` or `pod` (one behind cluster DNS), or a word of a newer agent. */
  readonly server: string;
  /** Absent from an older agent, which sums up the servers of one kind. */
  readonly address?: string;
  /** `cluster`: of Services and pods; `external`: all others; or a word of a newer agent. */
  readonly names: string;
  readonly lookups: number;
  readonly failures: number;
  /** Of those that were answered in time; absent where none was, and from an older agent. */
  readonly meanNs?: number;
  readonly maxNs?: number;
}

/** What became of a UDP packet that came to the answering end. All but the first two got no answer. */
export const REFLECTOR_RESULTS = [
  "answered",
  /** Answered, but it had come before. */
  "duplicate",
  /** From an address that is no peer's, above what is answered of such. */
  "limited",
  /** Another shared key than ours, or none where we have one. */
  "key",
  /** Damaged on the way. */
  "checksum",
  /** A version that this agent does not speak. */
  "version",
  /** Nothing of ours: something else was sent to the probe port. */
  "short",
  "foreign",
  "truncated",
  /** This machine would not send the answer. */
  "unsent",
] as const;
export type ReflectorResult = (typeof REFLECTOR_RESULTS)[number];

/** How far a row can be trusted: the agent's own honesty about its measuring. */
export interface AgentHealth {
  readonly engine: "kernel" | "userspace";
  readonly stamps: Readonly<Partial<Record<Protocol, StampClock>>>;
  /** Protocols that could not be opened, with the reason and the cure. */
  readonly unavailable: readonly { readonly network: Network; readonly protocol: Protocol; readonly reason: string }[];
  /** Within the trailing 60 s. */
  readonly tickLagMaxMs: number;
  readonly probesSkipped: number;
  readonly localErrors: number;
  readonly clockSteps: number;
  /** Since the agent started, not only within the 60 s: whether its sockets can be trusted with what was lost before. */
  readonly socketDrops: number;
  /** Seconds since discovery last heard from its source. */
  readonly discoveryAgeSeconds: number;
  /** UDP packets that came to this agent since it started, by what became of them. Absent from an older agent. */
  readonly reflector?: Readonly<Partial<Record<ReflectorResult, number>>>;
}

/** /api/v1/pairs: one agent's windows. */
export interface Row {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly source: Node;
  readonly version: string;
  /** Random per process, hex: a restart shows. */
  readonly incarnation: string;
  readonly startedAt: string;
  /** RFC 3339, the agent's own clock. */
  readonly at: string;
  /**
   * Set where the past was asked for (`since=`): what the windows of the pairs tell of, which may begin later than was
   * asked. Path MTU, UDP received and the service path are of now and left out; retransmits count as probes and failures.
   */
  readonly covered?: Span;
  /** What of this row its reader has no word for: "protocol quic". Its agent is newer. */
  readonly leftOut?: readonly string[];
  readonly health: AgentHealth;
  readonly pairs: readonly PairWindow[];
  readonly pathMtu: readonly PathMtu[];
  readonly udpReceived: readonly UdpReceived[];
  /**
   * Peers that are not probed, or not on every network, with the reason in words: what an empty cell means. Those that
   * a large mesh leaves to others are not among them. Absent from an agent that does not tell yet.
   */
  readonly unprobed?: readonly UnprobedPeer[];
  /** Absent where no Service is to be probed, and from an agent that does not tell yet. */
  readonly servicePath?: ServiceState;
  /** Cluster DNS as this node sees it. Absent where it is off, and from an agent that does not tell yet. */
  readonly dns?: readonly DnsWindow[];
  /** Why the pods behind cluster DNS are not known, or not all. Absent where all is well, or they are not asked. */
  readonly dnsTrouble?: string;
  /** How much of the mesh this agent knows and probes; absent from an agent that does not tell yet. */
  readonly extent?: MeshExtent;
}

/** All of a row of the last minute but its lists. */
export type RowHead = Omit<Row, "pairs" | "pathMtu" | "udpReceived" | "covered" | "leftOut">;

/** A row that did not come, named: it is never guessed. */
export interface MissingRow {
  readonly node: Node;
  readonly reason: string;
  /** What one relay alone says that the row is. It blames nobody: not counted, not judged, shown as hearsay. */
  readonly hearsay?: Row;
}

/** How a row came that its own agent could not give. */
export interface Relayed {
  readonly node: Node;
  /** The agents that gave it, by node name. */
  readonly by: readonly string[];
  /**
   * Why it counts: its agent has signed it with the shared key, two relays say the same, or it came from its agent
   * through the API server.
   */
  readonly trust: "signed" | "agreed" | "forwarded";
  /** Why it did not come from its own agent. */
  readonly reason: string;
}

/** /api/v1/mesh: all rows of the mesh at one moment. */
export interface Snapshot {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly at: string;
  /** Set where the past was asked for: what was asked. Each row tells what it covers of it. */
  readonly span?: Span;
  /** The agent that asked. */
  readonly by: Node;
  /** Every node of the mesh, in the order of display: by zone, then by name with numbers counted. */
  readonly nodes: readonly Node[];
  readonly rows: readonly Row[];
  readonly missing: readonly MissingRow[];
  /** Those of `rows` that came by way of others; left out when there are none. */
  readonly relayed?: readonly Relayed[];
  /** What the asking agent's discovery lists and can be no peer, each with the reason; left out when there is nothing. */
  readonly unusable?: readonly string[];
}
