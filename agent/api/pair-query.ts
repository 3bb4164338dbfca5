// One pair both ways, second by second: asks the two agents that measure it, and nobody else.
import type { Node } from "../model/peer.ts";
import type { PairDetail, PairDirection } from "../model/pair-detail.ts";
import { SCHEMA_VERSION, type Row } from "../model/snapshot.ts";
import type { AgentView } from "./agent-view.ts";
import type { RowQuery } from "../peers/peer-api.ts";
import type { Rows } from "../peers/rows.ts";

export interface PairQuery {
  readonly sources: Pick<AgentView, "node" | "row" | "peers" | "peerApis">;
  readonly rows: Pick<Rows, "ask">;
  readonly source: string;
  readonly destination: string;
}

/** The pair, or undefined with the name that is no node of this mesh. */
export async function queryPair(query: PairQuery): Promise<PairDetail | { readonly unknown: string }> {
  const { sources, source, destination } = query;
  const nodes = new Map([sources.node, ...sources.peers().map(({ node }) => node)].map((node) => [node.name, node]));
  const from = nodes.get(source);
  if (!from) return { unknown: source };
  const to = nodes.get(destination);
  if (!to) return { unknown: destination };
  const directions = await Promise.all([askDirection(query, from, to), askDirection(query, to, from)]);
  return { schemaVersion: SCHEMA_VERSION, at: new Date().toISOString(), directions };
}

async function askDirection({ sources, rows }: PairQuery, source: Node, destination: Node): Promise<PairDirection> {
  const wanted: RowQuery = { detail: "seconds", destination: destination.name };
  if (source.name === sources.node.name) return { source, destination, row: onlyOf(sources.row(wanted), destination) };
  const api = sources.peerApis().find(({ node }) => node.name === source.name);
  if (!api) return { source, destination, missing: "discovery gives no address for it" };
  const answer = await rows.ask(api, wanted);
  if (answer.kind === "missing") return { source, destination, missing: answer.reason };
  const { row, relayed } = answer;
  return { source, destination, row: onlyOf(row, destination), ...(relayed !== undefined && { relayed }) };
}

/** A row with only what concerns one node: pairs and path MTU to it, UDP received from it. */
export function onlyOf(row: Row, { name }: Pick<Node, "name">): Row {
  return {
    ...row,
    pairs: row.pairs.filter((p) => p.destination.name === name),
    pathMtu: row.pathMtu.filter((m) => m.destination.name === name),
    udpReceived: row.udpReceived.filter((u) => u.source.name === name),
    ...(row.unprobed && { unprobed: row.unprobed.filter((u) => u.destination.name === name) }),
  };
}
