// Evidence from the document of /api/v1/mesh, and from rows however they came.
import { atOnce, type Steps } from "../../base/slices.ts";
import { countsOf } from "../../model/slot-counts.ts";
import type { Row, RowHead, Snapshot } from "../../model/snapshot.ts";
import { UNPROBED_FAULTS, type UnprobedPeer } from "../../model/unprobed.ts";
import { EvidenceBuilder } from "./builder.ts";
import type { AgentEvidence, Evidence, NodeEvidence } from "./evidence.ts";

/** One agent's row, however it is held. */
export interface EvidenceRow {
  /** At least as many as it has ordered pairs. */
  readonly pairs: number;
  addTo(builder: EvidenceBuilder): void;
}

export interface RowsOfMesh {
  readonly atSeconds: number;
  /** The judge's own discovery: everybody that a finding may name. */
  readonly nodes: readonly Pick<NodeEvidence, "node" | "serving" | "addresses" | "facts">[];
  readonly judge: string;
  readonly rows: readonly EvidenceRow[];
  readonly missing: Snapshot["missing"];
}

/** All at once: the compact rows of a hundred nodes take tens of milliseconds. */
export const evidenceFromRows = (mesh: RowsOfMesh): Evidence => atOnce(evidenceSteps(mesh));

/** The same, a step a row. */
export function* evidenceSteps({ atSeconds, nodes, judge, rows, missing }: RowsOfMesh): Steps<Evidence> {
  const pairCapacity = rows.reduce((sum, { pairs }) => sum + Math.min(nodes.length, pairs), 0);
  const builder = new EvidenceBuilder({ atSeconds, nodes, judge, pairCapacity });
  for (const { node, reason, hearsay } of missing) builder.missing(node.name, reason, hearsay !== undefined);
  for (const row of rows) {
    row.addTo(builder);
    yield;
  }
  return builder.build();
}

/** `known`: what the judge's own discovery says beyond names, by node name. */
export function evidenceFromSnapshot(
  snapshot: Snapshot,
  known: ReadonlyMap<string, Pick<NodeEvidence, "serving" | "addresses" | "facts">> = new Map(),
): Evidence {
  return evidenceFromRows({
    atSeconds: secondsOf(snapshot.at),
    nodes: snapshot.nodes.map((node) => ({ node, ...known.get(node.name) })),
    judge: snapshot.by.name,
    rows: snapshot.rows.map(evidenceRow),
    missing: snapshot.missing,
  });
}

export const evidenceRow = (row: Row): EvidenceRow => ({
  pairs: row.pairs.length + row.pathMtu.length,
  addTo(builder) {
    if (!builder.beginRow(row.source.name, agentOf(row))) return;
    for (const pair of row.pairs) {
      const number = builder.pair(pair.destination.name);
      if (number >= 0) builder.path(pair).slot(number, countsOf(pair));
    }
    for (const mtu of row.pathMtu) {
      const number = builder.pair(mtu.destination.name);
      if (number >= 0) builder.path({ ...mtu, protocol: "icmp" }).pathMtu(number, mtu);
    }
  },
});

export function agentOf({
  at,
  startedAt,
  incarnation,
  health,
  extent,
  unprobed,
  servicePath,
  dns,
}: RowHead): AgentEvidence {
  const ownSeconds = secondsOf(at);
  return {
    incarnation,
    ownSeconds: Math.floor(ownSeconds),
    uptimeSeconds: Math.max(0, ownSeconds - secondsOf(startedAt)),
    health,
    ...(extent && { meshSize: extent.nodes }),
    ...(unprobed && { unprobed: unprobed.flatMap(faultOf) }),
    ...(dns && { dns }),
    ...(servicePath && { service: servicePath.paths }),
  };
}

/** What passes by itself, what a large mesh leaves to others, and what we do not know is no fault. */
function faultOf({ destination, reason }: UnprobedPeer): NonNullable<AgentEvidence["unprobed"]> {
  if (!(UNPROBED_FAULTS as readonly string[]).includes(reason)) return [];
  return [{ node: destination.name, reason: reason === "shared_address" || reason === "identity" ? reason : "other" }];
}

const secondsOf = (moment: string): number => Date.parse(moment) / 1000;
