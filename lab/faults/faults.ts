// The faults of one lab: numbered, one change at a time, all ended with the lab.
import { LabError } from "../machine.ts";
import type { DnsServer } from "../dns-server.ts";
import { Detour } from "./detour.ts";
import type { Fault, FaultContext, FaultCounters, InForce } from "./fault.ts";
import { parseFault } from "./grammar.ts";
import { pulsed } from "./pulsed.ts";
import { FAULTS, injectFault } from "./table.ts";

export interface FaultStatus {
  readonly id: number;
  readonly text: string;
  readonly injectedAt: string;
  readonly counters: FaultCounters | undefined;
  /** What `counters.affected` counts: "dropped", "held". */
  readonly affected: string;
}

interface Entry extends Omit<FaultStatus, "counters"> {
  readonly fault: Fault;
  readonly inForce: InForce;
}

/** `dnsServer` comes with the lab, after its network. */
export type LabContext = Omit<FaultContext, "id" | "detour" | "dnsServer"> & {
  readonly dnsServer: () => DnsServer | undefined;
};

export class LabFaults implements AsyncDisposable {
  readonly #context: LabContext;
  readonly #detour: Detour;
  readonly #entries = new Map<number, Entry>();
  #lastId = 0;
  #isClosed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: LabContext) {
    this.#context = context;
    this.#detour = new Detour(context);
  }

  /** Throws FaultSyntaxError for a text that is no fault, LabError when it cannot be done. */
  async inject(text: string): Promise<FaultStatus> {
    const fault = parseFault(text, this.#context.nodes, this.#context.paths);
    return this.#inTurn(async () => {
      this.#refuseTwice(fault);
      const id = ++this.#lastId;
      const inject = () =>
        injectFault(fault, { ...this.#context, id, detour: this.#detour, dnsServer: this.#context.dnsServer() });
      const inForce = fault.pulse ? await pulsed(inject, fault.pulse, (turn) => this.#inTurn(turn)) : await inject();
      const entry: Entry = {
        id,
        text: fault.text,
        injectedAt: new Date().toISOString(),
        affected: FAULTS[fault.kind].affected,
        fault,
        inForce,
      };
      this.#entries.set(id, entry);
      return statusOf(entry, await inForce.counters());
    });
  }

  /** End one fault, or all when no number is given. Returns those that ended. */
  async clear(id?: number): Promise<readonly FaultStatus[]> {
    return this.#inTurn(async () => {
      if (id !== undefined && !this.#entries.has(id))
        throw new LabError(
          `there is no fault ${id}; ${this.#entries.size === 0 ? "there are none" : `there are ${[...this.#entries.keys()].join(", ")}`}`,
        );
      // The latest first, as things laid on each other come off.
      const entries = [...this.#entries.values()].filter((entry) => id === undefined || entry.id === id).toReversed();
      const ended: FaultStatus[] = [];
      for (const entry of entries) {
        this.#entries.delete(entry.id);
        ended.push(statusOf(entry, await entry.inForce.end()));
      }
      return ended.toReversed();
    });
  }

  async list(): Promise<readonly FaultStatus[]> {
    return this.#inTurn(() =>
      Promise.all([...this.#entries.values()].map(async (entry) => statusOf(entry, await entry.inForce.counters()))),
    );
  }

  /** An agent that is frozen twice would run again when the first is cleared. */
  #refuseTwice(fault: Fault): void {
    if (!("nodes" in fault)) return;
    for (const { id, fault: other } of this.#entries.values()) {
      if (other.kind !== fault.kind || !("nodes" in other)) continue;
      const both = fault.nodes.find((node) => other.nodes.includes(node));
      if (both)
        throw new LabError(
          `'${fault.text}': fault ${id} (${other.text}) does that to ${both.name} already; clear it first`,
        );
    }
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (this.#isClosed) throw new LabError("the lab is being removed");
      return action();
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** For a lab that is being removed: nothing is put back, since everything is removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const { inForce } of this.#entries.values()) inForce.abandon?.();
    await this.#last;
    await this.#detour.abandon();
  }
}

function statusOf({ id, text, injectedAt, affected }: Entry, counters: FaultCounters | undefined): FaultStatus {
  return { id, text, injectedAt, affected, counters };
}
