// The families that have a series per pair or zone pair, tens of thousands of lines, rendered from one capture of the
// results. Each family is a function from a row to its lines, so that the exposition can stop between any two rows.
import type { Node } from "../model/peer.ts";
import { ANOMALY_KINDS, FAILURE_REASONS } from "../model/outcome.ts";
import type { PathMtu, UdpReceived } from "../model/snapshot.ts";
import type { Slot } from "../model/slot.ts";
import type { OwnCounter } from "../probes/descriptor.ts";
import { OWN_COUNTERS, type OwnCount, type OwnCounterKey } from "../probes/protocols.ts";
import type { Counter } from "../results/counters.ts";
import type { Capture, ZoneRtt } from "../results/results.ts";
import type { Metric } from "./metric.ts";
import { PAIR_METRICS, type PairMetricKey } from "./pair-metrics.ts";
import { histogramLines, openLabels, seconds } from "./text-format.ts";

/** Everything one response says of pairs, taken at one moment. */
export interface PairState {
  readonly capture: Capture;
  /** Rendered labels of `capture.slots`, in the same order. */
  readonly labels: readonly string[];
  readonly self: Node;
  readonly pathMtu: readonly PathMtu[];
  readonly udpReceived: readonly UdpReceived[];
}

/** One family: how many rows it has and what a row says, possibly nothing. */
export interface Family {
  readonly rows: number;
  lines(row: number): string;
}

export function slotLabels({ pair: { source, destination }, network, protocol, family }: Slot): string {
  return openLabels(PAIR_METRICS.probes.labels, [
    source.name,
    destination.name,
    source.zone,
    destination.zone,
    network,
    protocol,
    family,
  ]);
}

const bounds = (metric: { readonly buckets: readonly number[] }): readonly string[] => metric.buckets.map(String);
const PAIR_BOUNDS = bounds(PAIR_METRICS.pairRtt);
const ZONE_BOUNDS = bounds(PAIR_METRICS.zoneRtt);

/** Every pair metric has its family: one without does not compile. */
export function pairFamily(key: PairMetricKey, state: PairState): Family {
  const { capture, labels } = state;
  const { counters, delays } = capture;
  const metric: Metric = PAIR_METRICS[key];
  const { name } = metric;

  const perSlot = (lines: (row: number) => string): Family => ({
    rows: capture.slots.length,
    lines: (row) => (metric.protocols?.includes(capture.slots[row]!.protocol) === false ? "" : lines(row)),
  });
  const total = (counter: Counter) => perSlot((row) => `${name}${labels[row]!}} ${counters.get(row, counter)}\n`);
  const whenSeen = (row: number, counter: Counter, label = ""): string => {
    const count = counters.get(row, counter);
    return count === 0 ? "" : `${name}${labels[row]!}${label}} ${count}\n`;
  };
  const delay = (ns: Float64Array) =>
    perSlot((row) => (Number.isNaN(ns[row]!) ? "" : `${name}${labels[row]!}} ${seconds(ns[row]!)}\n`));
  const pathMtu = (bytes: (entry: PathMtu) => number): Family => ({
    rows: state.pathMtu.length,
    lines: (row) => `${name}${pathLabels(state.self, state.pathMtu[row]!)}} ${bytes(state.pathMtu[row]!)}\n`,
  });

  const ownLines = ({ label, counts, createdLater = [] }: OwnCounter, row: number): string =>
    (counts as readonly OwnCount[])
      .map((count) => {
        const value = label === undefined ? "" : `,${label}="${count}"`;
        if (createdLater.includes(count)) return whenSeen(row, count, value);
        return `${name}${labels[row]!}${value}} ${counters.get(row, count)}\n`;
      })
      .join("");

  if (isOwn(key)) return perSlot((row) => ownLines(OWN_COUNTERS[key], row));
  switch (key) {
    case "probes":
    case "failures":
      return total(key);
    case "refusals":
      return perSlot((row) => whenSeen(row, "refusals"));
    case "failureReasons":
      return perSlot((row) => FAILURE_REASONS.map((reason) => whenSeen(row, reason, `,reason="${reason}"`)).join(""));
    case "anomalies":
      return perSlot((row) => ANOMALY_KINDS.map((kind) => whenSeen(row, kind, `,kind="${kind}"`)).join(""));
    case "rtt":
      return perSlot(
        (row) =>
          `${name}_sum${labels[row]!}} ${seconds(counters.rttSumNs(row))}\n${name}_count${labels[row]!}} ${counters.get(row, "rttCount")}\n`,
      );
    case "rttMax":
      return delay(delays.maxNs);
    case "rttMin":
      return delay(delays.minNs);
    case "jitter":
      return delay(delays.jitterNs);
    case "pairRtt":
      return perSlot((row) => {
        const { cumulative, sumNs } = capture.histograms[row]!;
        return histogramLines({ name, labels: labels[row]!, bounds: PAIR_BOUNDS, cumulative, sum: seconds(sumNs) });
      });
    case "zoneRtt":
      return {
        rows: capture.zones.length,
        lines: (row) => {
          const { cumulative, sumNs } = capture.zones[row]!;
          return histogramLines({
            name,
            labels: zoneLabels(capture.zones[row]!),
            bounds: ZONE_BOUNDS,
            cumulative,
            sum: seconds(sumNs),
          });
        },
      };
    case "udpReceived":
      return {
        rows: state.udpReceived.length,
        lines: (row) =>
          `${name}${receivedLabels(state.self, state.udpReceived[row]!)}} ${state.udpReceived[row]!.received}\n`,
      };
    case "pathMtu":
      return pathMtu((entry) => entry.passesBytes);
    case "pathMtuShortfall":
      return pathMtu((entry) => entry.shortfallBytes);
  }
}

const isOwn = (key: PairMetricKey): key is OwnCounterKey => key in OWN_COUNTERS;

function zoneLabels({ sourceZone, destinationZone, network, protocol, family }: ZoneRtt): string {
  return openLabels(PAIR_METRICS.zoneRtt.labels, [sourceZone, destinationZone, network, protocol, family]);
}

/** What arrived here: this node is the destination. */
function receivedLabels(self: Node, { source, network, family }: UdpReceived): string {
  return openLabels(PAIR_METRICS.udpReceived.labels, [
    source.name,
    self.name,
    source.zone,
    self.zone,
    network,
    "udp",
    family,
  ]);
}

function pathLabels(self: Node, { destination, network, family }: PathMtu): string {
  return openLabels(PAIR_METRICS.pathMtu.labels, [
    self.name,
    destination.name,
    self.zone,
    destination.zone,
    network,
    family,
  ]);
}
