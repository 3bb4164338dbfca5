// The faults that a judge must find: each draws its victim in a world and says what would be the right answer.
import type { Direction, Finding } from "../../../agent/model/finding.ts";
import type { LossSource } from "./mesh.ts";
import { between, shuffled, whole } from "./random.ts";
import { pairName, type World } from "./worlds.ts";

export type Way = "one way" | "both ways";

export interface Injected {
  readonly sources: readonly LossSource[];
  /** Right answers; all of them must be found. */
  readonly truths: readonly Truth[];
}

export interface Truth {
  readonly isRight: (finding: Finding) => boolean;
  /** Neither right nor wrong: true, but less than could be said. */
  readonly isAcceptable?: (finding: Finding) => boolean;
  readonly direction?: Direction;
}

export type Fault = (world: World, begins: number) => Injected;

const indexOf = (name: string): number => Number(name.slice("node-".length)) - 1;

export const isPairOf = (finding: Finding, matches: (a: number, b: number) => boolean): boolean =>
  finding.subject.kind === "pair" && matches(indexOf(finding.subject.nodes[0]), indexOf(finding.subject.nodes[1]));

const isNode = (finding: Finding, node: number): boolean =>
  finding.subject.kind === "node" && indexOf(finding.subject.node) === node;

const isGroup = (finding: Finding, members: readonly number[]): boolean =>
  finding.subject.kind === "group" &&
  finding.subject.nodes.length === members.length &&
  finding.subject.nodes.every((name) => members.includes(indexOf(name)));

/** Directed edges that leave, or that enter, or both. */
function crossing({ mesh }: World, way: Way, leaves: (from: number, to: number) => boolean): Int32Array {
  const out = mesh.directed(leaves);
  if (way === "one way") return out;
  return Int32Array.from([...out, ...mesh.directed((from, to) => leaves(to, from))]);
}

const directionOf = (way: Way): Direction => (way === "one way" ? "out" : "both");

export const nodeLoses =
  (chance: number, way: Way): Fault =>
  (world, begins) => {
    const node = whole(world.random, 0, world.mesh.nodes.length - 1);
    const edges = crossing(world, way, (from) => from === node);
    const isSmall = world.mesh.nodes.length <= 3;
    return {
      sources: [world.lossOf(edges, chance, { begins })],
      truths: [
        {
          isRight: (f) =>
            isNode(f, node) || (isSmall && f.code === "IN-BETWEEN" && isPairOf(f, (a, b) => a === node || b === node)),
          direction: directionOf(way),
        },
      ],
    };
  };

export const groupLoses =
  (chance: number, way: Way): Fault =>
  (world, begins) => {
    const rack = world.racks[whole(world.random, 0, world.racks.length - 1)]!;
    const members = new Set(rack);
    const edges = crossing(world, way, (from, to) => members.has(from) && !members.has(to));
    return {
      sources: [world.lossOf(edges, chance, { begins })],
      truths: [groupTruth(world, rack, directionOf(way))],
    };
  };

/** A rack that happens to be a zone, or all the others, is that as well. */
function groupTruth({ mesh }: World, rack: readonly number[], direction: Direction): Truth {
  const zones = new Set(rack.map((i) => mesh.nodes[i]!.zone));
  const isZone = zones.size === 1 && mesh.nodes.filter(({ zone }) => zones.has(zone)).length === rack.length;
  return {
    isRight: (f) => isGroup(f, rack) || (isZone && f.subject.kind === "zone" && zones.has(f.subject.zone)),
    direction,
  };
}

/** Of three nodes and more, where there are two of them; or the two smallest that are no single node. */
export const zonePairLoses =
  (chance: number, way: Way, which: "large" | "smallest" = "large"): Fault =>
  (world, begins) => {
    const { mesh } = world;
    const sizes = [...Map.groupBy(mesh.nodes, ({ zone }) => zone)].filter(([, nodes]) => nodes.length > 1);
    const large = sizes.filter(([, nodes]) => nodes.length > 2);
    const ordered =
      which === "large" && large.length > 1
        ? shuffled(world.random, large)
        : sizes.sort(([, x], [, y]) => (which === "large" ? y.length - x.length : x.length - y.length));
    const [a, b] = ordered.map(([zone]) => zone) as [string, string];
    const zoneOf = (i: number): string => mesh.nodes[i]!.zone;
    const edges = crossing(world, way, (from, to) => zoneOf(from) === a && zoneOf(to) === b);
    return {
      sources: [world.lossOf(edges, chance, { begins })],
      truths: [
        {
          isRight: ({ subject }) =>
            subject.kind === "zone-pair" && subject.zones.includes(a) && subject.zones.includes(b),
        },
      ],
    };
  };

