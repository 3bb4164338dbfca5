// Why a peer that is known is not probed, or not on every network. Told in the log, by internode_peers_unprobed, in
// /api/v1/peers and in the row; "peer" is the subject of every text.
import type { Network, Node, Peer } from "./peer.ts";

/** These last until somebody does something: all of them are faults. */
export const UNPROBED_FAULTS = [
  /** It has no address that may be probed. */
  "address",
  /** Its address is another node's as well, or this agent's own. */
  "shared_address",
  /** Another node answers at its address. */
  "identity",
  /** Nobody told its node's address. */
  "node_address",
  /** It has no address of a family that is probed. */
  "family",
  /** An endpoint without a usable node name, which is therefore no peer. */
  "endpoint",
] as const;
export type UnprobedFault = (typeof UNPROBED_FAULTS)[number];

/** These pass by themselves, within a minute or so. */
export const UNPROBED_WAITS = [
  /** Its pod is being deleted. */
  "terminating",
  /** Its zone, or this node's, has not been told yet. */
  "zone",
  /** It has not been asked yet who it is. */
  "asking",
] as const;
export type UnprobedWait = (typeof UNPROBED_WAITS)[number];

/** `sample`: a large mesh leaves the pair to others. */
export type UnprobedReason = "sample" | UnprobedFault | UnprobedWait;

export interface Unprobed {
  readonly reason: UnprobedReason;
  /** Absent: on no network at all. */
  readonly network?: Network;
  /** For a person, without a capital and without a full stop: "node-7 answers at its address 10.0.0.3". */
  readonly text: string;
}

export const isUnprobedFault = ({ reason }: Unprobed): boolean =>
  (UNPROBED_FAULTS as readonly UnprobedReason[]).includes(reason);

/** One entry of a row. `reason` is a word of UnprobedReason, or of a newer agent. */
export interface UnprobedPeer extends Omit<Unprobed, "reason"> {
  readonly destination: Node;
  readonly reason: string;
}

/** A peer as the agent tells of it. */
export interface PeerStatus extends Peer {
  /** On a network at least. */
  readonly probed: boolean;
  /** Why it is not, or not on every network: empty when all is well. */
  readonly unprobed: readonly Unprobed[];
}

/** How much of the mesh an agent knows and probes. */
export interface MeshExtent {
  /** Nodes known, this one included. */
  readonly nodes: number;
  /** Peers that are probed on a network at least. */
  readonly probed: number;
  /** False: a sample is probed. */
  readonly isFullMesh: boolean;
  /** By how many nodes the most probed node is probed. */
  readonly largestInDegree: number;
}
