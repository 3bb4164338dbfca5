// A mesh that probes itself, simulated packet by packet where packets are lost and not at all where they are not: the
// default schedule (ICMP every second on both networks, TCP and UDP every five, UDP over eight source ports), the
// product's own sample of pairs above its limit, and the rows that its agents would tell every ten seconds.
import type { Evidence, NodeEvidence, PathEvidence } from "../../../agent/diagnosis/evidence/evidence.ts";
import { sampleMesh } from "../../../agent/mesh/sampling.ts";
import type { Node } from "../../../agent/model/peer.ts";
import type { Random } from "./random.ts";

export const UDP_PORTS = 8;
const PORT_WINDOW = 300;
const BLOCK_SECONDS = 5;

/** The paths of the default configuration, in the order in which evidence lists them. */
export const PATHS = [
  { network: "node", protocol: "icmp", family: "ipv4" },
  { network: "pod", protocol: "icmp", family: "ipv4" },
  { network: "pod", protocol: "tcp", family: "ipv4" },
  { network: "pod", protocol: "udp", family: "ipv4" },
] as const;
const [TCP, UDP] = [2, 3];
/** Seconds between a lost probe and its entry in the row. */
const TOLD_AFTER = [1, 1, 1, 2] as const;
/** The direction of a lost UDP probe is known when the next one is answered. */
const DIRECTION_AFTER = 5;

/** Something that packets cross and that loses some of them. */
export interface LossSource {
  /** Directed edges that cross it. */
  readonly edges: Int32Array;
  /** Chance of each packet in this second; never above `most`. */
  readonly chance: (second: number) => number;
  readonly most: number;
  readonly network?: "pod" | "node";
  readonly protocol?: "icmp" | "tcp" | "udp";
  /** Only what is hashed to the first of so many equal paths. */
  readonly equalPaths?: number;
  readonly begins?: number;
  readonly ends?: number;
}

export interface MeshOptions {
  readonly nodes: readonly Node[];
  readonly random: Random;
  readonly fullMeshLimit?: number;
  readonly sampleSize?: number;
  /** Seconds between UDP probes of a slot: 5, or 1 to see what more probes would give. */
  readonly udpEvery?: number;
}

interface Pending {
  readonly at: number;
  readonly second: number;
  readonly slot: number;
  readonly path: number;
  readonly forward: boolean;
  readonly isDirection: boolean;
}

export class SimMesh {
  readonly nodes: readonly Node[];
  readonly pairs: number;
  readonly source: Uint16Array;
  readonly destination: Uint16Array;
  /** Ordered pair of each directed edge, or -1; the other direction of `d` is `d ^ 1`. */
  readonly slotOf: Int32Array;
  readonly from: Uint16Array;
  readonly to: Uint16Array;
  readonly sources: LossSource[] = [];
  /** When the first packet was lost to the sources from `watchFrom` on, and the seconds of all of them. */
  firstLoss = Number.POSITIVE_INFINITY;
  readonly watchedLosses: number[] = [];
  watchFrom = Number.POSITIVE_INFINITY;
  /** Node indexes whose row does not come, by the second until when. */
  readonly silentUntil = new Map<number, number>();
  readonly startedAt: Float64Array;
  second = 1_000_000;
  /** Until when losses are drawn, a whole number of blocks. */
  #drawn = this.second;
  readonly #random: Random;
  readonly #udpEvery: number;
  readonly #lost: readonly Uint32Array[];
  readonly #forward: Uint32Array;
  readonly #reverse: Uint32Array;
  readonly #portFailures: Uint8Array;
  readonly #portQueue: { readonly at: number; readonly cell: number }[] = [];
  readonly #paths: readonly PathEvidence[];
  #pending: Pending[] = [];

