// Cluster DNS as this node's pods meet it: each name is looked up at each server once an interval.
import { readTextSync } from "../base/files.ts";
import { isIP } from "node:net";
import type { Clock } from "../base/clock.ts";
import { firstTurnNs, turnAfterNs } from "../base/turns.ts";
import { encodeQuery } from "../wire/dns.ts";
import { lookup, type LookupOptions, type LookupOutcome } from "./dns-lookup.ts";

export const DNS_SERVER_LABELS = ["cluster", "nodelocal", "pod"] as const;
export type DnsServerLabel = (typeof DNS_SERVER_LABELS)[number];

export interface DnsServer {
  readonly label: DnsServerLabel;
  readonly address: string;
}

/** Where lookups go. Every method is cheap and never throws. */
export interface DnsSink {
  /** Exactly once for each lookup that was really made. */
  lookup(server: DnsServer, name: string, outcome: Exclude<LookupOutcome, { kind: "local" }>): void;
  /** Not a lookup at all: our own machine could not ask (EMFILE …). */
  localError(server: DnsServer, name: string, errno: string): void;
}

export interface DnsProberOptions {
  readonly clock: Clock;
  readonly sink: DnsSink;
  readonly settings: { readonly intervalMs: number; readonly timeoutMs: number; readonly names: readonly string[] };
  /** See `dnsServers`. */
  readonly servers: readonly DnsServer[];
  /** Share of the interval, in [0, 1), at which a thing of this name has its turn. */
  readonly phase: (name: string) => number;
  /** The node that asks: agents must not ask in step. */
  readonly node: string;
  readonly lookup?: (options: LookupOptions) => Promise<LookupOutcome>;
}

/** What the schedule lets act at each tick. */
export interface DnsProber extends Disposable {
  tick(): void;
  /** Answers wake this process by themselves: no tick need wait for them. */
  readonly busy: false;
  /** What is looked up where: series exist for these, at 0, from the start. */
  readonly lookups: readonly { readonly server: DnsServer; readonly name: string }[];
}

/** Throws RangeError for a name that DNS cannot carry. */
export function dnsProber(options: DnsProberOptions): DnsProber {
  for (const name of options.settings.names) encodeQuery({ id: 0, name, type: "A" });
  return new Lookups(options);
}

interface Turn {
  readonly server: DnsServer;
  readonly name: string;
  dueNs: number;
}

class Lookups implements DnsProber {
  readonly busy = false;
  readonly #options: DnsProberOptions;
  readonly #turns: readonly Turn[];
  readonly #stop = new AbortController();

  constructor(options: DnsProberOptions) {
    this.#options = options;
    this.#turns = options.servers.flatMap((server) =>
      options.settings.names.map((name) => ({ server, name, dueNs: firstDueNs(options, server, name) })),
    );
  }

  get lookups(): readonly { readonly server: DnsServer; readonly name: string }[] {
    return this.#turns;
  }

  tick(): void {
    const nowNs = this.#options.clock.monotonicNs();
    const { intervalMs } = this.#options.settings;
    for (const turn of this.#turns) {
      if (turn.dueNs > nowNs || this.#stop.signal.aborted) continue;
      turn.dueNs = turnAfterNs(nowNs, { dueNs: turn.dueNs, intervalMs });
      void this.#ask(turn);
    }
  }

  async #ask({ server, name }: Turn): Promise<void> {
    const { clock, settings, sink } = this.#options;
    const outcome = await (this.#options.lookup ?? lookup)({
      clock,
      server: server.address,
      name,
      timeoutMs: settings.timeoutMs,
      signal: this.#stop.signal,
    });
    if (this.#stop.signal.aborted) return;
    if (outcome.kind === "local") sink.localError(server, name, outcome.errno);
    else sink.lookup(server, name, outcome);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}

function firstDueNs({ clock, settings, phase, node }: DnsProberOptions, server: DnsServer, name: string): number {
  const share = phase(`${node}>${server.label}/${server.address}/${name}`);
  return firstTurnNs(clock, { intervalMs: settings.intervalMs, share });
}

/** The servers to ask: those configured, else those this pod itself would ask. */
export function dnsServers(
  configured: readonly DnsServer[],
  readResolvConf = () => readTextSync("/etc/resolv.conf"),
): readonly DnsServer[] {
  if (configured.length > 0) return configured;
  try {
    return resolvConfServers(readResolvConf()).map((address) => ({ label: "pod", address }));
  } catch {
    return []; // no resolv.conf: this machine asks nobody
  }
}

/** MAXNS of resolv.h: further lines are not looked at. */
const MAX_SERVERS = 3;

/** `nameserver` lines of a resolv.conf(5). */
export function resolvConfServers(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => /^nameserver[ \t]+(\S+)/.exec(line)?.[1] ?? "")
    .filter((address) => isIP(address.split("%")[0]!) !== 0)
    .slice(0, MAX_SERVERS);
}
