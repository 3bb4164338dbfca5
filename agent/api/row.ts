// Builds the row of /api/v1/pairs: what this agent has measured in the trailing minute, or in a stretch of the last
// hour, and how far to trust it.
import type { Clock } from "../base/clock.ts";
import type { Node } from "../model/peer.ts";
import {
  SCHEMA_VERSION,
  type AgentHealth,
  type PairWindow,
  type PathMtu,
  type RouteSeen,
  type Row,
  type UdpReceived,
} from "../model/snapshot.ts";
import type { Slot } from "../model/slot.ts";
import type { MeshExtent, UnprobedPeer } from "../model/unprobed.ts";
import type { Results } from "../results/results.ts";
import type { RowQuery } from "../peers/peer-api.ts";

export interface RowInputs {
  readonly self: () => Node;
  readonly version: string;
  readonly incarnation: string;
  readonly startedAt: string;
  readonly clock: Clock;
  readonly results: Pick<
    Results,
    | "slots"
    | "window"
    | "seconds"
    | "lostSeconds"
    | "latelyNs"
    | "ports"
    | "route"
    | "past"
    | "kept"
    | "services"
    | "lookups"
  >;
  readonly pathMtu: () => Iterable<PathMtu>;
  readonly udpReceived: () => Iterable<UdpReceived>;
  readonly unprobed: () => readonly UnprobedPeer[];
  readonly extent: () => MeshExtent;
  readonly health: () => AgentHealth;
}

export function buildRow(sources: RowInputs, query: RowQuery): Row {
  const { results, clock } = sources;
  const { span } = query;
  const wanted = (node: Node) => query.destination === undefined || node.name === query.destination;
  const servicePath = span ? undefined : results.services.state();
  const dns = span ? undefined : results.lookups.state();
  const pairOf = (slot: Slot): PairWindow => ({
    destination: slot.pair.destination,
    network: slot.network,
    protocol: slot.protocol,
    family: slot.family,
    address: slot.address,
    window: span ? results.past(slot, span) : results.window(slot),
    ...(span === undefined && besides(results, slot)),
    ...(query.detail === "seconds" && span === undefined ? { seconds: results.seconds(slot) } : {}),
  });
  return {
    schemaVersion: SCHEMA_VERSION,
    source: sources.self(),
    version: sources.version,
    incarnation: sources.incarnation,
    startedAt: sources.startedAt,
    at: new Date(clock.baseSeconds * 1000 + clock.realtimeNs() / 1e6).toISOString(),
    ...(span && { covered: results.kept(span) }),
    health: sources.health(),
    extent: sources.extent(),
    pairs: results
      .slots()
      .filter((slot) => wanted(slot.pair.destination))
      .map(pairOf),
    pathMtu: span ? [] : [...sources.pathMtu()].filter((mtu) => wanted(mtu.destination)),
    udpReceived: span ? [] : [...sources.udpReceived()].filter((received) => wanted(received.source)),
    unprobed: sources.unprobed().filter(({ destination }) => wanted(destination)),
    ...(servicePath && { servicePath }),
    ...(dns && { dns }),
    ...(dns && results.lookups.trouble !== undefined && { dnsTrouble: results.lookups.trouble }),
  };
}

/** What a judge needs besides the window, as far as there is something to tell. */
function besides(
  results: Pick<Results, "lostSeconds" | "latelyNs" | "ports" | "route">,
  slot: Slot,
): Pick<PairWindow, "lostSeconds" | "rttLatelyNs" | "ports"> & RouteSeen {
  const lostSeconds = results.lostSeconds(slot);
  const rttLatelyNs = results.latelyNs(slot);
  const ports = results.ports(slot);
  return {
    ...(lostSeconds !== undefined && { lostSeconds }),
    ...(rttLatelyNs !== undefined && { rttLatelyNs }),
    ...(ports && { ports }),
    ...results.route(slot),
  };
}
