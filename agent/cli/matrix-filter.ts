// The part of a snapshot that was asked for. All that is printed is made from it, and the exit code too. Pure.
import type { IpFamily, Network, Node, Protocol } from "../model/peer.ts";
import type { Row, Snapshot } from "../model/snapshot.ts";
import { UsageError } from "./command.ts";

export interface Filter {
  readonly network?: Network;
  readonly protocol?: Protocol;
  readonly family?: IpFamily;
  /** Names; empty: all. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly zone: readonly string[];
}

export interface Selection {
  readonly snapshot: Snapshot;
  /** Sources and destinations, by name. */
  readonly from: ReadonlySet<string>;
  readonly to: ReadonlySet<string>;
}

/** Throws UsageError for a node or a zone that the mesh has not. */
export function select(snapshot: Snapshot, filter: Filter): Selection {
  const { nodes } = snapshot;
  known(
    "node",
    [...filter.from, ...filter.to],
    nodes.map((node) => node.name),
  );
  known("zone", filter.zone, [...new Set(nodes.map((node) => node.zone))]);
  const inZone = nodes.filter(({ zone }) => filter.zone.length === 0 || filter.zone.includes(zone));
  const chosen = (names: readonly string[]) =>
    new Set(inZone.map((node) => node.name).filter((name) => names.length === 0 || names.includes(name)));
  const [from, to] = [chosen(filter.from), chosen(filter.to)];
  const isTo = ({ name }: Node) => to.has(name);
  const part = (row: Row): Row => ({
    ...row,
    pairs: row.pairs.filter(
      (pair) =>
        isTo(pair.destination) &&
        (filter.network ?? pair.network) === pair.network &&
        (filter.protocol ?? pair.protocol) === pair.protocol &&
        (filter.family ?? pair.family) === pair.family,
    ),
    pathMtu: row.pathMtu.filter((mtu) => isTo(mtu.destination) && (filter.network ?? mtu.network) === mtu.network),
    ...(row.unprobed && { unprobed: row.unprobed.filter(({ destination }) => isTo(destination)) }),
  });
  return {
    from,
    to,
    snapshot: {
      ...snapshot,
      nodes: nodes.filter(({ name }) => from.has(name) || to.has(name)),
      rows: snapshot.rows.filter(({ source }) => from.has(source.name)).map(part),
      missing: snapshot.missing.filter(({ node }) => from.has(node.name)),
      ...(snapshot.relayed && { relayed: snapshot.relayed.filter(({ node }) => from.has(node.name)) }),
    },
  };
}

function known(what: string, asked: readonly string[], there: readonly string[]): void {
  const unknown = asked.find((name) => !there.includes(name));
  if (unknown === undefined) return;
  const some = there.slice(0, 12).join(", ");
  throw new UsageError(
    `there is no ${what} '${unknown}' in this mesh; there are ${some}${there.length > 12 ? ` and ${there.length - 12} more` : ""}`,
  );
}
