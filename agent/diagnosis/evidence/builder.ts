// Fills evidence row by row, from whatever form the rows come in. What names a node outside the judge's discovery is
// left out; a slot told twice keeps the first.
import { stays } from "../../base/stays.ts";
import type { IpFamily, Network, Protocol } from "../../model/peer.ts";
import type { SlotCounts } from "../../model/slot-counts.ts";
import {
  SECONDS_WORDS,
  pathName,
  type AgentEvidence,
  type Evidence,
  type LostSeconds,
  type NodeEvidence,
  type PathEvidence,
  type PortEvidence,
} from "./evidence.ts";

const MAX_COUNT = 0xffff;
const MAX_BYTE = 0xff;

export interface BuilderOptions {
  readonly atSeconds: number;
  /** The judge's own discovery: everybody that a finding may name. */
  readonly nodes: readonly Pick<NodeEvidence, "node" | "serving" | "addresses" | "facts">[];
  readonly judge?: string;
  /** At least as many as there are ordered pairs in all rows. */
  readonly pairCapacity: number;
}

export type { SlotCounts } from "../../model/slot-counts.ts";

export interface Path {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
}

export class EvidenceBuilder {
  readonly #options: BuilderOptions;
  readonly #nodeIndex: ReadonlyMap<string, number>;
  readonly #agents: (AgentEvidence | undefined)[];
  readonly #missing: (string | undefined)[];
  readonly #heardOf = new Set<number>();
  readonly #source: Uint16Array;
  readonly #destination: Uint16Array;
  readonly #columns = new Map<string, Columns>();
  /** Pair of the current row by destination, or -1. */
  readonly #pairOf: Int32Array;
  readonly #context: RowContext = { ownSeconds: 0, addresses: new Map() };
  readonly #begun: Uint8Array;
  #row = -1;
  #count = 0;

  constructor(options: BuilderOptions) {
    const { nodes, pairCapacity } = options;
    this.#options = options;
    this.#nodeIndex = new Map(nodes.map(({ node }, i) => [node.name, i]));
    this.#agents = nodes.map(() => undefined);
    this.#missing = nodes.map(() => undefined);
    this.#source = new Uint16Array(pairCapacity);
    this.#destination = new Uint16Array(pairCapacity);
    this.#pairOf = new Int32Array(nodes.length).fill(-1);
    this.#begun = new Uint8Array(nodes.length);
  }

  /** `isHeardOf`: one relay alone gave a row, which counts for nothing. */
  missing(name: string, reason: string, isHeardOf = false): void {
    const node = this.#nodeIndex.get(name);
    if (node === undefined) return;
    this.#missing[node] = reason;
    if (isHeardOf) this.#heardOf.add(node);
  }

