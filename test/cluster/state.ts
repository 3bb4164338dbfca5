// What another process must know to use a cluster, or to take it down.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Programs } from "./control-plane.ts";
import type { ClusterPlan, NodePlan } from "./plan.ts";

export interface ClusterState {
  readonly plan: ClusterPlan;
  readonly programs: Programs;
  /** Those of now: nodes come and go. */
  readonly nodes: readonly NodePlan[];
}

/** On a file system that overlayfs can lie on, with paths short enough for sockets. */
export const CLUSTERS = process.env["INTERNODE_CLUSTERS"] ?? "/var/tmp/internode-clusters";

export function folderOf(name: string): string {
  return join(CLUSTERS, name);
}

export function clusterNames(): readonly string[] {
  return existsSync(CLUSTERS) ? readdirSync(CLUSTERS) : [];
}

export function readState(name: string): ClusterState {
  const file = join(folderOf(name), "cluster.json");
  if (!existsSync(file)) {
    const there = clusterNames().join(", ") || "none";
    throw new Error(`no cluster '${name}' (${there} up): npm run cluster:up -- --name ${name}`);
  }
  return JSON.parse(readFileSync(file, "utf8")) as ClusterState;
}

/** Synchronous: nodes boot side by side, and what two of them write at a time would be neither's. */
export function writeState(state: ClusterState): void {
  writeFileSync(join(folderOf(state.plan.name), "cluster.json"), JSON.stringify(state, null, 2));
}
