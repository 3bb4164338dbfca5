// The detection floor of a mesh: the least loss of a node that its packets are many enough to show. Pure.
import type { Snapshot } from "../model/snapshot.ts";

/** Share of a node's packets, both ways. */
export interface DetectionFloor {
  readonly inMinute: number;
  readonly inFiveMinutes: number;
}

/**
 * Packets a minute that a node sends and is sent, and the least loss of it, both ways, that the judge found in 999 of
 * 1,000 trials: with 3, 5, 8, 12 and 30 nodes and the default schedule, each peer 60 + 60 ICMP, 12 TCP and 12 UDP a minute
 * either way (`npm run test:judge -- --floor`, docs/detection.md). With three nodes it takes longer to tell who it is.
 */
const PER_PEER = 2 * 144;
const IN_MINUTE = [
  [2 * PER_PEER, 0.0347],
  [4 * PER_PEER, 0.0142],
  [7 * PER_PEER, 0.0073],
  [11 * PER_PEER, 0.0058],
  [29 * PER_PEER, 0.0024],
] as const;
const IN_FIVE_MINUTES = [
  [2 * PER_PEER, 0.0178],
  [4 * PER_PEER, 0.003],
  [7 * PER_PEER, 0.0015],
  [11 * PER_PEER, 0.0012],
  [29 * PER_PEER, 0.0008],
] as const;

export const floorOfPeers = (peers: number): DetectionFloor => floorAt(peers * PER_PEER);

const floorAt = (perMinute: number): DetectionFloor => ({
  inMinute: Math.min(1, leastAt(IN_MINUTE, perMinute)),
  inFiveMinutes: Math.min(1, leastAt(IN_FIVE_MINUTES, perMinute)),
});

/** Between two figures as a power of the packets; beyond them scaled, since what is lost must be a number of packets. */
function leastAt(measured: readonly (readonly [number, number])[], perMinute: number): number {
  const above = measured.findIndex(([packets]) => packets >= perMinute);
  const [packets, loss] = measured.at(above)!;
  if (above <= 0) return (loss * packets) / perMinute;
  const [fewer, more] = measured[above - 1]!;
  return more * (loss / more) ** (Math.log(perMinute / fewer) / Math.log(packets / fewer));
}

/** Of the node with the fewest packets; undefined where no row tells of any. */
export function detectionFloor({ nodes, rows }: Snapshot): DetectionFloor | undefined {
  const perMinute = new Map(nodes.map(({ name }) => [name, 0]));
  const add = (name: string, probes: number) => void perMinute.set(name, (perMinute.get(name) ?? 0) + probes);
  for (const { source, pairs } of rows)
    for (const { destination, window } of pairs) {
      add(source.name, window.probes);
      add(destination.name, window.probes);
    }
  const fewest = Math.min(...[...perMinute.values()].filter((probes) => probes > 0));
  if (!Number.isFinite(fewest)) return undefined;
  return floorAt(fewest);
}