  /** Slots that follow are those of this node. False when it is nobody we know, or has been told already. */
  beginRow(name: string, agent: AgentEvidence): boolean {
    const node = this.#nodeIndex.get(name);
    this.#row = -1;
    if (node === undefined || this.#begun[node] === 1) return false;
    this.#row = node;
    this.#begun[node] = 1;
    this.#agents[node] = agent;
    this.#context.ownSeconds = agent.ownSeconds;
    this.#pairOf.fill(-1);
    return true;
  }

  /** Of the current row, to this destination; -1 when it is nobody we know. */
  pair(destination: string): number {
    const node = this.#nodeIndex.get(destination);
    if (this.#row < 0 || node === undefined || node === this.#row) return -1;
    const known = this.#pairOf[node]!;
    if (known >= 0) return known;
    if (this.#count === this.#source.length) throw new RangeError(`more than ${this.#count} pairs in the rows`);
    const pair = this.#count++;
    this.#source[pair] = this.#row;
    this.#destination[pair] = node;
    this.#pairOf[node] = pair;
    return pair;
  }

  /** Where slots of a path go: those of this row until the next begins. */
  path(path: Path): Columns {
    const name = pathName(path);
    let columns = this.#columns.get(name);
    if (!columns) this.#columns.set(name, (columns = new Columns(onlyPath(path), this.#source.length, this.#context)));
    return columns;
  }

  build(): Evidence {
    const { atSeconds, nodes, judge } = this.#options;
    const count = this.#count;
    return {
      atSeconds,
      judge: judge === undefined ? undefined : this.#nodeIndex.get(judge),
      nodes: nodes.map((known, i) => ({
        ...known,
        agent: this.#agents[i],
        missing: this.#agents[i] ? undefined : (this.#missing[i] ?? "nobody asked it for its row"),
        ...(this.#heardOf.has(i) && !this.#agents[i] && { isHeardOf: true }),
      })),
      pairs: { count, source: this.#source.subarray(0, count), destination: this.#destination.subarray(0, count) },
      paths: [...this.#columns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, columns]) => columns.take(count)),
      addresses: [...this.#context.addresses.keys()],
    };
  }
}

/** Of whatever was given as one: evidence keeps no row. */
const onlyPath = ({ network, protocol, family }: Path): Path => ({ network, protocol, family });

/** What is known where a slot is told. */
interface RowContext {
  /** Of its row: see AgentEvidence. */
  ownSeconds: number;
  /** Of all rows: addresses that were seen, by their number. */
  readonly addresses: Map<string, number>;
}

function numberOf(address: string, addresses: Map<string, number>): number {
  let number = addresses.get(address);
  if (number === undefined) addresses.set(address, (number = addresses.size));
  return number;
}

/** The arrays of one path while they are filled. Those that nobody tells are never made. */
class Columns {
  readonly #path: Path;
  readonly #capacity: number;
  readonly #row: Readonly<RowContext>;
  readonly #probes: Uint16Array;
  readonly #failures: Uint16Array;
  readonly #blocked: Uint16Array;
  readonly #unreachable: Uint16Array;
  readonly #refusals: Uint16Array;
  readonly #retransmits: Uint16Array;
  readonly #lostForward: Uint16Array;
  readonly #lostReverse: Uint16Array;
  readonly #rttMeanNs: Float32Array;
  readonly #rttMinNs: Float32Array;
  #lostSeconds: LostSeconds | undefined;
  #ports: PortEvidence | undefined;
  #rttLatelyNs: Float32Array | undefined;
  #hops: Uint8Array | undefined;
  #hopsBefore: Uint8Array | undefined;
  #hopsThere: Uint8Array | undefined;
  #hopsThereBefore: Uint8Array | undefined;
  #hopsChangedAgo: Uint16Array | undefined;
  #seenAs: Uint16Array | undefined;
  #mtu: { readonly passes: Uint16Array; readonly shortfall: Uint16Array } | undefined;

  constructor(path: Path, capacity: number, row: Readonly<RowContext>) {
    this.#path = path;
    this.#capacity = capacity;
    this.#row = row;
    this.#probes = new Uint16Array(capacity);
    this.#failures = new Uint16Array(capacity);
    this.#blocked = new Uint16Array(capacity);
    this.#unreachable = new Uint16Array(capacity);
    this.#refusals = new Uint16Array(capacity);
    this.#retransmits = new Uint16Array(capacity);
    this.#lostForward = new Uint16Array(capacity);
    this.#lostReverse = new Uint16Array(capacity);
    this.#rttMeanNs = new Float32Array(capacity).fill(Number.NaN);
    this.#rttMinNs = new Float32Array(capacity).fill(Number.NaN);
  }

  /** Keeps nothing of `counts`. */
  slot(pair: number, counts: SlotCounts): void {
    if (this.#probes[pair]! > 0) return;
    this.#probes[pair] = Math.min(MAX_COUNT, counts.probes);
    this.#failures[pair] = Math.min(MAX_COUNT, counts.failures);
    this.#blocked[pair] = Math.min(MAX_COUNT, counts.blocked ?? 0);
    this.#unreachable[pair] = Math.min(MAX_COUNT, counts.unreachable ?? 0);
    this.#refusals[pair] = Math.min(MAX_COUNT, counts.refusals ?? 0);
    this.#retransmits[pair] = Math.min(MAX_COUNT, counts.retransmits ?? 0);
    this.#lostForward[pair] = Math.min(MAX_COUNT, counts.lostForward ?? 0);
    this.#lostReverse[pair] = Math.min(MAX_COUNT, counts.lostReverse ?? 0);
    this.#rttMeanNs[pair] = counts.rttMeanNs ?? Number.NaN;
    this.#rttMinNs[pair] = counts.rttMinNs ?? Number.NaN;
    if (counts.lostSeconds) {
      this.#lostSeconds ??= {
        told: new Uint8Array(this.#capacity),
        bits: new Uint32Array(this.#capacity * SECONDS_WORDS),
      };
      this.#lostSeconds.told[pair] = 1;
      const [older, younger] = counts.lostSeconds;
      this.#lostSeconds.bits[pair * SECONDS_WORDS] = older;
      this.#lostSeconds.bits[pair * SECONDS_WORDS + 1] = younger;
    }
    if (counts.rttLatelyNs) (this.#rttLatelyNs ??= new Float32Array(this.#capacity))[pair] = counts.rttLatelyNs;
    if (counts.ports) this.#writePorts(pair, counts.ports);
    if (counts.hops) (this.#hops ??= new Uint8Array(this.#capacity))[pair] = counts.hops;
    if (counts.hopsBefore) (this.#hopsBefore ??= new Uint8Array(this.#capacity))[pair] = counts.hopsBefore;
    if (counts.hopsThere) (this.#hopsThere ??= new Uint8Array(this.#capacity))[pair] = counts.hopsThere;
    if (counts.hopsThereBefore)
      (this.#hopsThereBefore ??= new Uint8Array(this.#capacity))[pair] = counts.hopsThereBefore;
    if (counts.hopsChangedAt !== undefined) {
      const ago = Math.max(0, Math.min(MAX_COUNT, this.#row.ownSeconds - counts.hopsChangedAt));
      (this.#hopsChangedAgo ??= new Uint16Array(this.#capacity))[pair] = ago;
    }
    if (counts.seenAs !== undefined)
      (this.#seenAs ??= new Uint16Array(this.#capacity))[pair] = 1 + numberOf(counts.seenAs, this.#row.addresses);
  }

  /** Path MTU of a network. It stands with the first protocol of that network and family. */
  pathMtu(pair: number, mtu: { readonly passesBytes: number; readonly shortfallBytes: number }): void {
    this.#mtu ??= { passes: new Uint16Array(this.#capacity), shortfall: new Uint16Array(this.#capacity) };
    this.#mtu.passes[pair] = Math.min(MAX_COUNT, mtu.passesBytes);
    this.#mtu.shortfall[pair] = Math.min(MAX_COUNT, mtu.shortfallBytes);
  }

  take(count: number): PathEvidence {
    return {
      ...this.#path,
      probes: this.#probes.subarray(0, count),
      failures: this.#failures.subarray(0, count),
      blocked: this.#blocked.subarray(0, count),
      unreachable: this.#unreachable.subarray(0, count),
      refusals: this.#refusals.subarray(0, count),
      retransmits: this.#retransmits.subarray(0, count),
      lostForward: this.#lostForward.subarray(0, count),
      lostReverse: this.#lostReverse.subarray(0, count),
      rttMeanNs: this.#rttMeanNs.subarray(0, count),
      rttMinNs: this.#rttMinNs.subarray(0, count),
      ...(this.#lostSeconds && { lostSeconds: this.#lostSeconds }),
      ...(this.#rttLatelyNs && { rttLatelyNs: this.#rttLatelyNs }),
      ...(this.#ports && { ports: this.#ports }),
      ...(this.#hops && { hops: this.#hops }),
      ...(this.#hopsBefore && { hopsBefore: this.#hopsBefore }),
      ...(this.#hopsThere && { hopsThere: this.#hopsThere }),
      ...(this.#hopsThereBefore && { hopsThereBefore: this.#hopsThereBefore }),
      ...(this.#hopsChangedAgo && { hopsChangedAgo: this.#hopsChangedAgo }),
      ...(this.#seenAs && { seenAs: this.#seenAs }),
      ...(this.#mtu && { mtuPasses: this.#mtu.passes, mtuShortfall: this.#mtu.shortfall }),
    };
  }

  /** All rows have as many ports as the first that tells; what a row has beyond them is left out. */
  #writePorts(pair: number, ports: NonNullable<SlotCounts["ports"]>): void {
    this.#ports ??= {
      count: ports.probes.length,
      probes: new Uint8Array(this.#capacity * ports.probes.length),
      failures: new Uint8Array(this.#capacity * ports.probes.length),
    };
    const { count, probes, failures } = this.#ports;
    for (let port = 0; port < Math.min(count, ports.probes.length); port++) {
      probes[pair * count + port] = Math.min(MAX_BYTE, ports.probes[port]!);
      failures[pair * count + port] = Math.min(MAX_BYTE, ports.failures[port] ?? 0);
    }
  }
}

const empty = new EvidenceBuilder({ atSeconds: 0, nodes: [], pairCapacity: 0 });
empty.path({ network: "pod", protocol: "icmp", family: "ipv4" });
stays(empty);
