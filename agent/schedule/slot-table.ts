// Which slots there are: the peers times what is probed of each. Reconciled, never mutated piecemeal: the same
// call serves the start, a change of membership and a peer's new address.
import { NETWORKS, type IpFamily, type Network, type Node, type Peer, type Protocol } from "../model/peer.ts";
import { PROTOCOLS } from "../probes/protocols.ts";
import { slotKey, type Slot } from "../model/slot.ts";

/** What is probed of every peer. */
export interface ProbePlan {
  readonly networks: (protocol: Protocol) => readonly Network[];
  readonly families: readonly IpFamily[];
}

export interface SlotListener {
  opened(slot: Slot): void;
  closed(slot: Slot): void;
  /** Same pair and row, other address: what was counted stays, what is outstanding is forgotten. */
  moved(from: Slot, to: Slot): void;
}

export class SlotTable {
  readonly #slots = new Map<string, Slot>();
  readonly #free: number[] = [];
  readonly #listener: SlotListener;

  constructor(listener: SlotListener) {
    this.#listener = listener;
  }

  /** All slots, in no particular order. */
  all(): IterableIterator<Slot> {
    return this.#slots.values();
  }

  get size(): number {
    return this.#slots.size;
  }

  reconcile(source: Node, peers: readonly Peer[], plan: ProbePlan): void {
    const wanted = new Map<string, Omit<Slot, "index">>();
    for (const peer of peers) for (const slot of slotsOf(source, peer, plan)) wanted.set(slotKey(slot), slot);
    for (const [key, slot] of this.#slots) {
      const next = wanted.get(key);
      // A zone is a label of the series: another zone is another slot.
      if (
        next === undefined ||
        next.pair.destination.zone !== slot.pair.destination.zone ||
        next.pair.source.zone !== slot.pair.source.zone
      )
        this.#close(key, slot);
    }
    for (const [key, slot] of wanted) {
      const old = this.#slots.get(key);
      if (old === undefined) this.#open(key, slot);
      else if (old.address !== slot.address) this.#move(key, old, slot.address);
    }
  }

  #open(key: string, slot: Omit<Slot, "index">): void {
    const opened = { ...slot, index: this.#free.pop() ?? this.#slots.size };
    this.#slots.set(key, opened);
    this.#listener.opened(opened);
  }

  #close(key: string, slot: Slot): void {
    this.#slots.delete(key);
    this.#free.push(slot.index);
    this.#listener.closed(slot);
  }

  #move(key: string, from: Slot, address: string): void {
    const to = { ...from, address };
    this.#slots.set(key, to);
    this.#listener.moved(from, to);
  }
}

function* slotsOf(source: Node, peer: Peer, plan: ProbePlan): Generator<Omit<Slot, "index">> {
  const pair = { source, destination: peer.node };
  for (const network of NETWORKS) {
    for (const family of plan.families) {
      const address = peer.addresses[network][family];
      if (address === undefined) continue;
      for (const protocol of PROTOCOLS) {
        if (plan.networks(protocol).includes(network)) yield { pair, network, protocol, family, address };
      }
    }
  }
}
