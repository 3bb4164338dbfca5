// The prober of each protocol that is probed, each a part of its own.
import type { Config } from "../config/schema.ts";
import type { Network, Protocol } from "../model/peer.ts";
import type { Slot } from "../model/slot.ts";
import { descriptorOf, openProber, PROTOCOLS, type ProbersOptions } from "../probes/protocols.ts";
import type { Prober } from "../probes/prober.ts";
import type { UdpProber } from "../probes/udp.ts";
import type { Lane } from "../schedule/lane.ts";
import type { ScheduledProtocol } from "../schedule/schedule.ts";
import type { OpenedEngine } from "./engine.ts";
import type { Parts } from "./parts.ts";

export interface ProberPartsOptions extends Omit<ProbersOptions, "config" | "firstNumber"> {
  readonly config: Config;
  readonly engine: OpenedEngine["engine"];
  readonly parts: Parts;
  /** What a prober that has just been opened is to probe. */
  readonly slots: (protocol: Protocol) => readonly Slot[];
  /** A protocol is open for the first time: from now on it has slots. */
  readonly firstOpened: () => void;
}

/** At one probe in 100 ms, the shortest interval, no slot has come to this number. */
const NS_PER_PROBE_NUMBER = 100e6;

export class Probers {
  readonly #options: ProberPartsOptions;
  readonly #lanes = new Map<Protocol, Lane<Prober>>();
  /** Protocols that have been open: only of these there are slots and series. */
  readonly #everOpen = new Set<Protocol>();

  constructor(options: ProberPartsOptions) {
    const { config, parts } = options;
    this.#options = options;
    for (const protocol of PROTOCOLS) {
      if (config[protocol].networks.length === 0) continue;
      const lane = parts.protocolLane<Prober>({
        name: protocol,
        protocol,
        open: () => this.#open(protocol),
        opened: (prober) => this.#opened(protocol, prober),
      });
      this.#lanes.set(protocol, lane);
    }
  }

  /** Never rejects: what the machine refuses closes its protocol alone. */
  async open(): Promise<void> {
    for (const lane of this.#lanes.values()) await lane.open();
  }

  get protocols(): readonly Protocol[] {
    return [...this.#lanes.keys()];
  }

  get scheduled(): readonly ScheduledProtocol[] {
    return [...this.#lanes].map(([protocol, lane]) => {
      const answersOnTick = descriptorOf(protocol).answering.kind === "reflector";
      return { protocol, lane, answersOnTick, ...this.#options.config[protocol] };
    });
  }

  /** UDP's own kind: it has more to say of a loss. */
  get udp(): Lane<UdpProber> | undefined {
    return this.#lanes.get("udp") as Lane<UdpProber> | undefined; // the table gives each protocol its own kind
  }

  /** Where a protocol has slots. */
  networks(protocol: Protocol): readonly Network[] {
    return this.#everOpen.has(protocol) ? this.#options.config[protocol].networks : [];
  }

  async #open(protocol: Protocol): Promise<Prober> {
    const { engine, slots: _slots, firstOpened: _first, parts: _parts, ...options } = this.#options;
    const opened = await openProber(protocol, engine, {
      ...options,
      // A life of the UDP prober within one of the agent: its numbers go on, or the peers would take them for old ones.
      firstNumber: this.#everOpen.has(protocol) ? Math.ceil(options.clock.monotonicNs() / NS_PER_PROBE_NUMBER) : 0,
    });
    if ("prober" in opened) return opened.prober;
    const { reason, cure } = opened.unavailable;
    throw new Error(`${reason}; ${cure}`);
  }

  #opened(protocol: Protocol, prober: Prober): void {
    const { slots, firstOpened } = this.#options;
    for (const slot of slots(protocol)) prober.open(slot);
    if (this.#everOpen.has(protocol)) return;
    this.#everOpen.add(protocol);
    firstOpened();
  }
}
