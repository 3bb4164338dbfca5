// Who is measured: the words of the mesh that every layer shares. Types only.

import type { IpFamily } from "../base/ip-family.ts";

export { IP_FAMILIES, type IpFamily } from "../base/ip-family.ts";

/** `pod`: the peer's pod address, over the CNI; `node`: the peer node's InternalIP, the underlay. */
export const NETWORKS = ["pod", "node"] as const;
export type Network = (typeof NETWORKS)[number];

/** By the names in the table of probes/table.ts; their list is PROTOCOLS of probes/protocols.ts. */
export type { Protocol } from "../probes/protocols.ts";

/** A Kubernetes machine, by the two names that label its series. Zone is `""` when there is none. */
export interface Node {
  readonly name: string;
  readonly zone: string;
}

export type Addresses = Readonly<Partial<Record<IpFamily, string>>>;

/** Another node's agent, as membership decided it: one a node, addresses already checked as probeable. */
export interface Peer {
  readonly node: Node;
  readonly addresses: Readonly<Record<Network, Addresses>>;
  /** The peer's readiness. A peer that is not serving is still probed. */
  readonly serving: boolean;
}

/** An ordered pair of nodes. */
export interface Pair {
  readonly source: Node;
  readonly destination: Node;
}
