// What measures and what answers: the lanes of the agent, the slots they probe, and what they tell of themselves.
import type { Logger } from "pino";
import { ClockWatch } from "../base/clock-watch.ts";
import { familyOf } from "../base/ip.ts";
import { Trailing } from "../base/trailing.ts";
import { familiesOf } from "../config/plan.ts";
import { LIMITS, type Config } from "../config/schema.ts";
import type { Part } from "../metrics/catalogue.ts";
import type { Metrics, SocketDrops } from "../metrics/metrics.ts";
import { PROTOCOLS, type IpFamily, type Node, type Peer, type Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import {
  REFLECTOR_RESULTS,
  type AgentHealth,
  type PathMtu,
  type ReflectorResult,
  type UdpReceived,
} from "../model/snapshot.ts";
import { WINDOW_SECONDS } from "../model/window.ts";
import { conntrackState } from "../probes/conntrack.ts";
import type { DnsProber } from "../probes/dns.ts";
import { pathMtuProber, type PathMtuProber } from "../probes/path-mtu.ts";
import type { Prober } from "../probes/prober.ts";
import { openProber } from "../probes/protocols.ts";
import type { UdpProber } from "../probes/udp.ts";
import type { SenderDirectory } from "../reflector/sender-directory.ts";
import { tcpResponder } from "../reflector/tcp-responder.ts";
import { packetsByResult, udpReflector, type UdpReflector } from "../reflector/udp-reflector.ts";
import type { Results } from "../results/results.ts";
import { Lane, type LaneFault } from "../schedule/lane.ts";
import { Schedule } from "../schedule/schedule.ts";
import { SlotTable } from "../schedule/slot-table.ts";
import { openDns } from "./dns.ts";
import type { OpenedEngine } from "./engine.ts";
import { UnansweredLog } from "./unanswered.ts";

export interface MeasuringOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly engine: OpenedEngine;
  readonly results: Results;
  readonly metrics: Pick<Metrics, "tickLag" | "clockStep" | "protocolAvailable" | "fault" | "dns">;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  /** For authenticated STAMP. */
  readonly key?: Uint8Array | undefined;
  /** Whose packets may be counted. */
  readonly sources: SenderDirectory;
}

/** Rejects when a port to answer on cannot be opened; what cannot be probed with is closed, and tried again. */
export async function startMeasuring(options: MeasuringOptions): Promise<Measuring> {
  const measuring = new Measuring(options);
  try {
    await measuring.open();
    return measuring;
  } catch (err) {
    await measuring[Symbol.asyncDispose]();
    throw err;
  }
}

/** At one probe in 100 ms, the shortest interval, no slot has come to this number. */
const NS_PER_PROBE_NUMBER = 100e6;

const NOTHING_REFLECTED = byResult(() => 0);

export class Measuring implements AsyncDisposable {
  readonly #options: MeasuringOptions;
  readonly #families: readonly IpFamily[];
  readonly #probers = new Map<Protocol, Lane<Prober>>();
  readonly #udp: Lane<UdpProber> | undefined;
  readonly #reflector: Lane<UdpReflector>;
  readonly #pathMtu: Lane<PathMtuProber> | undefined;
  readonly #dns: Lane<DnsProber> | undefined;
  readonly #schedule: Schedule;
  readonly #slots: SlotTable;
  readonly #watch: ClockWatch;
  readonly #steps: Trailing;
  readonly #lag: Trailing;
  /** Lookups that this machine could not make. */
  readonly #couldNotAsk: Trailing;
  /** Protocols that have been open: only of these there are slots and series. */
  readonly #everOpen = new Set<Protocol>();
  /** Of sockets that are closed again. */
  readonly #drops = new Map<Protocol, number>();
  /** Of answering ends that are closed again. */
  #reflected = NOTHING_REFLECTED;
  readonly #unanswered: UnansweredLog;
  readonly #stack = new AsyncDisposableStack();
  #source: Node;
  #peers: readonly Peer[] = [];

