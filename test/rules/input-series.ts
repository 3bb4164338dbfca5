// What Prometheus would have scraped: a history becomes promtool's input series.
import { agentSeries } from "./agent-series.ts";
import type { Counter } from "./counter.ts";
import { isMember, KUBE_STATE_METRICS, type History } from "./history.ts";
import { active } from "./incident.ts";
import { clusterSeries } from "./kube-series.ts";
import { encode, type Sample } from "./notation.ts";
import { pairSeries } from "./pair-series.ts";

export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

/** Exact in binary, so that promtool's additions give back the very same numbers: no rounding looks like a reset. */
const GRAIN = 1024;

export function inputSeries(history: History): readonly InputSeries[] {
  return [...pairSeries(history), ...agentSeries(history), ...clusterSeries(history)].map((counter) => ({
    series: counter.series,
    values: encode(samples(history, counter)),
  }));
}

function samples(history: History, counter: Counter): readonly Sample[] {
  const result: Sample[] = [];
  let value = 0;
  let present = false;
  for (let second = 0; second <= history.lengthS; second++) {
    if (isRestarted(history, counter.source, second) || !isExported(history, counter, second))
      value = counter.clock ? second : 0;
    else if (!counter.gauge && second > 0) value += counter.at(second) ?? 0;
    if (second % history.scrapeS !== 0) continue;
    const scraped =
      isExported(history, counter, second) && !isUnscrapeable(history, counter.source ?? KUBE_STATE_METRICS, second);
    const counted = counter.whenSeen && value === 0 ? undefined : Math.round(value * GRAIN) / GRAIN;
    const sample = counter.gauge ? counter.at(second) : counted;
    if (isPrometheusDown(history, second)) result.push(undefined);
    else if (scraped && sample !== undefined) result.push(sample);
    else result.push(present ? "stale" : undefined);
    if (!isPrometheusDown(history, second)) present = scraped && sample !== undefined;
  }
  return result;
}

function isExported(history: History, { source, destination }: Counter, second: number): boolean {
  return [source, destination].every((node) => node === undefined || isMember(history, node, second));
}

function isUnscrapeable(history: History, source: string, second: number): boolean {
  return history.incidents.some(
    (incident) => incident.kind === "unscrapeable" && incident.node === source && active(incident, second),
  );
}

function isRestarted(history: History, source: string | undefined, second: number): boolean {
  return history.incidents.some(
    (incident) => incident.kind === "restart" && incident.node === source && incident.fromS === second,
  );
}

function isPrometheusDown(history: History, second: number): boolean {
  return history.incidents.some((incident) => incident.kind === "prometheus-down" && active(incident, second));
}
