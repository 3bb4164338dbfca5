// Evidence from the document of /api/v1/mesh. It says less than a judge would like (no source ports, no hops), and
// which seconds were lost only where the row was asked for them; all else of the judge is the same.
import type { PairWindow, Row, SecondSummary, Snapshot } from "../../model/snapshot.ts";
import { EvidenceBuilder, type SlotCounts } from "./builder.ts";
import { SECONDS_TOLD, type AgentEvidence, type Evidence, type NodeEvidence } from "./evidence.ts";

const secondsOf = (moment: string): number => Date.parse(moment) / 1000;

/** `known`: what the judge's own discovery says beyond names, by node name. */
export function evidenceFromSnapshot(
  snapshot: Snapshot,
  known: ReadonlyMap<string, Pick<NodeEvidence, "serving" | "addresses" | "facts">> = new Map(),
): Evidence {
  const builder = new EvidenceBuilder({
    atSeconds: secondsOf(snapshot.at),
    nodes: snapshot.nodes.map((node) => ({ node, ...known.get(node.name) })),
    judge: snapshot.by.name,
    pairCapacity: snapshot.rows.reduce(
      (sum, row) => sum + Math.min(snapshot.nodes.length, row.pairs.length + row.pathMtu.length),
      0,
    ),
  });
  for (const { node, reason, hearsay } of snapshot.missing) builder.missing(node.name, reason, hearsay !== undefined);
  for (const row of snapshot.rows) addRow(builder, row);
  return builder.build();
}

function addRow(builder: EvidenceBuilder, row: Row): void {
  if (!builder.beginRow(row.source.name, agentOf(row))) return;
  for (const pair of row.pairs) builder.slot(pair.destination.name, pair, countsOf(pair));
  for (const mtu of row.pathMtu) builder.pathMtu(mtu.destination.name, { ...mtu, protocol: "icmp" }, mtu);
}

function agentOf(row: Row): AgentEvidence {
  const ownSeconds = secondsOf(row.at);
  return {
    incarnation: row.incarnation,
    ownSeconds: Math.floor(ownSeconds),
    uptimeSeconds: Math.max(0, ownSeconds - secondsOf(row.startedAt)),
    health: row.health,
    ...(row.servicePath && { service: row.servicePath.paths }),
  };
}

function countsOf({ window, seconds }: PairWindow): SlotCounts {
  const { blocked, unreachable } = window.reasons;
  return { ...window, blocked, unreachable, lostSeconds: seconds && lostSecondsOf(seconds) };
}

function lostSecondsOf(seconds: readonly (SecondSummary | null)[]): readonly [number, number] {
  const words: [number, number] = [0, 0];
  for (const [i, second] of seconds.slice(-SECONDS_TOLD).entries()) {
    if (second && second.failures > 0) words[i >>> 5]! |= 1 << (i & 31);
  }
  return [words[0] >>> 0, words[1] >>> 0];
}
