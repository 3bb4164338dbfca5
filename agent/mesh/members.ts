// What the members of the mesh come to: for metrics, the row, the API, readiness.
import {
  isUnprobedFault,
  type PeerStatus,
  type Unprobed,
  type UnprobedFault,
  type UnprobedPeer,
} from "../model/unprobed.ts";
import type { Member } from "./membership.ts";

/** What the mesh looks like from here. */
export interface MeshCounts {
  /** Nodes known, this one included. */
  readonly size: number;
  readonly serving: number;
  readonly notServing: number;
  readonly unprobed: number;
  /** Peers by why they are not probed, or not on every network; those that only wait are not among them. */
  readonly unprobedBy: Readonly<Partial<Record<"sample" | UnprobedFault, number>>>;
  readonly largestInDegree: number;
}

export interface CountedMembers {
  readonly members: readonly Member[];
  /** Endpoints that are listed and are no peer for want of a node name or an address. */
  readonly unusable: readonly string[];
  readonly largestInDegree: number;
}

export function countMembers({ members, unusable, largestInDegree }: CountedMembers): MeshCounts {
  const count = (state: Member["state"]) => members.filter((k) => k.state === state).length;
  const unprobedBy: Partial<Record<"sample" | UnprobedFault, number>> = { endpoint: unusable.length };
  for (const { unprobed } of members) {
    const reasons = unprobed.filter((u) => u.reason === "sample" || isUnprobedFault(u)).map((u) => u.reason);
    for (const reason of new Set(reasons as ("sample" | UnprobedFault)[]))
      unprobedBy[reason] = (unprobedBy[reason] ?? 0) + 1;
  }
  return {
    size: Math.max(1, members.length),
    serving: count("serving"),
    notServing: count("not_serving"),
    unprobed: count("unprobed"),
    unprobedBy,
    largestInDegree,
  };
}

/** For the row: those that are left to others by the sample would be most of a large mesh. */
export const unprobedPeers = (members: readonly Member[]): readonly UnprobedPeer[] =>
  members.flatMap(({ node, unprobed }) =>
    unprobed.filter(({ reason }) => reason !== "sample").map((why) => ({ destination: node, ...why })),
  );

/** All but this node, as the API tells of them. */
export const statusesOf = (members: readonly Member[]): readonly PeerStatus[] =>
  members
    .filter(({ state }) => state !== "self")
    .map(({ node, state, serving, podAddresses, nodeAddresses, unprobed }) => ({
      node,
      addresses: { pod: podAddresses, node: nodeAddresses },
      serving,
      probed: state !== "unprobed",
      unprobed,
    }));

const SHOWN_PEERS = 3;

/** Why an agent that knows peers measures none of them, for as long as that is no matter of waiting. */
export function whyNothingIsProbed(members: readonly Member[]): string | undefined {
  const isLeftToOthers = ({ unprobed }: Member): boolean => unprobed.some(({ reason }) => reason === "sample");
  const own = members.filter((k) => k.state !== "self" && !isLeftToOthers(k));
  const isLost = ({ state, unprobed }: Member): boolean => state === "unprobed" && unprobed.every(isUnprobedFault);
  if (own.length === 0 || !own.every(isLost)) return undefined;
  const shown = own.slice(0, SHOWN_PEERS).map(({ node, unprobed }) => `${node.name}: ${textOf(unprobed)}`);
  const more = own.length > SHOWN_PEERS ? `; and ${own.length - SHOWN_PEERS} more` : "";
  const what =
    own.length === 1
      ? "the only peer that this agent should probe cannot be probed"
      : `none of the ${own.length} peers that this agent should probe can be probed`;
  return `${what}. ${shown.join("; ")}${more}`;
}

const textOf = (unprobed: readonly Unprobed[]): string => unprobed.map(({ text }) => text).join("; ");
