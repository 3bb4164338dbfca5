// What measures and what answers, put together: the parts, the slots they probe, and what they say of themselves.
import type { Logger } from "pino";
import type { Chores } from "../base/chores.ts";
import { familiesOf } from "../config/plan.ts";
import type { Config } from "../config/schema.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Metrics, SocketDrops } from "../metrics/metrics.ts";
import type { IpFamily, Node, Peer, Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import type { AgentHealth, PathMtu, ReflectorResult, UdpReceived } from "../model/snapshot.ts";
import { conntrackState } from "../probes/conntrack.ts";
import type { UdpProber } from "../probes/udp.ts";
import { SenderDirectory } from "../reflector/sender-directory.ts";
import type { Results } from "../results/results.ts";
import type { Lane } from "../schedule/lane.ts";
import { Schedule, type Activity } from "../schedule/schedule.ts";
import { SlotTable, type SlotListener } from "../schedule/slot-table.ts";
import { LONGEST_TICK_MS } from "../schedule/tick.ts";
import { Answering } from "./answering.ts";
import { withSilentPeers } from "./arrivals.ts";
import type { OpenedEngine } from "./engine.ts";
import { NODE_PROBES } from "./node-probes.ts";
import { Parts } from "./parts.ts";
import { PathMtuPart } from "./path-mtu.ts";
import { Probers } from "./probers.ts";
import { SelfWatch } from "./self-watch.ts";

export interface MeasuringOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly engine: OpenedEngine;
  /** Done when a tick has woken this process. */
  readonly chores: Chores;
  readonly results: Results;
  readonly metrics: Pick<Metrics, "tickLag" | "clockStep" | "protocolAvailable" | "fault" | "dns">;
  /** This agent's, 16 hex digits. */
  readonly incarnation: string;
  /** For authenticated STAMP. */
  readonly key?: Uint8Array | undefined;
}

export type FollowedMesh = Pick<Mesh, "self" | "peers" | "members" | "extent" | "listen" | "tick">;

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

export class Measuring implements AsyncDisposable {
  readonly #options: MeasuringOptions;
  readonly #families: readonly IpFamily[];
  readonly #senders = new SenderDirectory();
  readonly #parts: Parts;
  readonly #answering: Answering;
  readonly #probers: Probers;
  readonly #pathMtu: PathMtuPart | undefined;
  readonly #nodeProbes: readonly Lane<Activity>[];
  readonly #schedule: Schedule;
  readonly #slots: SlotTable;
  readonly #self: SelfWatch;
  readonly #stack = new AsyncDisposableStack();
  #source: Node;
  #peers: readonly Peer[] = [];
  #mesh: FollowedMesh | undefined;

