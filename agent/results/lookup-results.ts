// The trailing minute of cluster DNS for the row: lookups, failures and delay by server and kind of name.
import type { Clock } from "../base/clock.ts";
import { Trailing } from "../base/trailing.ts";
import type { DnsWindow } from "../model/snapshot.ts";
import { WINDOW_SECONDS } from "../model/window.ts";

export interface LookedUpAt {
  /** `cluster`, `nodelocal` or `pod`. */
  readonly label: string;
  readonly address: string;
}

interface Entry {
  readonly server: LookedUpAt;
  readonly names: string;
  readonly lookups: Trailing;
  readonly failures: Trailing;
  readonly delaysNs: Trailing;
  readonly delays: Trailing;
}

export class LookupResults {
  readonly #clock: Pick<Clock, "monotonicNs">;
  readonly #entries = new Map<string, Entry>();
  #trouble: string | undefined;

  constructor(clock: Pick<Clock, "monotonicNs">) {
    this.#clock = clock;
  }

  /** From now on it is told, with 0 lookups at first. */
  opened(server: LookedUpAt, name: string): void {
    this.#entry(server, name);
  }

  /** Not told any more. */
  closed({ label, address }: LookedUpAt): void {
    for (const [key, { server }] of this.#entries)
      if (server.label === label && server.address === address) this.#entries.delete(key);
  }

  /** Why the pods behind cluster DNS are not known, or not all; undefined when all is well. */
  looked(trouble: string | undefined): void {
    this.#trouble = trouble;
  }

  answered(server: LookedUpAt, name: string, delayNs: number | undefined): void {
    const { lookups, delaysNs, delays } = this.#entry(server, name);
    lookups.add(1);
    if (delayNs === undefined) return;
    delaysNs.add(delayNs);
    delays.add(1);
  }

  failed(server: LookedUpAt, name: string): void {
    const { lookups, failures } = this.#entry(server, name);
    lookups.add(1);
    failures.add(1);
  }

  /** For the row; undefined when nothing is looked up. */
  state(): readonly DnsWindow[] | undefined {
    if (this.#entries.size === 0) return undefined;
    return [...this.#entries.values()].map(({ server, names, lookups, failures, delaysNs, delays }) => ({
      server: server.label,
      address: server.address,
      names,
      lookups: lookups.sum(),
      failures: failures.sum(),
      ...(delays.sum() > 0 && { meanNs: Math.round(delaysNs.sum() / delays.sum()), maxNs: delaysNs.max() }),
    }));
  }

  /** Why the pods behind cluster DNS are not asked, or not all. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  #entry(server: LookedUpAt, name: string): Entry {
    const names = kindOf(name);
    const key = `${server.label}/${server.address}/${names}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      const trailing = () => new Trailing(this.#clock, WINDOW_SECONDS);
      entry = {
        server,
        names,
        lookups: trailing(),
        failures: trailing(),
        delaysNs: trailing(),
        delays: trailing(),
      };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}

/** The cluster's domain has many names; `svc` and `pod` in it have one (the DNS specification of Kubernetes). */
const kindOf = (name: string): string => (/\.(svc|pod)(\.|$)/.test(name) ? "cluster" : "external");