  constructor({ nodes, random, fullMeshLimit = 100, sampleSize = 24, udpEvery = 5 }: MeshOptions) {
    const sample = sampleMesh({ nodes, fullMeshLimit, sampleSize });
    const index = new Map(nodes.map(({ name }, i) => [name, i]));
    const pairs: [number, number][] = [];
    for (const [i, { name }] of nodes.entries())
      for (const other of sample.destinations(name)) pairs.push([i, index.get(other)!]);
    this.nodes = nodes;
    this.#random = random;
    this.#udpEvery = udpEvery;
    this.pairs = pairs.length;
    this.source = Uint16Array.from(pairs, ([s]) => s);
    this.destination = Uint16Array.from(pairs, ([, d]) => d);
    const edgeOf = new Map<number, number>();
    const [from, to, slotOf]: number[][] = [[], [], []];
    for (const [slot, [s, d]] of pairs.entries()) {
      const key = Math.min(s, d) * nodes.length + Math.max(s, d);
      let edge = edgeOf.get(key);
      if (edge === undefined) {
        edge = edgeOf.size;
        edgeOf.set(key, edge);
        from!.push(Math.min(s, d), Math.max(s, d));
        to!.push(Math.max(s, d), Math.min(s, d));
        slotOf!.push(-1, -1);
      }
      slotOf![2 * edge + (s < d ? 0 : 1)] = slot;
    }
    this.from = Uint16Array.from(from!);
    this.to = Uint16Array.from(to!);
    this.slotOf = Int32Array.from(slotOf!);
    this.startedAt = new Float64Array(nodes.length).fill(this.second - 86_400);
    this.#lost = PATHS.map(() => new Uint32Array(this.pairs * 2));
    this.#forward = new Uint32Array(this.pairs * 2);
    this.#reverse = new Uint32Array(this.pairs * 2);
    this.#portFailures = new Uint8Array(this.pairs * UDP_PORTS);
    this.#paths = PATHS.map((path, p) => ({ ...path, ...this.#columns(p) }));
  }

  directed(matches: (from: number, to: number) => boolean): Int32Array {
    return Int32Array.from([...this.slotOf.keys()].filter((d) => matches(this.from[d]!, this.to[d]!)));
  }

