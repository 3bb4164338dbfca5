// What the API asks of the agent: own-view.ts composes it, tests script it.
import type { FindingsAnswer, FindingsKind } from "../judge/judging.ts";
import type { Identity } from "../model/identity.ts";
import type { NodeView } from "../model/node-view.ts";
import type { Node } from "../model/peer.ts";
import type { Row } from "../model/snapshot.ts";
import type { MeshExtent, PeerStatus } from "../model/unprobed.ts";
import type { PeerApi, RowQuery } from "../peers/peer-api.ts";

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
  /** What the kernel says of the network namespace that this agent is in. Changes once a second at most. */
  nodeView(): Promise<NodeView>;
  /** Where the host views of the nodes answer, this one's among them; none where there are no host views. */
  hostApis(): readonly PeerApi[];
  readiness(): Readiness;
  /** What is broken, where and why: a judge's word. `by`: this agent's own, if it judges and is of this name. */
  findings(asked: { readonly kind: FindingsKind; readonly by?: string }): Promise<FindingsAnswer>;
  /** Whether discovery lists this pod address, in its canonical spelling, as that of an agent of the mesh. */
  isAgent(address: string): boolean;
}