  constructor(options: MeasuringOptions) {
    const { config, log, engine, results, metrics, incarnation, key } = options;
    const { clock } = engine;
    this.#options = options;
    this.#families = familiesOf(config);
    this.#source = { name: config.node.name, zone: config.node.zone };
    this.#self = new SelfWatch({ clock, log, metrics });
    const parts = new Parts({ clock, log, metrics, networks: (protocol) => config[protocol].networks });
    this.#parts = this.#stack.use(parts);
    const common = { config, parts, clock, families: this.#families, incarnation, key, source: config.node.name };
    this.#answering = this.#stack.use(new Answering({ ...common, log, engine, senders: this.#senders }));
    this.#probers = new Probers({
      ...common,
      engine: engine.engine,
      sink: results,
      conntrack: conntrackState,
      slots: (protocol) => this.#slotsOf(protocol),
      firstOpened: () => this.reconcile(this.#source, this.#peers),
    });
    if (this.#probers.udp && config.pathMtu.enabled && engine.engine.kind === "kernel") {
      const { kernel } = engine.engine;
      this.#pathMtu = new PathMtuPart({ ...common, kernel, slots: () => this.#slotsOf("udp") });
    }
    const localError = () => this.#self.localError();
    this.#nodeProbes = NODE_PROBES.filter((probe) => probe.isOn(config)).map((probe) =>
      parts.lane({ name: probe.name, open: () => probe.open({ config, log, engine, metrics, results, localError }) }),
    );
    this.#schedule = this.#stack.use(
      new Schedule({
        clock,
        sink: results,
        activities: [
          ...this.#answering.reflectors,
          ...(this.#pathMtu ? [this.#pathMtu.lane] : []),
          ...this.#nodeProbes,
        ],
        protocols: this.#probers.scheduled,
        longestTickMs: LONGEST_TICK_MS[engine.engine.kind],
        onTick: (lagSeconds) => {
          this.#self.ticked(lagSeconds);
          // They wait for time to pass, too, and need not wake this process for that.
          this.#mesh?.tick();
          options.chores.tick();
        },
      }),
    );
    this.#slots = new SlotTable(this.#slotListener());
  }

  async open(): Promise<void> {
    const { config, log, engine } = this.#options;
    // The answering end first: peers may ask as soon as discovery lists this agent.
    await this.#answering.open();
    await this.#probers.open();
    for (const lane of [this.#pathMtu?.lane, ...this.#nodeProbes]) await lane?.open();
    if (config.pathMtu.enabled && this.#probers.udp && engine.engine.kind === "userspace")
      log.info("path MTU is not measured: the userspace engine cannot set the don't-fragment bit");
  }

  start(): void {
    this.#schedule.start();
  }

  /** One turn of everything. Called by the schedule's timer once started; by tests with a fake clock. */
  tick(): void {
    this.#schedule.tick();
  }

  /** From now on probe the peers of this mesh, and count what comes from its members. */
  follow(mesh: FollowedMesh): void {
    this.#mesh = mesh;
    const decided = () => this.#senders.update(mesh.members());
    const changed = () => this.reconcile(mesh.self(), mesh.peers());
    this.#stack.use(mesh.listen({ decided, changed }));
    decided();
    changed();
  }

  /** Probe these peers from now on, and no others. */
  reconcile(source: Node, peers: readonly Peer[]): void {
    this.#source = source;
    this.#peers = peers;
    this.#slots.reconcile(source, peers, {
      families: this.#families,
      networks: (protocol) => this.#probers.networks(protocol),
    });
  }

  pathMtu(): readonly PathMtu[] {
    return this.#pathMtu?.values() ?? [];
  }

  /** What arrived from other agents' UDP probers. */
  udpReceived(): readonly UdpReceived[] {
    return this.#answering.received();
  }

  /** The same with a 0 for each that is known to send and of which nothing arrived. */
  udpReceivedOfAll(): Iterable<UdpReceived> {
    const { config } = this.#options;
    const peers = this.#mesh?.extent().isFullMesh === true ? this.#peers : [];
    return withSilentPeers(this.udpReceived(), { config, peers });
  }

  /** What became of them, and of what else came to the answering end. */
  reflectorCounts(): Readonly<Record<ReflectorResult, number>> {
    return this.#answering.counts();
  }

  /** For the peers' rows that decide the direction of what no reply does. */
  get udp(): Pick<UdpProber, "wantingPeerRow" | "peerReported"> | undefined {
    const lane = this.#probers.udp;
    return (
      lane && {
        wantingPeerRow: () => lane.run((udp) => udp.wantingPeerRow()) ?? [],
        peerReported: (slot, report) => lane.run((udp) => udp.peerReported(slot, report)),
      }
    );
  }

  /** Probers share a socket between networks, so its drops stand under the first of them; the reflector's count as UDP's. */
  *socketDrops(): Generator<SocketDrops> {
    for (const protocol of this.#probers.protocols) {
      const drops = this.#parts.socketDrops(protocol);
      for (const [i, network] of this.#options.config[protocol].networks.entries())
        yield { network, protocol, drops: i === 0 ? drops : 0 };
    }
  }

  health(): Omit<AgentHealth, "discoveryAgeSeconds"> {
    const { config, results } = this.#options;
    const [recent, own] = [results.recent(), this.#self.recent()];
    return {
      ...recent,
      ...own,
      localErrors: recent.localErrors + own.localErrors,
      engine: config.engine,
      unavailable: [...this.#unavailable()],
      socketDrops: [...this.socketDrops()].reduce((sum, { drops }) => sum + drops, 0),
      reflector: this.reflectorCounts(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  *#unavailable(): Generator<AgentHealth["unavailable"][number]> {
    for (const protocol of this.#probers.protocols)
      for (const reason of this.#parts.whyUnavailable(protocol))
        for (const network of this.#options.config[protocol].networks) yield { network, protocol, reason };
  }

  #slotListener(): SlotListener {
    const { results } = this.#options;
    return {
      opened: (slot) => {
        results.open(slot);
        this.#schedule.open(slot);
        this.#pathMtu?.opened(slot);
      },
      closed: (slot) => {
        this.#pathMtu?.closed(slot);
        this.#schedule.close(slot);
        results.close(slot);
      },
      moved: (from, to) => {
        results.move(from, to);
        this.#schedule.move(from, to);
        this.#pathMtu?.moved(from, to);
      },
    };
  }

  #slotsOf(protocol: Protocol): readonly Slot[] {
    return [...this.#slots.all()].filter((slot) => slot.protocol === protocol);
  }
}