  /** What a source loses is drawn a block ahead: one that is added between two blocks begins with the next. */
  advance(seconds: number): void {
    this.second += seconds;
    for (; this.#drawn < this.second; this.#drawn += BLOCK_SECONDS)
      for (const [i, source] of this.sources.entries()) this.#loseIn(source, i >= this.watchFrom);
    for (const ring of [...this.#lost, this.#forward, this.#reverse]) shift(ring, seconds);
    const due = this.#pending.filter(({ at }) => at <= this.second);
    this.#pending = this.#pending.filter(({ at }) => at > this.second);
    for (const event of due) this.#book(event);
    while (this.#portQueue.length > 0 && this.#portQueue[0]!.at <= this.second)
      this.#portFailures[this.#portQueue.shift()!.cell]!--;
  }

  evidence(): Evidence {
    this.#count();
    return {
      atSeconds: this.second,
      judge: 0,
      nodes: this.nodes.map((node, i): NodeEvidence => {
        if ((this.silentUntil.get(i) ?? 0) > this.second) return { node, agent: undefined, missing: "no answer" };
        return {
          node,
          missing: undefined,
          agent: {
            incarnation: String(this.startedAt[i]),
            ownSeconds: this.second,
            uptimeSeconds: this.second - this.startedAt[i]!,
            health: HEALTHY,
          },
        };
      }),
      pairs: { count: this.pairs, source: this.source, destination: this.destination },
      paths: this.#paths,
      addresses: [],
    };
  }

  /** Skips from one lost packet to the next, over all packets that cross a source in one block of five seconds. */
  #loseIn(source: LossSource, isWatched: boolean): void {
    const { edges, most, begins = 0, ends = Number.POSITIVE_INFINITY } = source;
    if (most <= 0 || this.#drawn + BLOCK_SECONDS <= begins || this.#drawn >= ends) return;
    const udp = BLOCK_SECONDS / this.#udpEvery;
    const legs = 2 * BLOCK_SECONDS + 1 + udp;
    const crossings = edges.length * 2 * legs;
    const ln = Math.log(1 - Math.min(most, 1 - 1e-12));
    for (let at = skip(this.#random, ln); at < crossings; at += 1 + skip(this.#random, ln)) {
      const directed = edges[Math.floor(at / (2 * legs))]!;
      const isForward = at % 2 === 0;
      const slot = this.slotOf[isForward ? directed : directed ^ 1]!;
      if (slot < 0) continue;
      const leg = Math.floor((at % (2 * legs)) / 2);
      const path = leg < 5 ? 0 : leg < 10 ? 1 : leg === 10 ? TCP : UDP;
      const offset = path < TCP ? leg % 5 : path === TCP ? (slot * 7) % 5 : udp > 1 ? leg - 11 : (slot * 3) % 5;
      const second = this.#drawn + offset;
      if (second < begins || second >= ends) continue;
      if (source.network && PATHS[path]!.network !== source.network) continue;
      if (source.protocol && PATHS[path]!.protocol !== source.protocol) continue;
      const chance = source.chance(second);
      if (chance < most && this.#random() * most >= chance) continue;
      if (source.equalPaths && this.#flow({ slot, path, second, isForward }) % source.equalPaths !== 0) continue;
      this.#lose({ slot, path, second, isForward, chance });
      if (!isWatched) continue;
      this.firstLoss = Math.min(this.firstLoss, second);
      this.watchedLosses.push(second);
    }
  }

  /** What routers hash: addresses, protocol and ports. A TCP probe has a new source port each time. */
  #flow({ slot, path, second, isForward }: Leg): number {
    const port = path === UDP ? this.#port(slot, second) : path === TCP ? second : 0;
    let h = (slot * 16 + path * 2 + (isForward ? 1 : 0)) ^ (port * 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) >>> 0;
  }

  #port(slot: number, second: number): number {
    return (slot + Math.floor(second / this.#udpEvery)) % UDP_PORTS;
  }

  #lose({ slot, path, second, isForward, chance }: Leg & { readonly chance: number }): void {
    const after = path === TCP && chance > 0.5 ? 4 : TOLD_AFTER[path]!;
    this.#pending.push({
      at: second + after,
      second: second + after,
      slot,
      path,
      forward: isForward,
      isDirection: false,
    });
    if (path !== UDP) return;
    const known = second + after + DIRECTION_AFTER;
    this.#pending.push({ at: known, second: second + after, slot, path, forward: isForward, isDirection: true });
    const cell = slot * UDP_PORTS + this.#port(slot, second);
    this.#portFailures[cell]!++;
    this.#portQueue.push({ at: this.#drawn + PORT_WINDOW, cell });
  }

  #book({ second, slot, path, forward, isDirection }: Pending): void {
    const bit = 59 - (this.second - second);
    if (bit < 0 || bit > 59) return;
    const ring = isDirection ? (forward ? this.#forward : this.#reverse) : this.#lost[path]!;
    ring[slot * 2 + (bit >>> 5)]! |= 1 << (bit & 31);
  }

  #columns(path: number) {
    const column = () => new Uint16Array(this.pairs);
    const probes = new Uint16Array(this.pairs).fill(path < TCP ? 60 : path === TCP ? 12 : 60 / this.#udpEvery);
    return {
      probes,
      failures: column(),
      blocked: column(),
      unreachable: column(),
      refusals: column(),
      retransmits: column(),
      lostForward: column(),
      lostReverse: column(),
      rttMeanNs: new Float32Array(this.pairs).fill(200_000),
      rttMinNs: new Float32Array(this.pairs).fill(150_000),
      lostSeconds: { told: new Uint8Array(this.pairs).fill(1), bits: this.#lost[path]! },
      ...(path === UDP && {
        ports: {
          count: UDP_PORTS,
          probes: new Uint8Array(this.pairs * UDP_PORTS).fill(Math.floor(PORT_WINDOW / (UDP_PORTS * this.#udpEvery))),
          failures: this.#portFailures,
        },
      }),
    };
  }

  #count(): void {
    for (const [p, { failures, retransmits, lostForward, lostReverse }] of this.#paths.entries()) {
      const lost = this.#lost[p]!;
      for (let slot = 0; slot < this.pairs; slot++) {
        const count = ones(lost[slot * 2]!) + ones(lost[slot * 2 + 1]!);
        failures[slot] = p === TCP ? 0 : count;
        retransmits[slot] = p === TCP ? count : 0;
        if (p !== UDP) continue;
        lostForward[slot] = ones(this.#forward[slot * 2]!) + ones(this.#forward[slot * 2 + 1]!);
        lostReverse[slot] = ones(this.#reverse[slot * 2]!) + ones(this.#reverse[slot * 2 + 1]!);
      }
    }
  }
}

interface Leg {
  readonly slot: number;
  readonly path: number;
  readonly second: number;
  readonly isForward: boolean;
}

const HEALTHY = {
  engine: "kernel",
  stamps: {},
  unavailable: [],
  tickLagMaxMs: 1,
  probesSkipped: 0,
  localErrors: 0,
  clockSteps: 0,
  socketDrops: 0,
  discoveryAgeSeconds: 5,
} as const;

const skip = (random: Random, ln: number): number => Math.floor(Math.log(1 - random()) / ln);

/** All vectors `seconds` older; the oldest bit is bit 0 of the first word, the youngest bit 27 of the second. */
function shift(bits: Uint32Array, seconds: number): void {
  for (let i = 0; i < bits.length; i += 2) {
    const [low, high] = [bits[i]!, bits[i + 1]!];
    if (low === 0 && high === 0) continue;
    if (seconds >= 32) {
      bits[i] = seconds >= 60 ? 0 : high >>> (seconds - 32);
      bits[i + 1] = 0;
      continue;
    }
    bits[i] = (low >>> seconds) | (high << (32 - seconds));
    bits[i + 1] = high >>> seconds;
  }
}

function ones(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
