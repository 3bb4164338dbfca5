// /metrics: one response in catalogue order, in slices between which the event loop runs. Everything it says of
// pairs is copied before the first slice, so the counters of a slot agree with each other throughout.
import { setImmediate } from "node:timers/promises";
import type { Config } from "../config/schema.ts";
import type { Clock } from "../base/clock.ts";
import type { JudgeReport } from "../model/finding.ts";
import type { Network, Node, Protocol } from "../model/peer.ts";
import type { PathMtu, ReflectorResult, UdpReceived } from "../model/snapshot.ts";
import type { Slot } from "../model/slot.ts";
import { VERSION } from "../model/version.ts";
import type { Results } from "../results/results.ts";
import { AgentFamilies, type DnsRecorder, type SocketDrops } from "./agent-families.ts";
import type { MeshCounts } from "../mesh/members.ts";
import { CATALOGUE, type Metric, type MetricKey, type Part } from "./catalogue.ts";
import type { AgentMetricKey } from "./agent-metrics.ts";
import { PAIR_METRICS, type PairMetricKey } from "./pair-metrics.ts";
import { SERVICE_METRICS, type ServiceMetricKey } from "./service-metrics.ts";
import { pairFamily, slotLabels, type Family, type PairState } from "./pair-families.ts";
import { serviceFamily } from "./service-families.ts";
import { header } from "./text-format.ts";

export type { DnsRecorder, SocketDrops } from "./agent-families.ts";

export interface MetricsOptions {
  readonly results: Results;
  readonly clock: Clock;
  readonly config: Pick<Config, Protocol | "engine" | "metrics">;
  /** This node. Its name must not change; its zone may become known later. */
  readonly self: () => Node;
  readonly mesh: () => MeshCounts;
  /** Path MTU of the peers of now. */
  readonly pathMtu: () => Iterable<PathMtu>;
  /** What arrived from the sources of now, those at 0 included. */
  readonly udpReceived: () => Iterable<UdpReceived>;
  /** One element for each network and protocol that has a socket, those at 0 included. */
  readonly socketDrops: () => Iterable<SocketDrops>;
  /** UDP packets that came to the answering end, by what became of them. */
  readonly reflector: () => Readonly<Partial<Record<ReflectorResult, number>>>;
  /** What this agent says as a judge; undefined while it does not judge. */
  readonly judge: () => JudgeReport | undefined;
  /** Default: what runs. */
  readonly build?: { readonly version: string; readonly nodejsVersion: string };
  /** Metrics of the Node.js process too (default); once a process. */
  readonly runtime?: boolean;
}

export interface Metrics {
  /** How late a tick ran. */
  tickLag(seconds: number): void;
  clockStep(): void;
  discoverySynced(): void;
  discoveryFailed(): void;
  protocolAvailable(state: {
    readonly network: Network;
    readonly protocol: Protocol;
    readonly available: boolean;
  }): void;
  /** A part of the agent (a protocol, the answering end …) was closed by this many errors; 0 makes its series. */
  fault(part: Part, count: number): void;
  /** Where the lookups of one name at one server are counted; its series exist at 0 from this call. */
  dns(target: { readonly server: string; readonly name: string }): DnsRecorder;
  /** The whole response, slice by slice. Several may run at the same time. */
  scrape(): AsyncGenerator<string, void, void>;
}

export function createMetrics(options: MetricsOptions): Metrics {
  return new CataloguedMetrics(options);
}

/** Characters after which a slice ends: well under a millisecond of rendering. */
const SLICE_CHARS = 64 * 1024;
/** The same for slots whose labels are rendered for the first time. */
const SLICE_SLOTS = 500;

class CataloguedMetrics implements Metrics {
  readonly #options: MetricsOptions;
  readonly #agent: AgentFamilies;
  readonly #keys: readonly MetricKey[];
  /** Labels of a slot as text, for as long as somebody has the slot. */
  readonly #labels = new WeakMap<Slot, string>();

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#agent = new AgentFamilies({
      ...options,
      nodeName: options.self().name,
      build: options.build ?? { version: VERSION, nodejsVersion: process.version },
      runtime: options.runtime ?? true,
    });
    const full = options.config.metrics.pairDetail === "full";
    this.#keys = (Object.keys(CATALOGUE) as MetricKey[]).filter(
      (key) => full || (CATALOGUE[key] as Metric).detail !== "full",
    );
  }

  tickLag(seconds: number): void {
    this.#agent.tickLag(seconds);
  }

  clockStep(): void {
    this.#agent.clockStep();
  }

  discoverySynced(): void {
    this.#agent.discoverySynced();
  }

  discoveryFailed(): void {
    this.#agent.discoveryFailed();
  }

  protocolAvailable(state: {
    readonly network: Network;
    readonly protocol: Protocol;
    readonly available: boolean;
  }): void {
    this.#agent.protocolAvailable(state);
  }

  fault(part: Part, count: number): void {
    this.#agent.fault(part, count);
  }

  dns(target: { readonly server: string; readonly name: string }): DnsRecorder {
    return this.#agent.dns(target);
  }

  async *scrape(): AsyncGenerator<string, void, void> {
    const captured = this.#capture();
    const services = this.#options.results.services.totals();
    await setImmediate();
    const state = { ...captured, labels: await this.#labelsOf(captured.capture.slots) };
    let text = "";
    for (const key of this.#keys) {
      const family = isPair(key)
        ? pairFamily(key, state)
        : isService(key)
          ? serviceFamily(key, state.self, services)
          : undefined;
      text += family ? header(CATALOGUE[key]) : `${await this.#agent.text(key as AgentMetricKey)}\n`;
      for (const lines of family ? familyLines(family) : []) {
        text += lines;
        if (text.length < SLICE_CHARS) continue;
        yield text;
        text = "";
        await setImmediate();
      }
    }
    for await (const family of this.#agent.runtimeTexts()) text += `${family}\n`;
    yield text;
  }

  #capture(): Omit<PairState, "labels"> {
    const { results, self, pathMtu, udpReceived } = this.#options;
    return { capture: results.capture(), self: self(), pathMtu: [...pathMtu()], udpReceived: [...udpReceived()] };
  }

  async #labelsOf(slots: readonly Slot[]): Promise<readonly string[]> {
    const texts: string[] = [];
    let rendered = 0;
    for (const slot of slots) {
      let labels = this.#labels.get(slot);
      if (labels === undefined) {
        labels = slotLabels(slot);
        this.#labels.set(slot, labels);
        rendered += 1;
        if (rendered % SLICE_SLOTS === 0) await setImmediate();
      }
      texts.push(labels);
    }
    return texts;
  }
}

const isPair = (key: MetricKey): key is PairMetricKey => key in PAIR_METRICS;
const isService = (key: MetricKey): key is ServiceMetricKey => key in SERVICE_METRICS;

function* familyLines(family: Family): Generator<string, void, void> {
  for (let row = 0; row < family.rows; row++) yield family.lines(row);
}
