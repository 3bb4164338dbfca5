// Cluster DNS as this node's pods meet it: each name is looked up at each server once an interval. Where they are named,
// the pods behind cluster DNS are asked each for itself as well.
import { isIP } from "node:net";
import { readTextSync } from "../base/files.ts";
import { ipRanges } from "../base/ip.ts";
import type { Clock } from "../base/clock.ts";
import { firstTurnNs, turnAfterNs } from "../base/turns.ts";
import { encodeQuery } from "../wire/dns.ts";
import { DnsPods, isPod, type DnsPod, type DnsPodsOptions } from "./dns-pods.ts";
import { lookup, type LookupOptions, type LookupOutcome } from "./dns-lookup.ts";
import type { LookUp } from "./service-addresses.ts";

/** The Service of cluster DNS, the node's own cache in front of it, and each pod behind it. */
export const DNS_SERVER_LABELS = ["cluster", "nodelocal", "pod"] as const;
export type DnsServerLabel = (typeof DNS_SERVER_LABELS)[number];

export interface DnsServer {
  readonly label: DnsServerLabel;
  readonly address: string;
  /** 53 when left out. */
  readonly port?: number;
}

/** Where lookups go. Every method is cheap and never throws. */
export interface DnsSink {
  /** This server is asked from now on, and is not asked any more. */
  opened(server: DnsServer): void;
  closed(server: DnsServer): void;
  /** Looking up the pods behind cluster DNS: why there are none, or older ones; undefined when all is well. */
  looked(trouble: string | undefined): void;
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
  /** A name whose addresses are the pods behind cluster DNS, and the port that they answer at. */
  readonly pods?: { readonly host: string; readonly port: number } | undefined;
  /** Share of the interval, in [0, 1), at which a thing of this name has its turn. */
  readonly phase: (name: string) => number;
  /** The node that asks: agents must not ask in step. */
  readonly node: string;
  readonly lookup?: (options: LookupOptions) => Promise<LookupOutcome>;
  readonly lookUpPods?: LookUp;
  readonly lookUpPort?: DnsPodsOptions["lookUpPort"];
}

/** What the schedule lets act at each tick. */
export interface DnsProber extends Disposable {
  tick(): void;
  /** Answers wake this process by themselves: no tick need wait for them. */
  readonly busy: false;
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
  readonly #pods: DnsPods | undefined;
  #turns: readonly Turn[] = [];
  readonly #stop = new AbortController();

  constructor(options: DnsProberOptions) {
    this.#options = options;
    this.#open(options.servers);
    const { pods, sink, clock, node, phase, lookUpPods, lookUpPort } = options;
    if (pods === undefined) return;
    this.#pods = new DnsPods({
      clock,
      host: pods.host,
      port: pods.port,
      rank: (address) => phase(`${node}>${address}`),
      changed: (wanted) => this.#replacePods(wanted),
      looked: (trouble) => sink.looked(trouble),
      ...(lookUpPods && { lookUp: lookUpPods }),
      ...(lookUpPort && { lookUpPort }),
    });
  }

  #open(servers: readonly DnsServer[]): void {
    const { settings, sink } = this.#options;
    for (const server of servers) sink.opened(server);
    const turns = servers.flatMap((server) =>
      settings.names.map((name) => ({ server, name, dueNs: firstDueNs(this.#options, server, name) })),
    );
    this.#turns = [...this.#turns, ...turns];
  }

  #replacePods(wanted: readonly DnsPod[]): void {
    if (this.#stop.signal.aborted) return;
    const before = [...new Set(this.#turns.map(({ server }) => server))].flatMap((server) =>
      server.label === "pod" && server.port !== undefined ? [{ ...server, port: server.port, server }] : [],
    );
    const gone = before.filter((pod) => !wanted.some(isPod(pod))).map(({ server }) => server);
    for (const server of gone) this.#options.sink.closed(server);
    this.#turns = this.#turns.filter(({ server }) => !gone.includes(server));
    this.#open(wanted.filter((pod) => !before.some(isPod(pod))).map((pod) => ({ label: "pod", ...pod })));
  }

  tick(): void {
    const nowNs = this.#options.clock.monotonicNs();
    const { intervalMs } = this.#options.settings;
    this.#pods?.tick();
    for (const turn of this.#turns) {
      if (turn.dueNs > nowNs || this.#stop.signal.aborted) continue;
      turn.dueNs = turnAfterNs(nowNs, { dueNs: turn.dueNs, intervalMs });
      void this.#ask(turn);
    }
  }

  async #ask(turn: Turn): Promise<void> {
    const { server, name } = turn;
    const { clock, settings, sink } = this.#options;
    const outcome = await (this.#options.lookup ?? lookup)({
      clock,
      server: server.address,
      ...(server.port !== undefined && { port: server.port }),
      name,
      timeoutMs: settings.timeoutMs,
      signal: this.#stop.signal,
    });
    if (this.#stop.signal.aborted || !this.#turns.includes(turn)) return;
    if (outcome.kind === "failed" && server.label === "pod") this.#pods?.doubted();
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
    return resolvConfServers(readResolvConf()).map((address) => ({ label: labelOf(address), address }));
  } catch {
    return []; // no resolv.conf: this machine asks nobody
  }
}

/** NodeLocal DNSCache answers at an address that no other machine can have. */
const labelOf = (address: string): DnsServerLabel => (isLinkLocal(address) ? "nodelocal" : "cluster");
const isLinkLocal = ipRanges(["169.254.0.0/16", "fe80::/10"]);

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
