// Who judges, without an election: all agents put the same names into the same order and act on it.
import { createHmac } from "node:crypto";
import type { Node } from "../model/peer.ts";

/** Judges at a time; all others stand by. */
export const JUDGES = 2;

/**
 * By a keyed hash of their names: with the shared key nobody can choose a name that ranks first. The second comes from
 * another zone than the first, so that one zone without power leaves a judge.
 */
export function judgeOrder(nodes: readonly Node[], key: Uint8Array | undefined): Node[] {
  const rank = ({ name }: Node): string =>
    createHmac("sha256", key ?? "internode")
      .update(`judge ${name}`)
      .digest("hex");
  const ranked = nodes
    .map((node) => ({ node, rank: rank(node) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ node }) => node);
  const [first, ...rest] = ranked;
  if (!first) return [];
  const second = rest.find(({ zone }) => zone !== first.zone) ?? rest[0];
  return second ? [first, second, ...rest.filter((node) => node !== second)] : [first];
}
