// The service path as this node's pods meet it: a TCP handshake with a Service's address, answered by whoever kube-proxy,
// or what replaces it, chooses. The handshake is that of TCP between peers, in both engines.
import type { Clock } from "../base/clock.ts";
import { firstTurnNs, turnAfterNs } from "../base/turns.ts";
import type { Outcome } from "../model/outcome.ts";
import { IP_FAMILIES, type Addresses } from "../model/peer.ts";
import { SERVICES, type ServiceName, type ServicePath } from "../model/service.ts";
import type { ConntrackState } from "./kernel-events.ts";
import type { OutcomeSink, Prober } from "./prober.ts";
import type { Engine } from "./protocols.ts";
import { findService, NOT_LOOKED_UP, type LookUp, type ServiceAddresses } from "./service-addresses.ts";
import { tcpProber } from "./tcp.ts";

export interface ServiceTarget {
  readonly service: ServiceName;
  /** Names, or addresses. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Where outcomes go. Every method is cheap and never throws. */
export interface ServiceSink {
  /** This address is probed from now on, in the place of another of its index. */
  opened(path: ServicePath): void;
  closed(path: ServicePath): void;
  /** Exactly once for each probe that was really sent, unless its path was closed first. */
  record(path: ServicePath, outcome: Outcome): void;
  /** Not a probe at all: this machine itself could not send. */
  localError(path: ServicePath, errno: string): void;
  /** What is known of the address has changed; `trouble` is undefined when all is well. */
  looked(service: ServiceName, trouble: string | undefined): void;
}

export interface ServiceProberOptions {
  readonly clock: Clock;
  readonly engine: Engine;
  readonly sink: ServiceSink;
  readonly targets: readonly ServiceTarget[];
  /** Share of the interval, in [0, 1), at which a thing of this name has its turn. */
  readonly phase: (name: string) => number;
  /** The node that asks: agents must not ask in step. */
  readonly node: string;
  readonly conntrack: () => ConntrackState;
  readonly lookUp?: LookUp;
}

/** What the schedule lets act at each tick. */
export interface ServiceProber extends Disposable {
  tick(): void;
  /** A handshake is open. */
  readonly busy: boolean;
}

/** A Service may be made anew, with another address. */
const LOOK_UP_EVERY_MS = 30_000;
const LOOK_UP_AGAIN_AFTER_MS = 10_000;
const NS_PER_MS = 1e6;

type OpenHandshakes = (target: ServiceTarget, sink: OutcomeSink<ServicePath>) => Prober<ServicePath>;

/** Rejects when what an engine needs cannot be loaded. */
export async function openServiceProber(options: ServiceProberOptions): Promise<ServiceProber> {
  const open = await handshakes(options);
  return new ServicePaths(options, open);
}

async function handshakes({ clock, engine, conntrack }: ServiceProberOptions): Promise<OpenHandshakes> {
  if (engine.kind === "kernel") {
    const { kernel } = engine;
    return (settings, sink) => tcpProber({ kernel, clock, conntrack, settings, sink });
  }
  const { userspaceTcpProber } = await import("./userspace/tcp.ts");
  return (settings, sink) => userspaceTcpProber({ clock, conntrack, settings, sink });
}

class ServicePaths implements ServiceProber {
  readonly #probed: readonly ProbedService[];

  constructor(options: ServiceProberOptions, open: OpenHandshakes) {
    this.#probed = options.targets.map((target) => new ProbedService(options, target, open));
  }

  get busy(): boolean {
    return this.#probed.some((service) => service.busy);
  }

  tick(): void {
    for (const service of this.#probed) service.tick();
  }

  [Symbol.dispose](): void {
    for (const service of this.#probed) service[Symbol.dispose]();
  }
}

class ProbedService implements Disposable {
  readonly #options: ServiceProberOptions;
  readonly #target: ServiceTarget;
  readonly #handshakes: Prober<ServicePath>;
  #known: ServiceAddresses = NOT_LOOKED_UP;
  #paths: readonly ServicePath[] = [];
  #dueNs: number;
  #lookUpAtNs = -Infinity;
  #isLookingUp = false;
  #isOver = false;

  constructor(options: ServiceProberOptions, target: ServiceTarget, open: OpenHandshakes) {
    const { clock, node, phase, sink } = options;
    this.#options = options;
    this.#target = target;
    this.#handshakes = open(target, {
      record: (path, outcome) => sink.record(path, outcome),
      localError: (path, errno) => sink.localError(path, errno),
      // A late answer is the failed probe that is recorded with it, and a turn never meets an open handshake: the timeout is
      // shorter than the interval. The others are not of TCP.
      anomaly() {},
      skipped() {},
      delay() {},
      lost() {},
      travelled() {},
    });
    const share = phase(`${node}>service/${target.service}`);
    this.#dueNs = firstTurnNs(clock, { intervalMs: target.intervalMs, share });
    sink.looked(target.service, this.#known.trouble);
  }

  get busy(): boolean {
    return this.#handshakes.outstanding > 0;
  }

  tick(): void {
    this.#handshakes.drain();
    this.#handshakes.expire();
    const nowNs = this.#options.clock.monotonicNs();
    if (nowNs >= this.#lookUpAtNs && !this.#isLookingUp) void this.#lookUp();
    if (nowNs < this.#dueNs) return;
    this.#dueNs = turnAfterNs(nowNs, { dueNs: this.#dueNs, intervalMs: this.#target.intervalMs });
    this.#handshakes.send(this.#paths);
  }

  async #lookUp(): Promise<void> {
    this.#isLookingUp = true;
    const { clock, sink, lookUp } = this.#options;
    const before = this.#known;
    const found = await findService(this.#target.hosts, before, lookUp);
    this.#isLookingUp = false;
    if (this.#isOver) return;
    this.#known = found;
    const againMs = found.trouble === undefined ? LOOK_UP_EVERY_MS : LOOK_UP_AGAIN_AFTER_MS;
    this.#lookUpAtNs = clock.monotonicNs() + againMs * NS_PER_MS;
    this.#probe(found.addresses);
    if (found.trouble !== before.trouble) sink.looked(this.#target.service, found.trouble);
  }

  #probe(addresses: Addresses): void {
    const { sink } = this.#options;
    const before = this.#paths;
    this.#paths = IP_FAMILIES.flatMap((family): ServicePath[] => {
      const address = addresses[family];
      if (address === undefined) return [];
      const same = before.find((path) => path.address === address);
      return [same ?? { index: indexOf(this.#target.service, family), service: this.#target.service, family, address }];
    });
    for (const path of before) {
      if (this.#paths.includes(path)) continue;
      this.#handshakes.close(path);
      sink.closed(path);
    }
    for (const path of this.#paths) {
      if (before.includes(path)) continue;
      sink.opened(path);
      this.#handshakes.open(path);
    }
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#handshakes[Symbol.dispose]();
    for (const path of this.#paths) this.#options.sink.closed(path);
    this.#paths = [];
  }
}

const indexOf = (service: ServiceName, family: (typeof IP_FAMILIES)[number]): number =>
  SERVICES.indexOf(service) * IP_FAMILIES.length + IP_FAMILIES.indexOf(family);
