// What the reflector remembers of the peers that send to it: per source slot how many test packets came, and per life
// (incarnation) of that source which of the newest ones. Whoever is no peer is not in here.
import type { SocketAddress } from "../kernel/kernel.ts";
import type { IpFamily, Network } from "../model/peer.ts";
import { firstArrival, noteArrival, type Arrivals } from "../wire/arrivals.ts";
import type { FollowUp, ReceivedRequest } from "../wire/stamp.ts";

/** 1,000 nodes on two networks and two families. */
const MAX_SENDERS = 4_096;
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

export interface SessionSender {
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

export class SessionSenders {
  /** In the order they were last heard, oldest first. */
  readonly #senders = new Map<string, SessionSender>();
  readonly #eachLife: boolean;

  /** `eachLife`: a sender for each incarnation: runs of actions are short, and many of one source go on side by side. */
  constructor({ eachLife = false }: { readonly eachLife?: boolean } = {}) {
    this.#eachLife = eachLife;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#senders.size;
  }

  find(request: Pick<ReceivedRequest, "source" | "network" | "family" | "incarnation">): SessionSender | undefined {
    return this.#senders.get(this.#keyOf(request));
  }

  /** A peer's test packet came. Says whose it is and whether this number came for the first time. */
  note(request: ReceivedRequest): { readonly sender: SessionSender; readonly life: Life; readonly first: boolean } {
    const sender = this.#touch(request);
    let life = sender.lives.find((l) => l.incarnation === request.incarnation);
    const first = life === undefined || noteArrival(life.arrivals, request.number);
    life ??= {
      incarnation: request.incarnation,
      arrivals: firstArrival(request.number),
      replies: new Uint32Array(PORTS),
      latest: undefined,
      followUp: undefined,
    };
    if (sender.lives[0] !== life) {
      const others = sender.lives.filter((l) => l !== life).slice(0, LIVES - 1);
      sender.lives.splice(0, sender.lives.length, life, ...others);
    }
    if (first) sender.received++;
    return { sender, life, first };
  }

  all(): IterableIterator<SessionSender> {
    return this.#senders.values();
  }

  #touch(request: ReceivedRequest): SessionSender {
    const key = this.#keyOf(request);
    const sender = this.#senders.get(key) ?? {
      hash: request.source,
      network: request.network,
      family: request.family,
      received: 0,
      lives: [],
      trusted: undefined,
    };
    this.#senders.delete(key);
    this.#senders.set(key, sender);
    if (this.#senders.size > MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value!);
    return sender;
  }

  #keyOf(r: Pick<ReceivedRequest, "source" | "network" | "family" | "incarnation">): string {
    const slot = `${r.source}/${r.network}/${r.family}`;
    return this.#eachLife ? `${slot}/${r.incarnation}` : slot;
  }
}
