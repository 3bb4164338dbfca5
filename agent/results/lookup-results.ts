// The trailing minute of cluster DNS for the row: lookups and failures by server and kind of name.
import type { Clock } from "../base/clock.ts";
import { Trailing } from "../base/trailing.ts";
import type { DnsWindow } from "../model/snapshot.ts";
import { WINDOW_SECONDS } from "../model/window.ts";

interface Entry {
  readonly server: string;
  readonly names: string;
  readonly lookups: Trailing;
  readonly failures: Trailing;
}

export class LookupResults {
  readonly #clock: Pick<Clock, "monotonicNs">;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Pick<Clock, "monotonicNs">) {
    this.#clock = clock;
  }

  /** From now on it is told, with 0 lookups at first. */
  opened(server: string, name: string): void {
    this.#entry(server, name);
  }

  record(server: string, name: string, failed: boolean): void {
    const { lookups, failures } = this.#entry(server, name);
    lookups.add(1);
    if (failed) failures.add(1);
  }

  /** For the row; undefined when nothing is looked up. */
  state(): readonly DnsWindow[] | undefined {
    if (this.#entries.size === 0) return undefined;
    return [...this.#entries.values()].map(({ server, names, lookups, failures }) => ({
      server,
      names,
      lookups: lookups.sum(),
      failures: failures.sum(),
    }));
  }

  #entry(server: string, name: string): Entry {
    const names = kindOf(name);
    const key = `${server}/${names}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      const trailing = () => new Trailing(this.#clock, WINDOW_SECONDS);
      this.#entries.set(key, (entry = { server, names, lookups: trailing(), failures: trailing() }));
    }
    return entry;
  }
}

/** The cluster's domain has many names; `svc` and `pod` in it have one (the DNS specification of Kubernetes). */
const kindOf = (name: string): string => (/\.(svc|pod)(\.|$)/.test(name) ? "cluster" : "external");
