// What happened: a mesh, its incidents, and how it was scraped.
import type { Incident, Labels } from "./incident.ts";
import type { MeshShape } from "./mesh.ts";

export interface History {
  readonly mesh: MeshShape;
  readonly cluster?: string;
  /** kube-state-metrics is scraped as well. */
  readonly kubeState?: boolean;
  /** `cluster` as kube-state-metrics has it, where that is another one; empty: without. */
  readonly kubeCluster?: string;
  /** What this way of scraping adds to the series of every agent; `$node` is the agent's. */
  readonly labels?: Labels;
  /** Round-trip times too: only what judges latency needs them. */
  readonly withRtt?: boolean;
  readonly scrapeS: number;
  readonly lengthS: number;
  readonly incidents: readonly Incident[];
}

/** What is unscrapeable by this name is no agent. */
export const KUBE_STATE_METRICS = "kube-state-metrics";

export function isMember(history: History, node: string, second: number): boolean {
  const memberships = history.incidents.filter((incident) => incident.kind === "member" && incident.node === node);
  return (
    memberships.length === 0 || memberships.some((incident) => second >= incident.fromS && second < incident.untilS)
  );
}
