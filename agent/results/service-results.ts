// What the probes of the service path have counted: totals for the metrics, the trailing minute for the row. A path that is
// gone keeps its totals: a counter that has been told must not go back.
import type { Clock } from "../base/clock.ts";
import type { Outcome } from "../model/outcome.ts";
import { IP_FAMILIES, type IpFamily } from "../model/peer.ts";
import {
  SERVICES,
  type ServiceFailureReason,
  type ServiceName,
  type ServicePath,
  type ServiceState,
  type ServiceWindow,
} from "../model/service.ts";
import { Windows } from "./windows.ts";

/** Of one service and family since the agent started. */
export interface ServiceCounts {
  readonly service: ServiceName;
  readonly family: IpFamily;
  readonly probes: number;
  readonly failures: number;
  readonly reasons: ReadonlyMap<ServiceFailureReason, number>;
  readonly retransmits: number;
  readonly rttCount: number;
  readonly rttSumNs: number;
  readonly localErrors: ReadonlyMap<string, number>;
}

export interface ServiceTotals {
  readonly paths: readonly ServiceCounts[];
  /** Addresses that are probed; 0 while none is known. */
  readonly addresses: ReadonlyMap<ServiceName, number>;
}

class Counts implements ServiceCounts {
  readonly service: ServiceName;
  readonly family: IpFamily;
  probes = 0;
  failures = 0;
  readonly reasons = new Map<ServiceFailureReason, number>();
  retransmits = 0;
  rttCount = 0;
  rttSumNs = 0;
  readonly localErrors = new Map<string, number>();

  constructor({ service, family }: ServicePath) {
    this.service = service;
    this.family = family;
  }
}

const addTo = <K>(counts: Map<K, number>, key: K): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);

export class ServiceResults {
  readonly #clock: Pick<Clock, "monotonicNs">;
  readonly #windows = new Windows(SERVICES.length * IP_FAMILIES.length);
  /** By index. */
  readonly #counts = new Map<number, Counts>();
  readonly #open = new Map<number, ServicePath>();
  readonly #troubles = new Map<ServiceName, string | undefined>();

  constructor(clock: Pick<Clock, "monotonicNs">) {
    this.#clock = clock;
  }

  opened(path: ServicePath): void {
    this.#open.set(path.index, path);
    this.#windows.clear(path.index, this.#second());
    if (!this.#counts.has(path.index)) this.#counts.set(path.index, new Counts(path));
  }

  closed(path: ServicePath): void {
    if (this.#open.get(path.index) === path) this.#open.delete(path.index);
  }

  record(path: ServicePath, outcome: Outcome): void {
    const counts = this.#counts.get(path.index)!;
    this.#windows.record(path.index, this.#second(), outcome);
    counts.probes += 1;
    counts.retransmits += outcome.retransmits ?? 0;
    switch (outcome.kind) {
      case "answered":
        if (outcome.rttNs === undefined) return;
        counts.rttCount += 1;
        counts.rttSumNs += outcome.rttNs;
        return;
      case "refused":
        counts.failures += 1;
        addTo(counts.reasons, "refused");
        return;
      case "failed":
        counts.failures += 1;
        addTo(counts.reasons, outcome.reason);
    }
  }

  localError(path: ServicePath, errno: string): void {
    addTo(this.#counts.get(path.index)!.localErrors, errno);
  }

  looked(service: ServiceName, trouble: string | undefined): void {
    this.#troubles.set(service, trouble);
  }

  totals(): ServiceTotals {
    const paths = [...this.#open.values()];
    return {
      paths: [...this.#counts.values()],
      addresses: new Map(
        [...this.#troubles.keys()].map((name) => [name, paths.filter(({ service }) => service === name).length]),
      ),
    };
  }

  /** For the row; undefined when no Service is to be probed. */
  state(): ServiceState | undefined {
    if (this.#troubles.size === 0) return undefined;
    const paths = [...this.#open.values()];
    return {
      paths: paths.map((path) => this.#window(path)),
      unresolved: [...this.#troubles].flatMap(([service, reason]) =>
        reason === undefined || paths.some((path) => path.service === service) ? [] : [{ service, reason }],
      ),
    };
  }

  #window({ index, service, family, address }: ServicePath): ServiceWindow {
    const { probes, failures, refusals, reasons, retransmits, rttMeanNs } = this.#windows.summary(
      index,
      this.#second(),
    );
    return {
      service,
      family,
      address,
      probes,
      failures: failures + refusals,
      reasons: { ...reasons, ...(refusals > 0 && { refused: refusals }) },
      retransmits,
      rttMeanNs,
    };
  }

  #second(): number {
    return Math.floor(this.#clock.monotonicNs() / 1e9);
  }
}
