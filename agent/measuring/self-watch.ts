// How far this agent's own numbers can be trusted: how late its tick ran, whether the clock stepped, what this machine
// could not do.
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import { ClockWatch } from "../base/clock-watch.ts";
import { Trailing } from "../base/trailing.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { AgentHealth } from "../model/snapshot.ts";
import { WINDOW_SECONDS } from "../model/window.ts";

export interface SelfWatchOptions {
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  readonly metrics: Pick<Metrics, "tickLag" | "clockStep">;
}

export class SelfWatch {
  readonly #options: SelfWatchOptions;
  readonly #clockWatch: ClockWatch;
  readonly #steps: Trailing;
  readonly #lag: Trailing;
  readonly #localErrors: Trailing;

  constructor(options: SelfWatchOptions) {
    const { clock } = options;
    this.#options = options;
    this.#clockWatch = new ClockWatch(clock);
    this.#steps = new Trailing(clock, WINDOW_SECONDS);
    this.#lag = new Trailing(clock, WINDOW_SECONDS);
    this.#localErrors = new Trailing(clock, WINDOW_SECONDS);
  }

  ticked(lagSeconds: number): void {
    const { metrics, log } = this.#options;
    metrics.tickLag(lagSeconds);
    this.#lag.add(lagSeconds);
    const before = this.#clockWatch.steps;
    this.#clockWatch.check();
    if (this.#clockWatch.steps === before) return;
    this.#steps.add(1);
    metrics.clockStep();
    log.warn("the wall clock stepped; what was in flight is answered without a delay");
  }

  /** This machine could not send what is no probe of a pair. */
  localError(): void {
    this.#localErrors.add(1);
  }

  /** Of the trailing 60 s. */
  recent(): Pick<AgentHealth, "tickLagMaxMs" | "clockSteps" | "localErrors"> {
    return {
      tickLagMaxMs: this.#lag.max() * 1000,
      clockSteps: this.#steps.sum(),
      localErrors: this.#localErrors.sum(),
    };
  }
}
