// Worlds to judge. Tuning worlds are plain: the same little loss everywhere, losses independent of each other. Proof
// worlds are drawn by other rules with another generator: unequal zones and racks, loss that differs by pair and
// wavers by the second, short bursts, rows that do not come now and then. Nothing was tuned on these.
import type { Node } from "../../../agent/model/peer.ts";
import { SimMesh, type LossSource } from "./mesh.ts";
import { between, proofRandom, shuffled, tuningRandom, waiting, whole, type Random } from "./random.ts";

export type WorldKind = "tuning" | "proof";

export interface World {
  readonly mesh: SimMesh;
  readonly random: Random;
  /** Members of each hidden rack, by node index. */
  readonly racks: readonly (readonly number[])[];
  /** Pairs that are noisy: to find these is right. */
  readonly noisy: ReadonlySet<string>;
  /** A loss source of this world: plain, or wavering. */
  readonly lossOf: (edges: Int32Array, chance: number, rest?: Partial<LossSource>) => LossSource;
  /** Called before each judgement: rows that do not come, agents that restart. */
  readonly disturb: () => void;
}

export interface WorldOptions {
  readonly kind: WorldKind;
  readonly nodes: number;
  readonly seed: number;
  readonly udpEvery?: number;
  /** Bursts and restarts. */
  readonly isEventful?: boolean;
}

const NOISY_SHARE = 0.002;

export const pairName = (a: number, b: number): string => `${Math.min(a, b)}-${Math.max(a, b)}`;

export function makeWorld(options: WorldOptions): World {
  const random = options.kind === "tuning" ? tuningRandom(options.seed) : proofRandom(options.seed + 7_000_000);
  const isProof = options.kind === "proof";
  const nodes = isProof ? zonesOfSome(options.nodes, random) : equalZones(options.nodes);
  const mesh = new SimMesh({ nodes, random, ...(options.udpEvery && { udpEvery: options.udpEvery }) });
  if (isProof) mesh.sources.push(...unequalBase(mesh, random));
  else mesh.sources.push({ edges: mesh.directed(() => true), chance: () => 3e-5, most: 3e-5 });
  const noisy = new Set<string>();
  for (let edge = 0; edge < mesh.slotOf.length; edge += 2) {
    if (random() >= NOISY_SHARE) continue;
    noisy.add(pairName(mesh.from[edge]!, mesh.to[edge]!));
    const ways = random() < 0.5 ? [edge, edge + 1] : [edge + whole(random, 0, 1)];
    mesh.sources.push(plain(Int32Array.from(ways), between(random, 0.02, 0.12)));
  }
  const racks = isProof
    ? racksOf(options.nodes, random, () => whole(random, 3, 12))
    : racksOf(options.nodes, random, () => [3, 5, 12][whole(random, 0, 2)]!);
  const events = options.isEventful ? eventsOf(mesh, random, racks[0]) : () => {};
  return {
    mesh,
    random,
    racks,
    noisy,
    lossOf: isProof ? wavering(random) : plain,
    disturb: () => {
      events();
      if (isProof && random() < 0.1) mesh.silentUntil.set(whole(random, 1, options.nodes - 1), mesh.second + 1);
    },
  };
}

function plain(edges: Int32Array, chance: number, rest: Partial<LossSource> = {}): LossSource {
  return { ...rest, edges, chance: () => chance, most: chance };
}

/** Another chance every second, between half and one and a half times the mean. */
function wavering(random: Random) {
  const salt = Math.floor(random() * 2 ** 31);
  return (edges: Int32Array, chance: number, rest: Partial<LossSource> = {}): LossSource => {
    const most = Math.min(1, 1.5 * chance);
    const at = (second: number): number => {
      const h = Math.imul((second ^ salt) >>> 0, 0x9e3779b1) >>> 0;
      return Math.min(most, chance * (0.5 + h / 2 ** 32));
    };
    return { ...rest, edges, chance: chance >= 0.9 ? () => chance : at, most: chance >= 0.9 ? chance : most };
  };
}

const nodeName = (i: number): string => `node-${i + 1}`;

const equalZones = (count: number): Node[] =>
  Array.from({ length: count }, (_, i) => ({ name: nodeName(i), zone: `zone-${"abc"[i % 3]!}` }));

/** At least two zones are more than a node, where that is possible: else there is nothing between zones. */
function zonesOfSome(count: number, random: Random): Node[] {
  for (;;) {
    const nodes = unequalZones(count, random);
    const wide = [...Map.groupBy(nodes, ({ zone }) => zone).values()].filter((members) => members.length > 1);
    if (wide.length > 1 || count < 5) return nodes;
  }
}

