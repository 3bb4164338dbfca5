// Takes a cluster down, also one half brought up or half gone, and counts what is left of it.
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { cgroupProcesses, removeCgroups } from "./cgroups.ts";
import { removeFabric } from "./fabric.ts";
import { openMachine } from "./machine.ts";
import { planCluster } from "./plan.ts";
import { identify, signal } from "./process-id.ts";
import { countResidue, findProcesses, type Residue } from "./residue.ts";
import { CLUSTERS, clusterNames, folderOf } from "./state.ts";
import { until } from "./until.ts";

export async function removeCluster(name: string): Promise<Residue> {
  const { prefix } = planCluster({ name });
  const folder = folderOf(name);
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  const machines = entries.flatMap((entry) => openMachine(prefix + entry, join(folder, entry)) ?? []);
  const namespaces = machines.flatMap((machine) => machine.namespaces);
  const processes = findProcesses(folder, namespaces);
  await Promise.all(machines.map((machine) => machine.powerOff()));
  await endProcesses(prefix);
  await removeFabric({ prefix });
  await removeCgroups(prefix);
  await rm(folder, { recursive: true, force: true });
  if (clusterNames().length === 0) await rm(CLUSTERS, { recursive: true, force: true });
  return countResidue({ prefix, folder, namespaces, processes });
}

/** What runs outside the machines, and machines that were still booting. */
async function endProcesses(prefix: string): Promise<void> {
  await until(
    `the processes of ${prefix}* to end`,
    () => {
      const left = cgroupProcesses(prefix);
      for (const pid of left) {
        const id = identify(pid);
        if (id !== undefined) signal(id, "SIGKILL");
      }
      return left.length === 0;
    },
    { timeoutMs: 20_000, intervalMs: 50 },
  );
}
