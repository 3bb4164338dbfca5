// What the API asks of the agent. agent.ts composes it; tests script it.
import type { FindingsAnswer, FindingsKind } from "../judge/judging.ts";
import type { Identity } from "../model/identity.ts";
import type { Node, Peer } from "../model/peer.ts";
import type { Row } from "../model/snapshot.ts";
import type { MeshExtent, Unprobed } from "../model/unprobed.ts";
import type { PeerApi, RowQuery } from "../peers/peer-api.ts";

/** A peer as the API tells of it. */
export interface PeerStatus extends Peer {
  /** On a network at least. */
  readonly probed: boolean;
  /** Why it is not, or not on every network: empty when all is well. */
  readonly unprobed: readonly Unprobed[];
}

/** `/readyz`. The reason is a sentence for the person who reads `kubectl describe pod`. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface AgentView {
  readonly node: Node;
  identity(): Identity;
  /** Everyone in the mesh but this node, probed or not. */
  peers(): readonly PeerStatus[];
  extent(): MeshExtent;
  /** Endpoints that are listed and can be no peer, each with the reason. */
  unusable(): readonly string[];
  /** The same nodes with the address of their API. One that is left out shows as a missing row. */
  peerApis(): readonly PeerApi[];
  row(query: RowQuery): Row;
  readiness(): Readiness;
  /** What is broken, where and why: a judge's word. `by`: this agent's own, if it judges and is of this name. */
  findings(asked: { readonly kind: FindingsKind; readonly by?: string }): Promise<FindingsAnswer>;
  /** Whether discovery lists this pod address, in its canonical spelling, as that of an agent of the mesh. */
  isAgent(address: string): boolean;
}
