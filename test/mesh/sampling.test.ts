import { describe, expect, test } from "vitest";
import { PAIRS_PER_ZONE_PAIR, sampleMesh, type Sample } from "../../agent/mesh/sampling.ts";
import type { Node } from "../../agent/model/peer.ts";

/** `sizes[i]` nodes in zone i. */
function nodesOf(...sizes: number[]): Node[] {
  return sizes.flatMap((size, zone) =>
    Array.from({ length: size }, (_, i) => ({ name: `node-${zone}-${i}`, zone: `zone-${zone}` })),
  );
}
const even = (count: number, zones: number): Node[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `ip-10-0-${i >> 8}-${i & 255}`,
    zone: zones === 0 ? "" : `zone-${i % zones}`,
  }));

const OPTIONS = { fullMeshLimit: 100, sampleSize: 24 };
const sample = (nodes: readonly Node[], options = OPTIONS): Sample => sampleMesh({ nodes, ...options });
const pairs = (nodes: readonly Node[], s: Sample): Set<string> =>
  new Set(nodes.flatMap((n) => [...s.destinations(n.name)].map((d) => `${n.name}>${d}`)));

function inDegrees(nodes: readonly Node[], s: Sample): Map<string, number> {
  const degrees = new Map(nodes.map((n) => [n.name, 0]));
  for (const n of nodes) for (const d of s.destinations(n.name)) degrees.set(d, degrees.get(d)! + 1);
  return degrees;
}

describe("up to the limit", () => {
  test.each([1, 2, 3, 50, 100])("%i nodes all probe each other and never themselves", (count) => {
    const nodes = even(count, 3);
    const s = sample(nodes);
    expect(s.isFullMesh).toBe(true);
    expect(pairs(nodes, s).size).toBe(count * (count - 1));
    expect(nodes.some((n) => s.destinations(n.name).has(n.name))).toBe(false);
    expect(s.largestInDegree()).toBe(count - 1);
  });

  test("no nodes are no mesh, and a stranger probes nobody", () => {
    expect(sample([]).largestInDegree()).toBe(0);
    expect(sample(even(5, 1)).destinations("stranger").size).toBe(0);
    expect(sample(even(200, 1)).destinations("stranger").size).toBe(0);
  });
});

const SHAPES: readonly (readonly [string, Node[]])[] = [
  ["101 nodes in 3 zones", even(101, 3)],
  ["150 nodes without zones", even(150, 0)],
  ["300 nodes in 3 zones", even(300, 3)],
  ["1000 nodes in 5 zones", even(1_000, 5)],
  ["2000 nodes in 30 zones", even(2_000, 30)],
  ["a zone of one node", nodesOf(200, 100, 1)],
  ["two zones of one and two nodes", nodesOf(300, 1, 2)],
  ["ten zones of one node", nodesOf(150, ...Array.from({ length: 10 }, () => 1))],
  ["60 racks of 5 nodes", even(300, 60)],
];

