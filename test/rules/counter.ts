// One series of a scenario before it is scraped, and what all kinds of them have in common.
import { active, type Labels } from "./incident.ts";
import type { History } from "./history.ts";

export interface Counter {
  readonly series: string;
  /** The agent that exports it; absent: kube-state-metrics. */
  readonly source?: string;
  /** The other end of a pair: when it is no member the series is not there. */
  readonly destination?: string;
  /** What one second adds, or the value there when it is a gauge; undefined: the gauge is not exported. */
  readonly at: (second: number) => number | undefined;
  readonly gauge?: boolean;
  /** No series before it has counted something. */
  readonly whenSeen?: boolean;
  /** A counter that reads as the time of day: a new process goes on from now, not from 0. */
  readonly clock?: boolean;
}

export interface Tunable {
  readonly metric: string;
  readonly labels: Labels;
  readonly source?: string;
  readonly destination?: string;
  readonly value: number;
  readonly gauge: boolean;
}

/** A series that is calm unless an incident of kind `gauge` or `rate` names it. */
export function tunable(history: History, { metric, labels, value, gauge, ...ends }: Tunable): Counter {
  const overrides = history.incidents.filter((incident) => incident.kind === "gauge" || incident.kind === "rate");
  const mine = overrides.filter((incident) => incident.metric === metric && incident.labels(labels));
  const at = (second: number) => {
    const override = mine.find((incident) => active(incident, second));
    if (override === undefined) return value;
    return override.kind === "gauge" ? override.value : override.perSecond;
  };
  return { series: name(metric, labels), ...ends, at, gauge };
}

/** What scraping adds to every series of an agent. */
export function scrapedLabels({ cluster, labels = {} }: History, source: string): Labels {
  return {
    ...clusterLabel(cluster),
    ...Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, value.replaceAll("$node", source)])),
  };
}

export function clusterLabel(cluster: string | undefined): Labels {
  return cluster === undefined ? {} : { cluster };
}

export function name(metric: string, labels: Labels): string {
  return `${metric}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(",")}}`;
}
