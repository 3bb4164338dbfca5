// What the API asks of the agent. agent.ts composes it; tests script it.
import type { Identity } from "../model/identity.ts";
import type { Node, Peer } from "../model/peer.ts";
import type { Row } from "../model/snapshot.ts";

/** A peer as the API tells of it. */
export interface KnownPeer extends Peer {
  /** False where a sampled mesh leaves the pair to others. */
  readonly probed: boolean;
}

/** `/readyz`. The reason is a sentence for the person who reads `kubectl describe pod`. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** Where a peer's API answers, for instance `http://10.244.2.7:8843`. */
export interface PeerApi {
  readonly node: Node;
  readonly url: string;
  /** Readiness as discovery sees it: told in the reason of a missing row. */
  readonly serving: boolean;
}

export interface RowQuery {
  /** `seconds` adds the last minute second by second to every pair. */
  readonly detail: "window" | "seconds";
  /** Only what concerns this node: pairs and path MTU to it, UDP received from it. */
  readonly destination?: string;
}

export interface ApiSources {
  readonly node: Node;
  identity(): Identity;
  /** Everyone in the mesh but this node, probed or not. */
  peers(): readonly KnownPeer[];
  /** The same nodes with the address of their API. One that is left out shows as a missing row. */
  peerApis(): readonly PeerApi[];
  row(query: RowQuery): Row;
  readiness(): Readiness;
}

/** The API of a peer at its pod address, or undefined when it has none. */
export function peerApi(peer: Peer, port: number): PeerApi | undefined {
  const { ipv4, ipv6 } = peer.addresses.pod;
  const host = ipv4 ?? (ipv6 === undefined ? undefined : `[${ipv6}]`);
  return host === undefined ? undefined : { node: peer.node, url: `http://${host}:${port}`, serving: peer.serving };
}
