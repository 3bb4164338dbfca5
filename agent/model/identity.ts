// /api/v1/identity: what an agent says of itself to any pod that asks, and what it relays of others.
import type { Addresses, Node } from "./peer.ts";

export interface Identity {
  readonly schemaVersion: 1;
  readonly node: Node;
  readonly version: string;
  /** Random per process, hex. */
  readonly incarnation: string;
  readonly startedAt: string;
  readonly podAddresses: Addresses;
  readonly nodeAddresses: Addresses;
  /** Node addresses this agent knows of its peers: for those that cannot tell themselves. Their own word wins. */
  readonly relayed: readonly { readonly node: string; readonly nodeAddresses: Addresses }[];
}
