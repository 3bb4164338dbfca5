// What is probed once a node, not once a pair: a line here for each, with its lane, its metrics and no slots.
import type { Logger } from "pino";
import type { Config } from "../config/schema.ts";
import type { Part } from "../metrics/catalogue.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Activity } from "../schedule/schedule.ts";
import { DNS } from "./dns.ts";
import type { Results } from "../results/results.ts";
import type { OpenedEngine } from "./engine.ts";
import { SERVICE_PATH } from "./service.ts";

export interface NodeProbeOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly engine: OpenedEngine;
  readonly metrics: Pick<Metrics, "dns">;
  readonly results: Pick<Results, "services" | "lookups">;
  /** This machine itself could not make a probe. */
  readonly localError: () => void;
}

export interface NodeProbe {
  readonly name: Part;
  isOn(config: Config): boolean;
  /** Throws what the machine refuses. Called again and again. */
  open(options: NodeProbeOptions): Activity | Promise<Activity>;
}

export const NODE_PROBES: readonly NodeProbe[] = [DNS, SERVICE_PATH];
