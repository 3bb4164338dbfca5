// The detection floor of a mesh: the least loss of a node that its packets are many enough to show. Pure.
import type { Snapshot } from "../model/snapshot.ts";

/** Share of a node's packets, both ways. */
export interface DetectionFloor {
  readonly inMinute: number;
  readonly inFiveMinutes: number;
}

/**
 * The least loss of which the judge missed none of 100 trials, with five nodes and the default schedule: 4 peers, both
 * ways, 60 + 60 ICMP, 12 TCP and 12 UDP a minute (`npm run test:judge -- --floor`, docs/detection.md).
 */
const KNOWN = { perMinute: 4 * 2 * 144, inMinute: 0.0114, inFiveMinutes: 0.0019 };

/**
 * What is lost must be a number of packets, whatever the mesh, so the floor falls as a node has more of them. Of the node
 * with the fewest packets; undefined where no row tells of any.
 */
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
  const times = KNOWN.perMinute / fewest;
  return {
    inMinute: Math.min(1, KNOWN.inMinute * times),
    inFiveMinutes: Math.min(1, KNOWN.inFiveMinutes * times),
  };
}