  constructor(options: MeasuringOptions) {
    const { config, engine, results } = options;
    this.#options = options;
    this.#families = familiesOf(config);
    this.#source = { name: config.node.name, zone: config.node.zone };
    const { clock } = engine;
    this.#unanswered = new UnansweredLog(options.log);
    this.#watch = new ClockWatch(clock);
    this.#steps = new Trailing(clock, WINDOW_SECONDS);
    this.#lag = new Trailing(clock, WINDOW_SECONDS);
    this.#couldNotAsk = new Trailing(clock, WINDOW_SECONDS);
    this.#reflector = this.#lane<UdpReflector>({
      name: "reflector",
      protocol: "udp",
      open: () => this.#openReflector(),
      closing: (reflector) => {
        this.#reflected = sumOf(this.#reflected, packetsByResult(reflector.counts));
        this.#keepDrops("udp", reflector);
      },
    });
    for (const protocol of PROTOCOLS) {
      if (config[protocol].networks.length === 0) continue;
      const lane = this.#lane<Prober>({
        name: protocol,
        protocol,
        open: () => this.#openProber(protocol),
        opened: (prober) => this.#proberOpened(protocol, prober),
        closing: (prober) => this.#keepDrops(protocol, prober),
      });
      this.#probers.set(protocol, lane);
    }
    this.#udp = this.#probers.get("udp") as Lane<UdpProber> | undefined; // the table gives each protocol its own kind
    if (this.#udp && config.pathMtu.enabled && engine.engine.kind === "kernel") {
      const { kernel } = engine.engine;
      this.#pathMtu = this.#lane<PathMtuProber>({
        name: "path_mtu",
        open: () => pathMtuProber({ ...this.#stampOptions(), kernel, settings: pathMtuSettings(config) }),
        opened: (pathMtu) => this.#slotsOf("udp").forEach((slot) => pathMtu.open(slot)),
      });
    }
    if (config.dns.enabled)
      this.#dns = this.#lane<DnsProber>({
        name: "dns",
        open: () => openDns({ ...options, clock, couldNotAsk: () => this.#couldNotAsk.add(1) }),
      });
    this.#schedule = this.#stack.use(
      new Schedule({
        clock,
        sink: results,
        activities: [this.#reflector, this.#pathMtu, this.#dns].filter((lane) => lane !== undefined),
        protocols: [...this.#probers].map(([protocol, lane]) => ({ protocol, lane, ...config[protocol] })),
        onTick: (lagSeconds) => this.#ticked(lagSeconds),
      }),
    );
    this.#slots = new SlotTable({
      opened: (slot) => {
        results.open(slot);
        this.#schedule.open(slot);
        if (slot.protocol === "udp") this.#pathMtu?.run((pathMtu) => pathMtu.open(slot));
      },
      closed: (slot) => {
        if (slot.protocol === "udp") this.#pathMtu?.run((pathMtu) => pathMtu.close(slot));
        this.#schedule.close(slot);
        results.close(slot);
      },
      moved: (from, to) => {
        results.move(from, to);
        this.#schedule.move(from, to);
        if (from.protocol === "udp") this.#pathMtu?.run((pathMtu) => pathMtu.move(from, to));
      },
    });
  }

  async open(): Promise<void> {
    const { config, log, engine } = this.#options;
    // The answering end first: peers may ask as soon as they know us. Without it there is no sense in starting.
    await this.#reflector.open();
    if (this.#reflector.fault) throw this.#reflector.fault.error;
    const told = new Set<string | undefined>();
    const failed = (err: NodeJS.ErrnoException): void => {
      if (!told.has(err.code)) log.warn({ err }, "a TCP probe could not be accepted; its kernel has answered it");
      told.add(err.code);
    };
    this.#stack.use(await tcpResponder({ port: config.ports.probe, addresses: config.listen, failed }));
    for (const lane of [...this.#probers.values(), this.#pathMtu, this.#dns]) await lane?.open();
    if (config.pathMtu.enabled && this.#udp && engine.engine.kind === "userspace")
      log.info("path MTU is not measured: the userspace engine cannot set the don't-fragment bit");
  }

  start(): void {
    this.#schedule.start();
  }

  /** One turn of everything. Called by the schedule's timer once started; by tests with a fake clock. */
  tick(): void {
    this.#schedule.tick();
  }

  /** Probe these peers from now on, and no others. */
  reconcile(source: Node, peers: readonly Peer[]): void {
    this.#source = source;
    this.#peers = peers;
    const { config } = this.#options;
    const networks = (protocol: Protocol) => (this.#everOpen.has(protocol) ? config[protocol].networks : []);
    this.#slots.reconcile(source, peers, {
      families: this.#families,
      networks: { icmp: networks("icmp"), tcp: networks("tcp"), udp: networks("udp") },
    });
  }

  pathMtu(): readonly PathMtu[] {
    return this.#pathMtu?.run((pathMtu) => pathMtu.values()) ?? [];
  }

  /** What arrived from other agents' UDP probers. */
  udpReceived(): readonly UdpReceived[] {
    return this.#reflector.run((reflector) => reflector.received()) ?? [];
  }

  /** What became of them, and of what else came to the answering end. */
  reflectorCounts(): Readonly<Record<ReflectorResult, number>> {
    const { part } = this.#reflector;
    return part ? sumOf(this.#reflected, packetsByResult(part.counts)) : this.#reflected;
  }

  /** For the peers' rows that decide the direction of what no reply does. */
  get udp(): Pick<UdpProber, "wantingPeerRow" | "peerReported"> | undefined {
    const lane = this.#udp;
    return (
      lane && {
        wantingPeerRow: () => lane.run((udp) => udp.wantingPeerRow()) ?? [],
        peerReported: (slot, report) => lane.run((udp) => udp.peerReported(slot, report)),
      }
    );
  }

  /** Probers share a socket between networks, so its drops stand under the first of them; the reflector's count as UDP's. */
  *socketDrops(): Generator<SocketDrops> {
    const { config } = this.#options;
    for (const [protocol, lane] of this.#probers) {
      const reflected = protocol === "udp" ? this.#reflector.run((reflector) => reflector.socketDrops()) : 0;
      const drops =
        (this.#drops.get(protocol) ?? 0) + (lane.run((prober) => prober.socketDrops()) ?? 0) + (reflected ?? 0);
      for (const [i, network] of config[protocol].networks.entries())
        yield { network, protocol, drops: i === 0 ? drops : 0 };
    }
  }

  health(): Omit<AgentHealth, "discoveryAgeSeconds"> {
    const { config, results } = this.#options;
    const recent = results.recent();
    return {
      ...recent,
      localErrors: recent.localErrors + this.#couldNotAsk.sum(),
      engine: config.engine,
      unavailable: [...this.#unavailable()],
      tickLagMaxMs: this.#lag.max() * 1000,
      socketDrops: [...this.socketDrops()].reduce((sum, { drops }) => sum + drops, 0),
      clockSteps: this.#steps.sum(),
      reflector: this.reflectorCounts(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  *#unavailable(): Generator<AgentHealth["unavailable"][number]> {
    const { config } = this.#options;
    for (const [protocol, lane] of this.#probers) {
      const reasons = lane.fault ? [lane.fault.error.message] : [];
      if (protocol === "udp" && this.#reflector.fault)
        reasons.push(`other agents' probes are not answered: ${this.#reflector.fault.error.message}`);
      for (const reason of reasons)
        for (const network of config[protocol].networks) yield { network, protocol, reason };
    }
  }

  #ticked(lagSeconds: number): void {
    const { metrics, log } = this.#options;
    metrics.tickLag(lagSeconds);
    this.#lag.add(lagSeconds);
    const before = this.#watch.steps;
    this.#watch.look();
    if (this.#watch.steps === before) return;
    this.#steps.add(1);
    metrics.clockStep();
    log.warn("the wall clock stepped; what was in flight is answered without a delay");
  }

  /** A lane that tells of its faults, and of the protocol that it is a part of. */
  #lane<P extends Disposable>(options: {
    readonly name: Part;
    readonly protocol?: Protocol;
    open(): P | Promise<P>;
    opened?(part: P): void;
    closing?(part: P): void;
  }): Lane<P> {
    const { log, metrics, engine } = this.#options;
    const { name, protocol } = options;
    metrics.fault(name, 0);
    let told = false;
    return this.#stack.use(
      new Lane<P>({
        ...options,
        clock: engine.clock,
        opened: (part) => {
          options.opened?.(part);
          if (protocol !== undefined) this.#tellAvailable(protocol);
          if (told) log.info({ part: name }, `${name} is open again`);
          told = false;
        },
        closed: ({ error, isNew }: LaneFault) => {
          metrics.fault(name, 1);
          if (protocol !== undefined) this.#tellAvailable(protocol);
          if (!isNew) return;
          told = true;
          log.error({ err: error, part: name }, `${name} is closed and will be tried again; the rest goes on`);
        },
      }),
    );
  }

  #tellAvailable(protocol: Protocol): void {
    const { config, metrics } = this.#options;
    const lanes: readonly (Lane<Disposable> | undefined)[] =
      protocol === "udp" ? [this.#probers.get(protocol), this.#reflector] : [this.#probers.get(protocol)];
    const available = lanes.every((lane) => lane?.part !== undefined);
    for (const network of config[protocol].networks) metrics.protocolAvailable({ network, protocol, available });
  }

  #proberOpened(protocol: Protocol, prober: Prober): void {
    for (const slot of this.#slotsOf(protocol)) prober.open(slot);
    if (this.#everOpen.has(protocol)) return;
    this.#everOpen.add(protocol);
    this.reconcile(this.#source, this.#peers);
  }

  #slotsOf(protocol: Protocol): readonly Slot[] {
    return [...this.#slots.all()].filter((slot) => slot.protocol === protocol);
  }

  #stampOptions() {
    const { config, engine, incarnation, key } = this.#options;
    return {
      clock: engine.clock,
      families: this.#families,
      source: config.node.name,
      incarnation,
      key,
    };
  }

  async #openProber(protocol: Protocol): Promise<Prober> {
    const { config, engine, results } = this.#options;
    const opened = await openProber(protocol, engine.engine, {
      ...this.#stampOptions(),
      sink: results,
      config,
      conntrack: conntrackState,
      // A life of the UDP prober within one of the agent: its numbers go on, or the peers would take them for old ones.
      firstNumber: this.#everOpen.has(protocol) ? Math.ceil(engine.clock.monotonicNs() / NS_PER_PROBE_NUMBER) : 0,
    });
    if ("prober" in opened) return opened.prober;
    const { reason, cure } = opened.unavailable;
    throw new Error(`${reason}; ${cure}`);
  }

  /** What its sockets dropped stays counted when they are gone. */
  #keepDrops(protocol: Protocol, part: { socketDrops(): number }): void {
    this.#drops.set(protocol, (this.#drops.get(protocol) ?? 0) + part.socketDrops());
  }

  #openReflector(): UdpReflector {
    const { config, engine, incarnation, key, sources } = this.#options;
    const listen = config.listen
      .map((address) => ({ family: familyOf(address), address }))
      .filter(({ family }) => this.#families.includes(family));
    return udpReflector({
      kernel: engine.kernel,
      clock: engine.clock,
      incarnation,
      key,
      port: config.ports.probe,
      maxPacketBytes: LIMITS.maxPacketBytes,
      listen: config.listen.length > 0 ? listen : this.#families.map((family) => ({ family })),
      isFrom: (hash, ip) => sources.isFrom(hash, ip),
      nodeOf: (hash) => sources.nodeOf(hash),
      unanswered: this.#unanswered.tell,
    });
  }
}

function pathMtuSettings(config: Config) {
  return {
    intervalMs: config.pathMtu.intervalMs,
    timeoutMs: config.udp.timeoutMs,
    port: config.ports.probe,
    maxPacketBytes: LIMITS.maxPacketBytes,
  };
}

function byResult(count: (result: ReflectorResult) => number): Readonly<Record<ReflectorResult, number>> {
  const entries = REFLECTOR_RESULTS.map((result) => [result, count(result)] as const);
  return Object.fromEntries(entries) as Record<ReflectorResult, number>;
}

const sumOf = (a: Readonly<Record<ReflectorResult, number>>, b: Readonly<Record<ReflectorResult, number>>) =>
  byResult((result) => a[result] + b[result]);
