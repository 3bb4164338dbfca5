// The Prometheus text format 0.0.4, as far as one line of it goes.
import type { Metric } from "./metric.ts";

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** `# HELP` and `# TYPE` of a family. */
export function header({ name, type, help }: Pick<Metric, "name" | "type" | "help">): string {
  return `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
}

/** Labels of a series without the closing brace, so that more can follow: `{a="b",c="d"`. */
export function openLabels(names: readonly string[], values: readonly string[]): string {
  return `{${names.map((name, i) => `${name}="${escapeLabelValue(values[i]!)}"`).join(",")}`;
}

/** A label value may hold any character; backslash, quote and line feed are the three that must not appear bare. */
export function escapeLabelValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n") : value;
}

const NS_PER_SECOND = 1e9;
export const seconds = (ns: number): string => String(ns / NS_PER_SECOND);

/** All lines of one histogram series. `bounds` are the rendered `le` values without +Inf. */
export function histogramLines(options: {
  readonly name: string;
  readonly labels: string;
  readonly bounds: readonly string[];
  /** Per bound, and at the end of all, how many were at most that. */
  readonly cumulative: Float64Array;
  readonly sum: string;
}): string {
  const { name, labels, bounds, cumulative, sum } = options;
  const all = cumulative[bounds.length]!;
  let lines = "";
  for (let i = 0; i < bounds.length; i++) lines += `${name}_bucket${labels},le="${bounds[i]!}"} ${cumulative[i]!}\n`;
  return `${lines}${name}_bucket${labels},le="+Inf"} ${all}\n${name}_sum${labels}} ${sum}\n${name}_count${labels}} ${all}\n`;
}
