// The mesh by fresh probes: what the agents tell of the last minute, with the cells measured anew.
import type { FreshRow, Swept } from "../actions/sweep/action.ts";
import { forText } from "../base/escape.ts";
import type { MissingRow, Row, Snapshot } from "../model/snapshot.ts";
import { runAction } from "./actions/run-action.ts";
import { Progress } from "./progress.ts";
import { reachMesh, type Reach, type ReachedMesh } from "./reach.ts";

export interface FreshOptions {
  readonly reach: Reach;
  readonly tokenFile: string | undefined;
}

/** Throws AgentUnreachable. */
export async function reachFresh({ reach, tokenFile }: FreshOptions, signal: AbortSignal): Promise<ReachedMesh> {
  const fresh: FreshRow[] = [];
  const missing: MissingRow[] = [];
  {
    using progress = new Progress();
    progress.step("asking every agent to probe its peers");
    let agents: number | undefined;
    const wanted = { action: "sweep", node: undefined, request: {}, tokenFile };
    for await (const line of runAction(reach, wanted, signal)) {
      if (line.kind !== "progress") continue;
      const told = line as unknown as Swept | { readonly agents: number };
      if ("agents" in told) agents = told.agents;
      else if ("row" in told) fresh.push(told.row);
      else if ("missing" in told) missing.push({ ...told.missing, reason: forText(told.missing.reason) });
      progress.step(`${fresh.length + missing.length} of ${agents ?? "?"} agents have probed their peers`);
    }
  }
  const { snapshot, verdict, judged } = await reachMesh(reach, signal);
  return { snapshot: withFresh(snapshot, fresh, missing), verdict, judged };
}

/** The rows of the agents that have probed, with these pairs in place of their own; the others are missing, with why. */
export function withFresh(snapshot: Snapshot, fresh: readonly FreshRow[], missing: readonly MissingRow[]): Snapshot {
  const pairsOf = new Map(fresh.map(({ source, pairs }) => [source.name, pairs]));
  const rows = snapshot.rows.flatMap((row): Row[] => {
    const pairs = pairsOf.get(row.source.name);
    return pairs === undefined ? [] : [{ ...row, pairs }];
  });
  const shown = new Set(rows.map(({ source }) => source.name));
  const reasons = new Map([...snapshot.missing, ...missing].map(({ node, reason }) => [node.name, reason]));
  return {
    ...snapshot,
    rows,
    missing: snapshot.nodes
      .filter(({ name }) => !shown.has(name))
      .map((node) => ({
        node,
        reason: reasons.get(node.name) ?? "its agent was not asked: who was asked does not know it",
      })),
  };
}
