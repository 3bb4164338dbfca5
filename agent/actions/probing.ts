// Probes on demand: the schedule's own probers, on sockets and slots of their own, so that nothing they do is counted as
// the schedule's. Each slot is probed so many times, or until told to stop; what became of each probe is told at once.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { familiesOf } from "../config/plan.ts";
import type { LossDirection, Outcome } from "../model/outcome.ts";
import { NETWORKS, type IpFamily, type Network, type Node, type Peer, type Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import { conntrackState } from "../probes/conntrack.ts";
import type { PairSink } from "../probes/descriptor.ts";
import type { Prober } from "../probes/prober.ts";
import { openProber, PROTOCOLS } from "../probes/protocols.ts";
import type { ActionContext } from "./action.ts";

/** What happened to one probe, in the order in which it became known. */
export type ProbeEvent =
  | { readonly kind: "outcome"; readonly slot: Slot; readonly outcome: Outcome }
  /** The delay of a probe that was answered: known only later. */
  | { readonly kind: "delay"; readonly slot: Slot; readonly rttNs: number }
  | { readonly kind: "lost"; readonly slot: Slot; readonly direction: LossDirection }
  | { readonly kind: "local"; readonly slot: Slot; readonly errno: string };

/** Longer than a tick is: nothing depends on it, since the kernel stamps what comes and goes. */
const TICK_MS = 10;

export interface Plan {
  readonly timeoutMs: number;
  readonly networks?: readonly Network[] | undefined;
  readonly protocols?: readonly Protocol[] | undefined;
  readonly families?: readonly IpFamily[] | undefined;
  /** TCP: another port than that of the agents' probes, wherever the node has an address. */
  readonly tcpPort?: number;
}

/** Where a peer is probed on demand: as the schedule would, and nothing more than was asked for. */
export function slotsOf(context: Pick<ActionContext, "config" | "self">, peers: readonly Peer[], plan: Plan): Slot[] {
  const { config, self } = context;
  const slots: Slot[] = [];
  for (const { node, addresses } of peers) {
    for (const network of plan.networks ?? NETWORKS) {
      for (const protocol of plan.protocols ?? PROTOCOLS) {
        if (plan.tcpPort === undefined && !config[protocol].networks.includes(network)) continue;
        for (const family of plan.families ?? familiesOf(config)) {
          const address = addresses[network][family];
          if (address === undefined) continue;
          slots.push({ index: slots.length, pair: pairOf(self, node), network, protocol, family, address });
        }
      }
    }
  }
  return slots;
}

const pairOf = (source: Node, destination: Node) => ({ source, destination });

export interface Rounds {
  /** Undefined: until the signal. */
  readonly count: number | undefined;
  readonly intervalMs: number;
}

interface Turn {
  readonly slot: Slot;
  dueMs: number;
  sent: number;
}

export class OnDemandProbes implements Disposable {
  readonly slots: readonly Slot[];
  /** Protocols that could not be opened, with the reason and the cure. */
  readonly unavailable: readonly { readonly protocol: Protocol; readonly reason: string }[];
  readonly #probers: ReadonlyMap<Protocol, Prober>;
  readonly #events: ProbeEvent[];
  readonly #skipped: Set<Slot>;

  private constructor(
    slots: readonly Slot[],
    unavailable: OnDemandProbes["unavailable"],
    own: { probers: ReadonlyMap<Protocol, Prober>; events: ProbeEvent[]; skipped: Set<Slot> },
  ) {
    this.slots = slots;
    this.unavailable = unavailable;
    this.#probers = own.probers;
    this.#events = own.events;
    this.#skipped = own.skipped;
  }

  /** Never rejects for what the machine refuses: the other protocols go on. */
  static async open(context: ActionContext, slots: readonly Slot[], plan: Plan): Promise<OnDemandProbes> {
    const { config, engine, key, self } = context;
    const events: ProbeEvent[] = [];
    const skipped = new Set<Slot>();
    const probers = new Map<Protocol, Prober>();
    const unavailable: { protocol: Protocol; reason: string }[] = [];
    for (const protocol of new Set(slots.map((slot) => slot.protocol))) {
      const own = { ...config[protocol], timeoutMs: plan.timeoutMs };
      const opened = await openProber(protocol, engine.engine, {
        config: {
          ...config,
          [protocol]: own,
          ...(plan.tcpPort !== undefined && { ports: { ...config.ports, probe: plan.tcpPort } }),
        },
        clock: engine.clock,
        sink: sinkOf(events, skipped),
        families: [...new Set(slots.map(({ family }) => family))],
        source: self.name,
        // Of its own: the peers take its packets for those of another life, and count none of them.
        incarnation: randomBytes(8).toString("hex"),
        key,
        conntrack: conntrackState,
        onDemand: true,
      });
      if ("unavailable" in opened)
        unavailable.push({ protocol, reason: `${opened.unavailable.reason}; ${opened.unavailable.cure}` });
      else probers.set(protocol, opened.prober);
    }
    const usable = slots.filter(({ protocol }) => probers.has(protocol));
    for (const slot of usable) probers.get(slot.protocol)!.open(slot);
    return new OnDemandProbes(usable, unavailable, { probers, events, skipped });
  }

  /** What became of the probes, as it becomes known; ends when all are answered or given up, or the signal fires. */
  async *run({ count, intervalMs }: Rounds, signal: AbortSignal): AsyncGenerator<readonly ProbeEvent[]> {
    const startMs = performance.now();
    // Spread over the interval: no bursts.
    const turns = this.slots.map((slot, i): Turn => ({
      slot,
      dueMs: startMs + (i / this.slots.length) * intervalMs,
      sent: 0,
    }));
    for (;;) {
      for (const prober of this.#probers.values()) prober.drain();
      for (const prober of this.#probers.values()) prober.expire();
      if (!signal.aborted) this.#send(turns, { count, intervalMs });
      if (this.#events.length > 0) yield this.#events.splice(0);
      const sending = !signal.aborted && turns.some(({ sent }) => count === undefined || sent < count);
      const outstanding = [...this.#probers.values()].reduce((sum, prober) => sum + prober.outstanding, 0);
      if (signal.aborted || (!sending && outstanding === 0)) return;
      await sleep(TICK_MS);
    }
  }

  [Symbol.dispose](): void {
    for (const prober of this.#probers.values()) prober[Symbol.dispose]();
  }

  #send(turns: readonly Turn[], { count, intervalMs }: Rounds): void {
    const nowMs = performance.now();
    const due = turns.filter(({ sent, dueMs }) => dueMs <= nowMs && (count === undefined || sent < count));
    for (const [protocol, prober] of this.#probers) {
      const mine = due.filter(({ slot }) => slot.protocol === protocol);
      if (mine.length > 0) prober.send(mine.map(({ slot }) => slot));
    }
    for (const turn of due) {
      // One that still waits for its answer takes its turn when that has come.
      if (this.#skipped.delete(turn.slot)) continue;
      turn.sent += 1;
      turn.dueMs = Math.max(turn.dueMs + intervalMs, nowMs);
    }
  }
}

function sinkOf(events: ProbeEvent[], skipped: Set<Slot>): PairSink {
  return {
    record: (slot, outcome) => void events.push({ kind: "outcome", slot, outcome }),
    delay: (slot, { rttNs }) => void events.push({ kind: "delay", slot, rttNs }),
    lost: (slot, direction) => void events.push({ kind: "lost", slot, direction }),
    localError: (slot, errno) => void events.push({ kind: "local", slot, errno }),
    skipped: (slot) => void skipped.add(slot),
    anomaly: () => {},
    travelled: () => {},
    count: () => {},
  };
}
