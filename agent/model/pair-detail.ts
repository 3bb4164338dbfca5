// /api/v1/pair: one pair both ways with its last minute second by second, each direction from the agent that measured it.
import type { Node } from "./peer.ts";
import type { Relayed, Row, SCHEMA_VERSION } from "./snapshot.ts";

/** What the agent of `source` says of `destination`: its row with only that destination's entries, or why there is none. */
export type PairDirection =
  | { readonly source: Node; readonly destination: Node; readonly row: Row; readonly relayed?: Relayed }
  | { readonly source: Node; readonly destination: Node; readonly missing: string };

export interface PairDetail {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly at: string;
  /** As asked first, then the way back. */
  readonly directions: readonly [PairDirection, PairDirection];
}
