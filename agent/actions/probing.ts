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
import type { Delay, Prober } from "../probes/prober.ts";
import { openProber, PROTOCOLS } from "../probes/protocols.ts";
import type { ActionContext } from "./action.ts";
import type { SlotEvent } from "./tally.ts";

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
  readonly #sink: EventSink;

  private constructor(
    slots: readonly Slot[],
    unavailable: OnDemandProbes["unavailable"],
    own: { readonly probers: ReadonlyMap<Protocol, Prober>; readonly sink: EventSink },
  ) {
    this.slots = slots;
    this.unavailable = unavailable;
    this.#probers = own.probers;
    this.#sink = own.sink;
  }

  /** Never rejects for what the machine refuses: the other protocols go on. */
  static async open(context: ActionContext, slots: readonly Slot[], plan: Plan): Promise<OnDemandProbes> {
    const { config, engine, key, self } = context;
    const sink = new EventSink();
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
        sink,
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
    const usable = slots.filter(({ protocol }) => probers.has(protocol)).map((slot, index) => ({ ...slot, index }));
    for (const slot of usable) probers.get(slot.protocol)!.open(slot);
    return new OnDemandProbes(usable, unavailable, { probers, sink });
  }

  /** What became of the probes, as it becomes known; ends when all are answered or given up, or the signal fires. */
  async *run({ count, intervalMs }: Rounds, signal: AbortSignal): AsyncGenerator<readonly SlotEvent[]> {
    yield* this.#rounds(this.slots, { count, intervalMs }, signal);
    // The next reply tells when the last one really left, and which way a lost probe died: one probe more, not counted.
    const untold = this.slots.filter(({ index }) => this.#sink.untold.has(index));
    if (untold.length === 0) return;
    this.#sink.isClosing = true;
    yield* this.#rounds(untold, { count: 1, intervalMs: 1 }, signal);
  }

  [Symbol.dispose](): void {
    for (const prober of this.#probers.values()) prober[Symbol.dispose]();
  }

  async *#rounds(slots: readonly Slot[], rounds: Rounds, signal: AbortSignal): AsyncGenerator<readonly SlotEvent[]> {
    const { count, intervalMs } = rounds;
    const startMs = performance.now();
    // Spread over the interval: no bursts.
    const turns = slots.map((slot, i): Turn => ({ slot, dueMs: startMs + (i / slots.length) * intervalMs, sent: 0 }));
    for (;;) {
      for (const prober of this.#probers.values()) prober.drain();
      for (const prober of this.#probers.values()) prober.expire();
      if (!signal.aborted) this.#send(turns, rounds);
      const events = this.#sink.events.splice(0);
      if (events.length > 0) yield events;
      const sending = turns.some(({ sent }) => count === undefined || sent < count);
      const outstanding = [...this.#probers.values()].reduce((sum, prober) => sum + prober.outstanding, 0);
      if (signal.aborted || (!sending && outstanding === 0)) return;
      await sleep(TICK_MS);
    }
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
      if (this.#sink.skips.delete(turn.slot.index)) continue;
      turn.sent += 1;
      turn.dueMs = Math.max(turn.dueMs + intervalMs, nowMs);
    }
  }
}

class EventSink implements PairSink {
  readonly events: SlotEvent[] = [];
  readonly skips = new Set<number>();
  /** Slots of which something is still to be told: the delay of an answer, the way that a lost probe died. */
  readonly untold = new Set<number>();
  isClosing = false;

  record({ index: slot, protocol }: Slot, outcome: Outcome): void {
    if (this.isClosing) return;
    const retransmits = outcome.retransmits === undefined ? {} : { retransmits: outcome.retransmits };
    switch (outcome.kind) {
      case "answered": {
        const { rttNs } = outcome;
        if (rttNs === undefined && protocol === "udp") this.untold.add(slot);
        this.events.push({ slot, came: "answered", ...(rttNs !== undefined && { rttNs }), ...retransmits });
        return;
      }
      case "refused":
        this.events.push({ slot, came: "refused", ...retransmits });
        return;
      case "failed":
        if (protocol === "udp") this.untold.add(slot);
        this.events.push({ slot, came: outcome.reason, ...retransmits });
    }
  }

  delay({ index: slot }: Slot, { rttNs, previousRttNs }: Delay): void {
    this.untold.delete(slot);
    this.events.push({ slot, came: "delay", rttNs, ...(previousRttNs !== undefined && { previousRttNs }) });
  }

  lost({ index: slot }: Slot, direction: LossDirection): void {
    this.events.push({ slot, came: "lost", direction });
  }

  localError({ index: slot }: Slot, errno: string): void {
    this.events.push({ slot, came: "local", errno });
  }

  skipped({ index }: Slot): void {
    this.skips.add(index);
  }

  anomaly(): void {}
  travelled(): void {}
  count(): void {}
}
