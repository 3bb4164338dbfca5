// Which of the measured paths a fault may concern: all of them, one network, one protocol, one family. A fault is
// looked for in each of these, and the likelihood says which it is.
import type { Scope } from "../../model/finding.ts";
import type { PathEvidence } from "../evidence/evidence.ts";

export interface PathScope {
  readonly scope: Scope;
  /** Indexes of paths. */
  readonly paths: readonly number[];
  /** TCP and UDP, which an agent's process serves, without ICMP, which the kernel answers. */
  readonly isProcess: boolean;
  /** Nats that a narrower scope costs: there are many of them, and one is always a little better than all. */
  readonly cost: number;
}

type Named = Pick<PathEvidence, "network" | "protocol" | "family">;

export function pathScopes(paths: readonly Named[]): PathScope[] {
  const found: PathScope[] = [];
  const add = (scope: Scope, cost: number, matches: (path: Named) => boolean, isProcess = false): void => {
    const of = [...paths.keys()].filter((i) => matches(paths[i]!));
    const isKnown = found.some((other) => other.paths.length === of.length && other.paths.every((p, i) => p === of[i]));
    if (of.length > 0 && !isKnown) found.push({ scope, paths: of, isProcess, cost });
  };
  const networks = new Set(paths.map((p) => p.network));
  const families = new Set(paths.map((p) => p.family));
  // In the order of the table of protocols, which is that of their names.
  const protocols = [...new Set(paths.map((p) => p.protocol))].toSorted();
  const narrow = Math.log(4 * Math.max(1, paths.length));
  add({}, 0, () => true);
  for (const network of networks) add({ network }, Math.log(3), (p) => p.network === network);
  for (const family of families) add({ family }, Math.log(4), (p) => p.family === family);
  for (const network of networks) {
    add({ network }, narrow, (p) => p.network === network && p.protocol !== "icmp", true);
    for (const protocol of protocols)
      add({ network, protocol }, narrow, (p) => p.network === network && p.protocol === protocol);
  }
  for (const protocol of protocols) add({ protocol }, narrow, (p) => p.protocol === protocol);
  return found;
}
