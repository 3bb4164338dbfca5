// A fault that comes and goes, of whatever kind: it is injected and ended again and again.
import type { FaultCounters, InForce, Pulse } from "./fault.ts";

type InTurn = (turn: () => Promise<void>) => Promise<void>;

/** In force at once. `inTurn` keeps each change apart from every other one of the lab. */
export async function pulsed(inject: () => Promise<InForce>, pulse: Pulse, inTurn: InTurn): Promise<InForce> {
  const fault = new Pulsed(inject, pulse, inTurn);
  await fault.begin();
  return fault;
}

class Pulsed implements InForce {
  readonly #inject: () => Promise<InForce>;
  readonly #pulse: Pulse;
  readonly #inTurn: InTurn;
  readonly #startedMs = performance.now();
  #current: InForce | undefined;
  /** Of those that have ended. */
  #counted: FaultCounters | undefined;
  #changes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(inject: () => Promise<InForce>, pulse: Pulse, inTurn: InTurn) {
    this.#inject = inject;
    this.#pulse = pulse;
    this.#inTurn = inTurn;
  }

  async begin(): Promise<void> {
    this.#current = await this.#inject();
    this.#arm();
  }

  async counters(): Promise<FaultCounters | undefined> {
    return sum(this.#counted, await this.#current?.counters());
  }

  async end(): Promise<FaultCounters | undefined> {
    this.abandon();
    await this.#rest();
    return this.#counted;
  }

  abandon(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#current?.abandon?.();
  }

  /** By the clock of its start: a change that took long shifts none of the later ones. */
  #arm(): void {
    if (this.#isOver) return;
    const { forMs, everyMs } = this.#pulse;
    const dueMs = (change: number) => this.#startedMs + Math.floor(change / 2) * everyMs + (change % 2) * forMs;
    let n = this.#changes + 1;
    // Times that were missed whole, as when the machine slept, are not made up for.
    while (n % 2 === 0 && dueMs(n + 1) <= performance.now()) n += 2;
    this.#changes = n;
    this.#timer = setTimeout(
      () => {
        const change = async (): Promise<void> => {
          if (this.#isOver) return;
          if (n % 2 === 1) await this.#rest();
          else this.#current = await this.#inject();
        };
        // What could not be done now (an agent to freeze that does not run) may be at the next time.
        void this.#inTurn(change)
          .catch(() => {})
          .finally(() => this.#arm());
      },
      Math.max(0, dueMs(n) - performance.now()),
    );
  }

  async #rest(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    this.#counted = sum(this.#counted, await current?.end());
  }
}

function sum(one: FaultCounters | undefined, other: FaultCounters | undefined): FaultCounters | undefined {
  if (!one || !other) return one ?? other;
  const byProtocol = one.byProtocol ?? other.byProtocol;
  return {
    matched: one.matched + other.matched,
    affected: one.affected + other.affected,
    ...(byProtocol && {
      byProtocol: Object.fromEntries(
        Object.keys(byProtocol).map((protocol) => [
          protocol,
          (one.byProtocol?.[protocol] ?? 0) + (other.byProtocol?.[protocol] ?? 0),
        ]),
      ),
    }),
  };
}
