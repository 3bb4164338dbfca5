// Where outcomes become numbers: counters since a slot was opened, its trailing window, histograms per zone pair.
// /metrics, /api/v1/pairs and diagnosis all read from here, so they cannot disagree.
import type { Clock } from "../base/clock.ts";
import type { AnomalyKind, LossDirection, Outcome, StampClock } from "../model/outcome.ts";
import { NETWORKS, type IpFamily, type Network, type Protocol } from "../model/peer.ts";
import { byProtocol, PROTOCOLS } from "../probes/protocols.ts";
import type { RouteSeen, SecondSummary } from "../model/snapshot.ts";
import type { Slot } from "../model/slot.ts";
import { WINDOW_SECONDS, type WindowSummary } from "../model/window.ts";
import type { PairSink } from "../probes/descriptor.ts";
import type { Delay, Way } from "../probes/prober.ts";
import { CounterTable, isCounter } from "./counters.ts";
import { RttHistogram } from "./histogram.ts";
import type { Span } from "../base/span.ts";
import { Trailing } from "../base/trailing.ts";
import { KEPT_MINUTES, Minutes } from "./minutes.ts";
import { LookupResults } from "./lookup-results.ts";
import { Routes } from "./routes.ts";
import { SourcePorts, type PortCounts } from "./source-ports.ts";
import { ServiceResults } from "./service-results.ts";
import { Windows } from "./windows.ts";

export interface ResultsOptions {
  readonly clock: Clock;
  /** `full` keeps a histogram for every slot and captures minimum and jitter. */
  readonly pairDetail: "default" | "full";
}

/** Delays of one slot over its window; NaN where there is none. */
export interface WindowDelays {
  readonly maxNs: Float64Array;
  readonly minNs: Float64Array;
  readonly jitterNs: Float64Array;
}

/** Round trips of all slots of one zone pair, network, protocol and family. */
export interface ZoneRtt {
  readonly sourceZone: string;
  readonly destinationZone: string;
  readonly network: Network;
  readonly protocol: Protocol;
  readonly family: IpFamily;
  readonly cumulative: Float64Array;
  readonly sumNs: number;
}

/** All slots at one moment, copied: what is recorded later does not show in it. Row i belongs to `slots[i]`. */
export interface Capture {
  readonly slots: readonly Slot[];
  readonly counters: CounterTable;
  readonly delays: WindowDelays;
  /** One a slot in full detail, else empty. */
  readonly histograms: readonly { readonly cumulative: Float64Array; readonly sumNs: number }[];
  readonly zones: readonly ZoneRtt[];
}

/** What the agent counts of itself while probing, since it started. */
export interface AgentCounts {
  readonly skipped: readonly { readonly network: Network; readonly protocol: Protocol; readonly count: number }[];
  readonly localErrors: readonly {
    readonly network: Network;
    readonly protocol: Protocol;
    readonly errno: string;
    readonly count: number;
  }[];
  /** Answers with a delay, by the clock that stamped them. */
  readonly stamps: readonly { readonly protocol: Protocol; readonly clock: StampClock; readonly count: number }[];
}

/** The same over the trailing 60 s, for a row's health. A protocol is `user` as soon as one stamp was. */
export interface RecentHealth {
  readonly probesSkipped: number;
  readonly localErrors: number;
  readonly stamps: Readonly<Partial<Record<Protocol, StampClock>>>;
}