describe("above the limit", () => {
  test.each(SHAPES)("%s: each probes and is probed by the sample at least, and nobody probes himself", (_, nodes) => {
    const s = sample(nodes);
    expect(s.isFullMesh).toBe(false);
    for (const n of nodes) {
      expect(s.destinations(n.name).size).toBeGreaterThanOrEqual(24);
      expect(s.destinations(n.name).has(n.name)).toBe(false);
    }
    expect(Math.min(...inDegrees(nodes, s).values())).toBeGreaterThanOrEqual(24);
  });

  test.each(SHAPES)(
    "%s: every ordered pair of zones, and each zone within itself, is watched by enough pairs",
    (_, nodes) => {
      const s = sample(nodes);
      const zoneOf = new Map(nodes.map((n) => [n.name, n.zone]));
      const sizes = Map.groupBy(nodes, (n) => n.zone);
      const watched = new Map<string, number>();
      for (const n of nodes)
        for (const d of s.destinations(n.name))
          watched.set(`${n.zone}>${zoneOf.get(d)!}`, (watched.get(`${n.zone}>${zoneOf.get(d)!}`) ?? 0) + 1);
      for (const [from, sources] of sizes) {
        for (const [to, destinations] of sizes) {
          if (from === "" || to === "") continue;
          const possible = sources.length * (destinations.length - (from === to ? 1 : 0));
          expect(watched.get(`${from}>${to}`) ?? 0, `${from} > ${to}`).toBeGreaterThanOrEqual(
            Math.min(s.pairsPerZonePair, possible),
          );
        }
      }
    },
  );

  test.each(SHAPES)("%s: the stated largest in-degree is the true one, and bounded", (_, nodes) => {
    const s = sample(nodes);
    expect(s.largestInDegree()).toBe(Math.max(...inDegrees(nodes, s).values()));
    // A zone of one node is probed by up to 8 of each other zone, on top of the ring.
    const zones = new Set(nodes.map((n) => n.zone)).size;
    expect(s.largestInDegree()).toBeLessThanOrEqual(24 + PAIRS_PER_ZONE_PAIR * zones);
  });

  test("without small zones everyone is probed by exactly as many as it probes", () => {
    const nodes = even(1_000, 3);
    const s = sample(nodes);
    expect(new Set(inDegrees(nodes, s).values())).toEqual(new Set([24]));
    expect(new Set(nodes.map((n) => s.destinations(n.name).size))).toEqual(new Set([24]));
  });

  test("the full eight pairs are kept up to as many zones as the sample can pay for", () => {
    expect(sample(even(1_000, 50)).pairsPerZonePair).toBe(8);
    expect(sample(even(1_000, 500)).pairsPerZonePair).toBe(1);
    expect(pairs(even(1_000, 500), sample(even(1_000, 500))).size).toBeLessThan((1_000 * 999) / 2);
  });

  test("the order of the list does not matter", () => {
    const nodes = even(300, 3);
    expect(pairs(nodes, sample(nodes.toReversed()))).toEqual(pairs(nodes, sample(nodes)));
  });

  test("neighbouring names are not neighbours on the ring", () => {
    const nodes = even(1_000, 3);
    const s = sample(nodes);
    const consecutive = nodes.slice(1).filter((n, i) => s.destinations(nodes[i]!.name).has(n.name)).length;
    // Chance is 24 of 999 each.
    expect(consecutive).toBeLessThan(60);
  });

  test("a sample as large as the mesh is a full mesh", () => {
    expect(sample(even(20, 1), { fullMeshLimit: 10, sampleSize: 19 }).isFullMesh).toBe(true);
  });
});

describe("churn", () => {
  test.each([
    ["300 nodes in 3 zones", even(300, 3)],
    ["1000 nodes in 5 zones", even(1_000, 5)],
    ["a small zone among large ones", nodesOf(200, 100, 2)],
  ])("%s: a node that leaves adds at most one pair for each that probed it and a few for its zone", (_, nodes) => {
    const before = pairs(nodes, sample(nodes));
    for (const gone of nodes.filter((__, i) => i % 37 === 0)) {
      const rest = nodes.filter((n) => n !== gone);
      const after = pairs(rest, sample(rest));
      const added = after.difference(before).size;
      const removedAmongStayers = [...before].filter(
        (pair) => !after.has(pair) && !pair.split(">").includes(gone.name),
      ).length;
      // The 24 that probed it move on by one; extras of its zone's pairs follow their deficit.
      const zones = new Set(nodes.map((n) => n.zone)).size;
      expect(added).toBeLessThanOrEqual(24 + 2 * zones * PAIRS_PER_ZONE_PAIR);
      expect(removedAmongStayers).toBeLessThanOrEqual(2 * zones * PAIRS_PER_ZONE_PAIR);
    }
  });

  test("in a mesh without small zones a node that leaves moves exactly its 24 sources and nothing else", () => {
    const nodes = even(1_000, 3);
    const before = pairs(nodes, sample(nodes));
    const rest = nodes.slice(1);
    const after = pairs(rest, sample(rest));
    expect(after.difference(before).size).toBe(24);
    expect([...before.difference(after)].every((pair) => pair.split(">").includes(nodes[0]!.name))).toBe(true);
  });
});
