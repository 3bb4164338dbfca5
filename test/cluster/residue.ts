// What is left of a cluster on this machine, counted. All zero is the only clean state.
import { existsSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { cgroupFolders, cgroupProcesses } from "./cgroups.ts";
import { namespaceNames } from "./fabric.ts";
import { identify, isAlive, type ProcessId } from "./process-id.ts";

export interface Residue {
  readonly namespaces: number;
  readonly processes: number;
  readonly mounts: number;
  readonly cgroups: number;
  readonly files: number;
}

export interface Traces {
  readonly prefix: string;
  readonly folder: string;
  /** Of all its machines, as `/proc/PID/ns/*` names them. The kernel gives a name to the next one once it is free. */
  readonly namespaces: readonly string[];
  /** Found by findProcesses while it was up. */
  readonly processes: readonly ProcessId[];
}

/** While the cluster is up: afterwards its namespaces' names may be those of somebody else's. */
export function findProcesses(folder: string, namespaces: readonly string[]): readonly ProcessId[] {
  const ours = new Set(namespaces);
  return allProcesses()
    .filter((pid) => belongs(pid, ours, folder))
    .flatMap((pid) => identify(pid) ?? []);
}

export async function countResidue({ prefix, folder, namespaces, processes }: Traces): Promise<Residue> {
  const ours = new Set(namespaces);
  const traced = processes.filter((id) => isAlive(id)).map(({ pid }) => pid);
  const left = [...new Set([...cgroupProcesses(prefix), ...traced])];
  const held = new Set(left.flatMap((pid) => namespacesOf(pid)).filter((name) => ours.has(name)));
  return {
    namespaces: (await namespaceNames(prefix)).length + held.size,
    processes: left.length,
    mounts: lines("/proc/self/mountinfo").filter((line) => line.includes(folder) || line.includes(`/${prefix}`)).length,
    cgroups: cgroupFolders(prefix).length,
    files: countFiles(folder),
  };
}

export function isClean(residue: Residue): boolean {
  return Object.values(residue).every((count) => count === 0);
}

export function describeResidue(residue: Residue): string {
  return Object.entries(residue)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ");
}

function belongs(pid: number, ours: ReadonlySet<string>, folder: string): boolean {
  if (pid === process.pid) return false;
  return (
    namespacesOf(pid).some((name) => ours.has(name)) || lines(`/proc/${pid}/cmdline`).join("").includes(`${folder}/`)
  );
}

function namespacesOf(pid: number): readonly string[] {
  return ["net", "mnt", "pid"].flatMap((kind) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/${kind}`)];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

function allProcesses(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function countFiles(folder: string): number {
  return existsSync(folder) ? 1 + readdirSync(folder, { recursive: true }).length : 0;
}

function lines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return [];
  }
}