export interface Results extends PairSink {
  /** The service path, which has no slots. */
  readonly services: ServiceResults;
  /** Cluster DNS, which has none either. */
  readonly lookups: LookupResults;
  /** The slot exists from this moment, with everything at 0. The same object is passed to every later call. */
  open(slot: Slot): void;
  /** The slot is gone and all of it with it; its index may be used again. What is still recorded of it is ignored. */
  close(slot: Slot): void;
  /** The slot has a new address: what was counted stays, under the same index, and `to` is the slot from now on. */
  move(from: Slot, to: Slot): void;
  /** The slots that are open, in the order of their index. */
  slots(): readonly Slot[];
  /** The trailing 60 s of an open slot. */
  window(slot: Slot): WindowSummary;
  /** The same second by second: 60 elements, oldest first. */
  seconds(slot: Slot): readonly (SecondSummary | null)[];
  /** Failures in each of these seconds as a hexadecimal digit; undefined where there are none. */
  lostSeconds(slot: Slot): string | undefined;
  /** The fastest round trip of the last 20 s, nanoseconds; undefined unless it is more than twice that of the window. */
  latelyNs(slot: Slot): number | undefined;
  /** By UDP source port, of the last five minutes. */
  ports(slot: Slot): PortCounts | undefined;
  /** How far its packets travel, and as whom the far end sees this agent. */
  route(slot: Slot): RouteSeen;
  /**
   * What is kept of an open slot's last hour, in whole minutes: all that the span touches. Retransmits count as probes and
   * failures; refusals, directions and all else that is not kept are 0.
   */
  past(slot: Slot, span: Span): WindowSummary;
  /** The part of a span that `past` tells of: since this agent started, the last hour, whole minutes. */
  kept(span: Span): Span;
  capture(): Capture;
  /** Probes of all slots that failed, and SYNs that were sent again, since the start. */
  failures(): number;
  counts(): AgentCounts;
  recent(): RecentHealth;
}

export function createResults(options: ResultsOptions): Results {
  return new TypedArrayResults(options);
}

interface ZoneRecord {
  readonly labels: Omit<ZoneRtt, "cumulative" | "sumNs">;
  readonly histogram: RttHistogram;
  slots: number;
}

interface LocalErrors {
  readonly network: Network;
  readonly protocol: Protocol;
  readonly errno: string;
  count: number;
}

const FIRST_ROWS = 64;

