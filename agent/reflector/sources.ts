// What the reflector remembers of those who send to it: per source slot how many test packets came, and per life
// (incarnation) of that source which of the newest ones. Bounded, whatever is sent.
import type { SocketAddress } from "../kernel/kernel.ts";
import type { IpFamily, Network, Node } from "../model/peer.ts";
import { firstArrival, noteArrival, type Arrivals } from "../wire/arrivals.ts";
import type { FollowUp, ReceivedRequest } from "../wire/stamp.ts";

/** Sources whose node is a peer: 1,000 nodes on two networks and two families. */
const MAX_SOURCES = 4_096;
/** Sources that name no peer: newcomers that membership has not heard of yet, or forgeries. */
const MAX_STRANGERS = 256;
/** An agent and the one that replaces it send side by side for a while. */
const LIVES = 2;
/** Session-sender ports that replies are counted for. */
const PORTS = 8;

/** One process of the source, by its incarnation. */
export interface Life {
  readonly incarnation: string;
  readonly arrivals: Arrivals;
  /** Replies sent, by source port of the sender: the reflector's own STAMP sequence. */
  readonly replies: Uint32Array;
  /** The probe answered last, and when that reply really left, once it is known. */
  latest: number | undefined;
  followUp: FollowUp | undefined;
}

export interface Source {
  /** Hash of the node's name, hex. */
  readonly hash: string;
  readonly network: Network;
  readonly family: IpFamily;
  /** Distinct test packets, over all lives. */
  received: number;
  /** Newest heard first. */
  readonly lives: Life[];
  /** The address of a known peer that packets of this source were last seen to come from, and until when that holds. */
  trusted: { readonly address: SocketAddress; readonly untilNs: number } | undefined;
}

export class Sources {
  readonly #nodeOf: (hash: string) => Node | undefined;
  /** In the order they were last heard, oldest first. */
  readonly #peers = new Map<string, Source>();
  readonly #strangers = new Map<string, Source>();

  constructor(nodeOf: (hash: string) => Node | undefined) {
    this.#nodeOf = nodeOf;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#peers.size + this.#strangers.size;
  }

  find(request: Pick<ReceivedRequest, "source" | "network" | "family">): Source | undefined {
    const key = keyOf(request);
    return this.#peers.get(key) ?? this.#strangers.get(key);
  }

  /** A test packet came. Says whose it is and whether this number came for the first time. */
  note(request: ReceivedRequest): { readonly source: Source; readonly life: Life; readonly first: boolean } {
    const source = this.#touch(request);
    let life = source.lives.find((l) => l.incarnation === request.incarnation);
    const first = life === undefined || noteArrival(life.arrivals, request.number);
    life ??= {
      incarnation: request.incarnation,
      arrivals: firstArrival(request.number),
      replies: new Uint32Array(PORTS),
      latest: undefined,
      followUp: undefined,
    };
    if (source.lives[0] !== life) {
      const others = source.lives.filter((l) => l !== life).slice(0, LIVES - 1);
      source.lives.splice(0, source.lives.length, life, ...others);
    }
    if (first) source.received++;
    return { source, life, first };
  }

  /** Those that are peers now, with the node they are. */
  *known(): Generator<{ readonly node: Node; readonly source: Source }> {
    for (const source of this.#peers.values()) {
      const node = this.#nodeOf(source.hash);
      if (node) yield { node, source };
    }
    for (const source of this.#strangers.values()) {
      const node = this.#nodeOf(source.hash);
      if (node) yield { node, source };
    }
  }

  #touch(request: ReceivedRequest): Source {
    const key = keyOf(request);
    const found = this.#peers.get(key) ?? this.#strangers.get(key);
    const source = found ?? {
      hash: request.source,
      network: request.network,
      family: request.family,
      received: 0,
      lives: [],
      trusted: undefined,
    };
    this.#peers.delete(key);
    this.#strangers.delete(key);
    const [home, limit] = this.#nodeOf(request.source)
      ? ([this.#peers, MAX_SOURCES] as const)
      : ([this.#strangers, MAX_STRANGERS] as const);
    home.set(key, source);
    if (home.size > limit) home.delete(home.keys().next().value!);
    return source;
  }
}

const keyOf = (r: Pick<ReceivedRequest, "source" | "network" | "family">) => `${r.source}/${r.network}/${r.family}`;
