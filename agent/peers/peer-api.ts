// A peer as somebody whose row can be asked for.
import type { Span } from "../base/span.ts";
import type { Addresses, Node, Peer } from "../model/peer.ts";

/** Where a peer's API answers, for instance `http://10.244.2.7:8843`. */
export interface PeerApi {
  readonly node: Node;
  readonly url: string;
  /** Readiness as discovery sees it: told in the reason of a missing row. */
  readonly serving: boolean;
}

export interface RowQuery {
  /** `seconds` adds the last minute second by second to every pair; `evidence` is the compact form, for judges. */
  readonly detail: "window" | "seconds" | "evidence";
  /** Only what concerns this node: pairs and path MTU to it, UDP received from it. */
  readonly destination?: string;
  /** Instead of the trailing minute this stretch of the last hour, in whole minutes. */
  readonly span?: Span;
}

/**
 * An agent writes its row anew after this time at the latest, and a relay asks for it anew: what comes is at most so old,
 * twice by way of a relay.
 */
export const ROW_FRESH_MS = 1_000;

/**
 * Connections between agents are kept for so long without a question: longer than a judge waits between two judgements,
 * since connecting anew costs more than asking.
 */
export const IDLE_CONNECTION_MS = 15_000;

/** The API of a peer at its pod address, or undefined when it has none. */
export const peerApi = (peer: Peer, port: number): PeerApi | undefined => apiAt(peer, peer.addresses.pod, port);

/** The host view of a node at its own address, or undefined while that is not known. */
export const hostApi = (
  peer: Pick<Peer, "node" | "serving"> & { readonly addresses: Pick<Peer["addresses"], "node"> },
  port: number,
): PeerApi | undefined => apiAt(peer, peer.addresses.node, port);

function apiAt(
  { node, serving }: Pick<Peer, "node" | "serving">,
  { ipv4, ipv6 }: Addresses,
  port: number,
): PeerApi | undefined {
  const host = ipv4 ?? (ipv6 === undefined ? undefined : `[${ipv6}]`);
  return host === undefined ? undefined : { node, url: `http://${host}:${port}`, serving };
}