class TypedArrayResults implements Results {
  readonly services: ServiceResults;
  readonly lookups: LookupResults;
  readonly #clock: Clock;
  readonly #full: boolean;
  #rows = FIRST_ROWS;
  readonly #counters = new CounterTable(FIRST_ROWS);
  readonly #windows = new Windows(FIRST_ROWS);
  readonly #minutes = new Minutes(FIRST_ROWS);
  readonly #ports = new SourcePorts();
  readonly #routes = new Routes(FIRST_ROWS);
  /** What turns seconds of the monotonic clock into those since the epoch, by the clock at the start. */
  readonly #epochSecond: number;
  readonly #startSecond: number;
  readonly #open: (Slot | undefined)[] = [];
  /** Per slot index, like `#open`. */
  readonly #zoneOf: (ZoneRecord | undefined)[] = [];
  readonly #histogramOf: (RttHistogram | undefined)[] = [];
  readonly #zones = new Map<string, ZoneRecord>();
  #failures = 0;
  readonly #skipped = new Map<string, { readonly network: Network; readonly protocol: Protocol; count: number }>();
  readonly #localErrors = new Map<string, LocalErrors>();
  readonly #stamps: Record<Protocol, Record<StampClock, number>> = byProtocol(() => ({
    kernel: 0,
    user: 0,
  }));
  readonly #recent: {
    readonly skipped: Trailing;
    readonly localErrors: Trailing;
    readonly stamps: Record<Protocol, Record<StampClock, Trailing>>;
  };

  constructor({ clock, pairDetail }: ResultsOptions) {
    this.#clock = clock;
    this.#epochSecond = epochOffset(clock);
    this.#startSecond = this.#second();
    this.services = new ServiceResults(clock);
    this.lookups = new LookupResults(clock);
    this.#full = pairDetail === "full";
    const stamps = () => ({ kernel: new Trailing(clock, WINDOW_SECONDS), user: new Trailing(clock, WINDOW_SECONDS) });
    this.#recent = {
      skipped: new Trailing(clock, WINDOW_SECONDS),
      localErrors: new Trailing(clock, WINDOW_SECONDS),
      stamps: byProtocol(stamps),
    };
  }

  open(slot: Slot): void {
    const { index } = slot;
    const before = this.#open[index];
    if (before !== undefined)
      throw new Error(
        `slot ${index} was opened while '${before.pair.destination.name}' still has it: close that slot first`,
      );
    if (index >= this.#rows) this.#grow(index);
    this.#counters.clear(index);
    this.#windows.clear(index, this.#second());
    this.#minutes.clear(index, this.#minute(this.#second()));
    this.#ports.clear(index);
    this.#routes.clear(index);
    this.#open[index] = slot;
    this.#zoneOf[index] = this.#zoneRecord(slot);
    if (this.#full) this.#histogramOf[index] = new RttHistogram();
  }

  close(slot: Slot): void {
    if (!this.#has(slot)) return;
    const { index } = slot;
    const zone = this.#zoneOf[index]!;
    zone.slots -= 1;
    if (zone.slots === 0) this.#zones.delete(zoneKey(zone.labels));
    this.#open[index] = undefined;
    this.#ports.clear(index);
    this.#zoneOf[index] = undefined;
    this.#histogramOf[index] = undefined;
  }

  move(from: Slot, to: Slot): void {
    this.#mustHave(from);
    if (to.index !== from.index)
      throw new Error(`slot ${from.index} cannot move to index ${to.index}: a new address keeps its row`);
    this.#open[to.index] = to;
    this.#windows.interrupt(to.index);
    this.#routes.clear(to.index);
  }

  record(slot: Slot, outcome: Outcome, sourcePort?: number): void {
    if (!this.#has(slot)) return;
    const { index } = slot;
    const second = this.#second();
    this.#counters.add(index, "probes");
    const again = outcome.retransmits ?? 0;
    const failures = again + (outcome.kind === "failed" ? 1 : 0);
    this.#failures += failures;
    const minute = this.#minute(second);
    this.#minutes.add(index, minute, { probes: 1 + again, failures });
    if (sourcePort !== undefined)
      this.#ports.add(index, minute, { port: sourcePort, failed: outcome.kind === "failed" });
    this.#windows.record(index, second, outcome);
    if (outcome.retransmits !== undefined) this.#counters.add(index, "retransmits", outcome.retransmits);
    switch (outcome.kind) {
      case "answered":
        if (outcome.rttNs !== undefined) this.#delay(slot, outcome.rttNs, outcome.clock);
        return;
      case "refused":
        this.#counters.add(index, "refusals");
        return;
      case "failed":
        this.#counters.add(index, "failures");
        this.#counters.add(index, outcome.reason);
        return;
    }
  }

  delay(slot: Slot, { rttNs, clock, previousRttNs }: Delay): void {
    if (!this.#has(slot)) return;
    this.#windows.delayed(slot.index, this.#second(), { rttNs, previousNs: previousRttNs ?? Number.NaN });
    this.#delay(slot, rttNs, clock);
  }

  anomaly(slot: Slot, kind: AnomalyKind): void {
    if (this.#has(slot)) this.#counters.add(slot.index, kind);
  }

  travelled(slot: Slot, { ttl, there }: Way, port = 0): void {
    if (!this.#has(slot)) return;
    const second = this.#second();
    this.#routes.travelledBack(slot.index, second, { ttl, port });
    if (there) this.#routes.travelledThere(slot.index, second, { ...there, port });
  }

  lost(slot: Slot, direction: LossDirection): void {
    if (!this.#has(slot)) return;
    this.#counters.add(slot.index, direction);
    if (direction !== "unknown") this.#windows.lost(slot.index, this.#second(), direction);
  }

  count(slot: Slot, counter: string, n: number): void {
    if (!isCounter(counter)) throw new Error(`no protocol has a counter '${counter}'`);
    if (this.#has(slot)) this.#counters.add(slot.index, counter, n);
  }

  localError({ network, protocol }: Slot, errno: string): void {
    const key = `${network}/${protocol}/${errno}`;
    const known = this.#localErrors.get(key);
    if (known) known.count += 1;
    else this.#localErrors.set(key, { network, protocol, errno, count: 1 });
    this.#recent.localErrors.add(1);
  }

  skipped({ network, protocol }: Slot): void {
    const key = `${network}/${protocol}`;
    const known = this.#skipped.get(key);
    if (known) known.count += 1;
    else this.#skipped.set(key, { network, protocol, count: 1 });
    this.#recent.skipped.add(1);
  }

  slots(): readonly Slot[] {
    return this.#open.filter((slot) => slot !== undefined);
  }

  window(slot: Slot): WindowSummary {
    this.#mustHave(slot);
    return this.#windows.summary(slot.index, this.#second());
  }

  seconds(slot: Slot): readonly (SecondSummary | null)[] {
    this.#mustHave(slot);
    return this.#windows.seconds(slot.index, this.#second());
  }

  lostSeconds(slot: Slot): string | undefined {
    this.#mustHave(slot);
    return this.#windows.lostSeconds(slot.index, this.#second());
  }

  latelyNs(slot: Slot): number | undefined {
    this.#mustHave(slot);
    return this.#windows.latelyNs(slot.index, this.#second());
  }

  ports(slot: Slot): PortCounts | undefined {
    this.#mustHave(slot);
    return this.#ports.sum(slot.index, this.#minute(this.#second()));
  }

  route(slot: Slot): RouteSeen {
    this.#mustHave(slot);
    return this.#routes.seen(slot.index, this.#second(), this.#momentOf);
  }

  past(slot: Slot, span: Span): WindowSummary {
    this.#mustHave(slot);
    const { from, to } = this.#minutesOf(span);
    return { ...NOTHING_ELSE, ...this.#minutes.sum(slot.index, from, to) };
  }

  kept(span: Span): Span {
    const { from, to } = this.#minutesOf(span);
    const shift = this.#epochShift();
    const moment = (second: number) => new Date((second + shift) * 1_000).toISOString();
    const since = Math.max(from * 60, this.#startSecond + this.#epochSecond);
    const until = Math.min((to + 1) * 60, this.#second() + this.#epochSecond);
    return { since: moment(Math.min(since, until)), until: moment(until) };
  }

  capture(): Capture {
    const second = this.#second();
    const slots = this.slots();
    const counters = new CounterTable(slots.length);
    const nothing = () => new Float64Array(slots.length).fill(Number.NaN);
    const delays = { maxNs: nothing(), minNs: nothing(), jitterNs: nothing() };
    for (const [row, { index }] of slots.entries()) {
      counters.copyRow(row, this.#counters, index);
      if (this.#full) {
        const { rttMaxNs, rttMinNs, jitterNs } = this.#windows.summary(index, second);
        delays.maxNs[row] = rttMaxNs ?? Number.NaN;
        delays.minNs[row] = rttMinNs ?? Number.NaN;
        delays.jitterNs[row] = jitterNs ?? Number.NaN;
      } else {
        delays.maxNs[row] = this.#windows.maxNs(index, second);
      }
    }
    return {
      slots,
      counters,
      delays,
      histograms: this.#full ? slots.map(({ index }) => frozen(this.#histogramOf[index]!)) : [],
      zones: [...this.#zones.values()].map(({ labels, histogram }) => ({ ...labels, ...frozen(histogram) })),
    };
  }

  failures(): number {
    return this.#failures;
  }

  counts(): AgentCounts {
    const clocks = ["kernel", "user"] as const;
    return {
      skipped: NETWORKS.flatMap((network) =>
        PROTOCOLS.map((protocol) => ({
          network,
          protocol,
          count: this.#skipped.get(`${network}/${protocol}`)?.count ?? 0,
        })),
      ),
      localErrors: [...this.#localErrors.values()].map((e) => ({ ...e })),
      stamps: PROTOCOLS.flatMap((protocol) =>
        clocks.map((clock) => ({ protocol, clock, count: this.#stamps[protocol][clock] })),
      ),
    };
  }

  recent(): RecentHealth {
    const stamps: Partial<Record<Protocol, StampClock>> = {};
    for (const protocol of PROTOCOLS) {
      const { kernel, user } = this.#recent.stamps[protocol];
      if (user.sum() > 0) stamps[protocol] = "user";
      else if (kernel.sum() > 0) stamps[protocol] = "kernel";
    }
    return { probesSkipped: this.#recent.skipped.sum(), localErrors: this.#recent.localErrors.sum(), stamps };
  }

  #delay({ index, protocol }: Slot, rttNs: number, clock: StampClock): void {
    this.#minutes.delay(index, this.#minute(this.#second()), rttNs);
    this.#counters.addRtt(index, rttNs);
    this.#zoneOf[index]!.histogram.observe(rttNs);
    this.#histogramOf[index]?.observe(rttNs);
    this.#stamps[protocol][clock] += 1;
    this.#recent.stamps[protocol][clock].add(1);
  }

  #zoneRecord(slot: Slot): ZoneRecord {
    const { pair, network, protocol, family } = slot;
    const labels = { sourceZone: pair.source.zone, destinationZone: pair.destination.zone, network, protocol, family };
    const key = zoneKey(labels);
    let record = this.#zones.get(key);
    if (!record) {
      record = { labels, histogram: new RttHistogram(), slots: 0 };
      this.#zones.set(key, record);
    }
    record.slots += 1;
    return record;
  }

  #grow(index: number): void {
    while (this.#rows <= index) this.#rows *= 2;
    this.#counters.grow(this.#rows);
    this.#windows.grow(this.#rows);
    this.#minutes.grow(this.#rows);
    this.#routes.grow(this.#rows);
  }

  #has(slot: Slot): boolean {
    return this.#open[slot.index] === slot;
  }

  #mustHave(slot: Slot): void {
    if (!this.#has(slot))
      throw new Error(`slot ${slot.index} to '${slot.pair.destination.name}' is not open: it has no window`);
  }

  /** Those of the span that can be kept, by this agent's own numbers. */
  #minutesOf({ since, until }: Span): { readonly from: number; readonly to: number } {
    const own = (moment: string) => Date.parse(moment) / 1_000 - this.#epochShift();
    const now = this.#minute(this.#second());
    return {
      from: Math.max(Math.floor(own(since) / 60), now - KEPT_MINUTES),
      to: Math.min(Math.ceil(own(until) / 60) - 1, now),
    };
  }

  /** How far the clock has been stepped since the start, in seconds: minutes keep their numbers over it. */
  #epochShift(): number {
    return epochOffset(this.#clock) - this.#epochSecond;
  }

  /** The clock is read here, so where nothing has changed a row reads none. */
  readonly #momentOf = (second: number): string => new Date((second + epochOffset(this.#clock)) * 1_000).toISOString();

  #minute(second: number): number {
    return Math.floor((second + this.#epochSecond) / 60);
  }

  #second(): number {
    return Math.floor(this.#clock.monotonicNs() / 1e9);
  }
}

const epochOffset = (clock: Clock): number =>
  clock.baseSeconds + Math.round((clock.realtimeNs() - clock.monotonicNs()) / 1e9);

/** What the minutes do not keep. */
const NOTHING_ELSE = {
  refusals: 0,
  reasons: {},
  retransmits: 0,
  lostForward: 0,
  lostReverse: 0,
  rttMinNs: undefined,
  jitterNs: undefined,
} as const;

const frozen = (histogram: RttHistogram) => ({ cumulative: histogram.cumulative(), sumNs: histogram.sumNs });

/** Zone names may hold any character, so JSON is what keeps two keys apart. */
const zoneKey = ({ sourceZone, destinationZone, network, protocol, family }: ZoneRecord["labels"]): string =>
  JSON.stringify([sourceZone, destinationZone, network, protocol, family]);