/** A zone that loses on the way to all others, or both ways; of two zones that is the pair of them. */
export const zoneLoses =
  (chance: number, way: Way): Fault =>
  (world, begins) => {
    const { mesh } = world;
    const zones = [...Map.groupBy(mesh.nodes, ({ zone }) => zone)];
    const wide = zones.filter(([, nodes]) => nodes.length > 1 && mesh.nodes.length - nodes.length > 1);
    const [zone] = shuffled(world.random, wide)[0]!;
    const zoneOf = (i: number): string => mesh.nodes[i]!.zone;
    const edges = crossing(world, way, (from, to) => zoneOf(from) === zone && zoneOf(to) !== zone);
    return {
      sources: [world.lossOf(edges, chance, { begins })],
      truths: [
        {
          isRight: ({ subject }) =>
            (subject.kind === "zone" && subject.zone === zone) || (zones.length === 2 && subject.kind === "zone-pair"),
        },
      ],
    };
  };

export const pairLoses =
  (chance: number, way: Way): Fault =>
  (world, begins) => {
    const { mesh, random } = world;
    const edge = 2 * whole(random, 0, mesh.slotOf.length / 2 - 1);
    const [a, b] = [mesh.from[edge]!, mesh.to[edge]!];
    const edges = crossing(world, way, (from, to) => from === a && to === b);
    return {
      sources: [world.lossOf(edges, chance, { begins })],
      truths: [
        {
          isRight: (f) => isPairOf(f, (x, y) => pairName(x, y) === pairName(a, b)),
          direction: directionOf(way),
        },
      ],
    };
  };

/** One of so many equal paths between a pair, two zones, or a rack and the rest loses everything. */
export const pathLoses =
  (between: "pair" | "zones" | "rack", equalPaths: number): Fault =>
  (world, begins) => {
    const inner = { pair: pairLoses, zones: zonePairLoses, rack: groupLoses }[between](1, "both ways")(world, begins);
    return {
      sources: inner.sources.map((source) => ({ ...source, equalPaths })),
      truths: inner.truths.map(({ isRight }) => ({
        isRight: (f) => f.code === "IN-SOME-PATHS" && isRight(f),
        // Before it can be told, the place is right and the reason is not.
        isAcceptable: isRight,
      })),
    };
  };

/** A node that loses 5 % and a group that loses 2 %, the node often one of its members. */
export const nodeAndGroup: Fault = (world, begins) => {
  const rack = world.racks[whole(world.random, 0, world.racks.length - 1)]!;
  const node =
    world.random() < 0.5
      ? rack[whole(world.random, 0, rack.length - 1)]!
      : whole(world.random, 0, world.mesh.nodes.length - 1);
  const members = new Set(rack);
  const ofNode = crossing(world, "both ways", (from) => from === node);
  const ofRack = crossing(world, "both ways", (from, to) => members.has(from) && !members.has(to));
  return {
    sources: [world.lossOf(ofNode, 0.05, { begins }), world.lossOf(ofRack, 0.02, { begins })],
    truths: [{ isRight: (f) => isNode(f, node) }, groupTruth(world, rack, "both")],
  };
};

/** A shared uplink that drops in bursts: what it loses in one second, many pairs lose together. */
export const burstyUplink: Fault = (world, begins) => {
  const { random, racks } = world;
  const rack = racks[whole(random, 0, racks.length - 1)]!;
  const members = new Set(rack);
  const edges = crossing(world, "both ways", (from, to) => members.has(from) && !members.has(to));
  const spans: { readonly from: number; readonly to: number; readonly chance: number }[] = [];
  for (let at = begins; at < begins + 900; at += between(random, 5, 40)) {
    const length = whole(random, 1, 3);
    spans.push({ from: at, to: at + length, chance: between(random, 0.1, 0.6) });
    at += length;
  }
  const chance = (second: number): number =>
    spans.reduce((most, s) => (second >= s.from && second < s.to ? Math.max(most, s.chance) : most), 0);
  return {
    sources: [{ edges, chance, most: 0.6, begins }],
    truths: [groupTruth(world, rack, "both")],
  };
};
