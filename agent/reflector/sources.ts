// What the reflector remembers of the peers that send to it: per source slot how many test packets came, and per life
// (incarnation) of that source which of the newest ones. Whoever is no peer is not in here.
import type { SocketAddress } from "../kernel/kernel.ts";
import type { IpFamily, Network } from "../model/peer.ts";
import { firstArrival, noteArrival, type Arrivals } from "../wire/arrivals.ts";
import type { FollowUp, ReceivedRequest } from "../wire/stamp.ts";

/** 1,000 nodes on two networks and two families. */
const MAX_SOURCES = 4_096;
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
  /** The address of this peer that its packets were last seen to come from, and until when that holds. */
  trusted: { readonly address: SocketAddress; readonly untilNs: number } | undefined;
}

export class Sources {
  /** In the order they were last heard, oldest first. */
  readonly #sources = new Map<string, Source>();

  /** How many are remembered. */
  get size(): number {
    return this.#sources.size;
  }

  find(request: Pick<ReceivedRequest, "source" | "network" | "family">): Source | undefined {
    return this.#sources.get(keyOf(request));
  }

  /** A peer's test packet came. Says whose it is and whether this number came for the first time. */
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

  all(): IterableIterator<Source> {
    return this.#sources.values();
  }

  #touch(request: ReceivedRequest): Source {
    const key = keyOf(request);
    const source = this.#sources.get(key) ?? {
      hash: request.source,
      network: request.network,
      family: request.family,
      received: 0,
      lives: [],
      trusted: undefined,
    };
    this.#sources.delete(key);
    this.#sources.set(key, source);
    if (this.#sources.size > MAX_SOURCES) this.#sources.delete(this.#sources.keys().next().value!);
    return source;
  }
}

const keyOf = (r: Pick<ReceivedRequest, "source" | "network" | "family">) => `${r.source}/${r.network}/${r.family}`;