function unequalZones(count: number, random: Random): Node[] {
  const zones = count < 6 ? 3 : whole(random, 2, 4);
  const weights = Array.from({ length: zones }, () => between(random, 0.5, 1.5));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Array.from({ length: count }, (_, i) => {
    if (count < 6) return { name: nodeName(i), zone: `zone-${"abc"[i % 3]!}` };
    let at = random() * sum;
    const zone = weights.findIndex((weight) => (at -= weight) < 0);
    return { name: nodeName(i), zone: `zone-${"abcd"[Math.max(0, zone)]!}` };
  });
}

/** Six classes of pairs, from nearly clean to ten times the middle. */
function unequalBase(mesh: SimMesh, random: Random): LossSource[] {
  const classes = [2e-6, 8e-6, 2e-5, 4e-5, 8e-5, 2e-4];
  const shares = [0.15, 0.3, 0.3, 0.15, 0.08, 0.02];
  const members: number[][] = classes.map(() => []);
  for (let d = 0; d < mesh.slotOf.length; d++) {
    let at = random();
    const of = shares.findIndex((share) => (at -= share) < 0);
    members[of < 0 ? 2 : of]!.push(d);
  }
  return classes.map((chance, i) => plain(Int32Array.from(members[i]!), chance));
}

function racksOf(count: number, random: Random, size: () => number): number[][] {
  const order = shuffled(random, [...Array(count).keys()]);
  const racks: number[][] = [];
  for (let at = 0; at < count;) {
    const wanted = Math.min(size(), Math.max(2, Math.floor(count * 0.4)));
    racks.push(order.slice(at, at + wanted).sort((a, b) => a - b));
    at += wanted;
  }
  return racks.filter((rack) => rack.length > 1 && rack.length < count / 2);
}

const NODE_BURST_HOURS = 12;
const RACK_BURST_HOURS = 24;
const RESTART_HOURS = 24;
const HOUR = 3_600;
/** Seconds from one burst of the uplink that has them again and again to the next. */
const UPLINK_QUIET = [600, 3_600] as const;

/**
 * What calm is made of: a node is deaf for a second or three, a few packets are lost by many at once, one rack's uplink
 * drops some every now and then, agents restart.
 */
function eventsOf(mesh: SimMesh, random: Random, rack: readonly number[] = []): () => void {
  const nodes = mesh.nodes.length;
  let nextBurst = mesh.second + waiting(random, (NODE_BURST_HOURS * HOUR) / nodes);
  let nextRack = mesh.second + waiting(random, (RACK_BURST_HOURS * HOUR * 8) / nodes);
  let nextUplink = rack.length > 0 ? mesh.second + between(random, ...UPLINK_QUIET) : Number.POSITIVE_INFINITY;
  let nextRestart = mesh.second + waiting(random, (RESTART_HOURS * HOUR) / nodes);
  const touching = (members: ReadonlySet<number>) => mesh.directed((from, to) => members.has(from) !== members.has(to));
  const burst = (members: ReadonlySet<number>, chance: number, rest: Partial<LossSource> = {}): void => {
    const begins = mesh.second + whole(random, 0, 9);
    mesh.sources.push(plain(touching(members), chance, { begins, ends: begins + whole(random, 1, 3), ...rest }));
  };
  return () => {
    for (let i = mesh.sources.length - 1; i >= 0; i--)
      if ((mesh.sources[i]!.ends ?? Number.POSITIVE_INFINITY) < mesh.second) mesh.sources.splice(i, 1);
    for (; nextBurst < mesh.second; nextBurst += waiting(random, (NODE_BURST_HOURS * HOUR) / nodes))
      burst(new Set([whole(random, 0, nodes - 1)]), between(random, 0.3, 1));
    for (; nextRack < mesh.second; nextRack += waiting(random, (RACK_BURST_HOURS * HOUR * 8) / nodes))
      burst(
        new Set(Array.from({ length: Math.min(8, nodes >> 1) }, () => whole(random, 0, nodes - 1))),
        between(random, 0.1, 0.6),
      );
    for (; nextUplink < mesh.second; nextUplink += between(random, ...UPLINK_QUIET))
      burst(new Set(rack), between(random, 0.1, 0.6));
    for (; nextRestart < mesh.second; nextRestart += waiting(random, (RESTART_HOURS * HOUR) / nodes)) {
      const node = whole(random, 1, nodes - 1);
      mesh.silentUntil.set(node, mesh.second + whole(random, 8, 25));
      mesh.startedAt[node] = mesh.second + 8;
      burst(new Set([node]), 1, { network: "pod" });
    }
  };
}
