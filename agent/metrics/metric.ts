// What the catalogue says of one metric.
import type { Protocol } from "../model/peer.ts";

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly help: string;
  readonly labels: readonly string[];
  /** What one step of the value means; for a 0/1 gauge `flag`. */
  readonly unit:
    | "seconds"
    | "bytes"
    | "probes"
    | "packets"
    | "events"
    | "nodes"
    | "lookups"
    | "addresses"
    | "findings"
    | "ratio"
    | "flag"
    | "timestamp";
  /** Only with `metrics.pairDetail: full`. */
  readonly detail?: "full";
  /** `at start`: at 0 (or its value) from the moment it can be measured. `when first seen`: absent until it happens once. */
  readonly created: "at start" | "when first seen";
  /** Of a metric created at start: label values whose series come only when first seen. */
  readonly createdLater?: readonly string[];
  /** Protocols that have this metric; absent means all of them, or that protocols do not matter. */
  readonly protocols?: readonly Protocol[];
  /** Upper bounds of a histogram, without +Inf, in its unit. */
  readonly buckets?: readonly number[];
}
