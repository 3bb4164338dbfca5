// A node's control group: one folder of the same name in every hierarchy, version 1 controllers and version 2 alike.
import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { until } from "./until.ts";

const ROOT = "/sys/fs/cgroup";
const V2_CONTROLLERS = ["cpu", "cpuset", "io", "memory", "pids"];
const pureV2 = existsSync(join(ROOT, "cgroup.controllers"));

/** Under version 2, processes may not sit in a group that hands controllers down: a node's own sit in this leaf. */
const OWN = "system";

export async function createCgroup(name: string): Promise<void> {
  if (pureV2) {
    const offered = readFileSync(join(ROOT, "cgroup.controllers"), "utf8").trim().split(" ");
    const wanted = V2_CONTROLLERS.filter((controller) => offered.includes(controller));
    writeFileSync(join(ROOT, "cgroup.subtree_control"), wanted.map((controller) => `+${controller}`).join(" "));
  }
  for (const hierarchy of hierarchies()) {
    const folder = join(hierarchy, name);
    await mkdir(folder, { recursive: true });
    // A version 1 cpuset starts empty, and nothing can run in an empty one (cpuset(7)).
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (existsSync(join(hierarchy, file)) && !pureV2) {
        writeFileSync(join(folder, file), readFileSync(join(hierarchy, file)));
      }
    }
  }
  await mkdir(join(freezer(), name, OWN), { recursive: true });
}

/** Where a process of the node itself writes its number, so that freezing the node stops it too. */
export function ownProcesses(name: string): string {
  return join(freezer(), name, OWN, "cgroup.procs");
}

/** Stops every process in the group, pods included, until thawed. The kernel goes on answering for it. */
export async function setFrozen(name: string, frozen: boolean): Promise<void> {
  const folder = join(freezer(), name);
  if (!existsSync(folder)) return;
  if (pureV2) {
    writeFileSync(join(folder, "cgroup.freeze"), frozen ? "1" : "0");
    const wanted = `frozen ${frozen ? 1 : 0}`;
    await until(`control group ${name}: ${wanted}`, () =>
      readFileSync(join(folder, "cgroup.events"), "utf8").includes(wanted),
    );
  } else {
    const wanted = frozen ? "FROZEN" : "THAWED";
    await until(`control group ${name}: ${wanted}`, () => {
      // Repeated on purpose: a group that is FREEZING may need another write to get there (freezer-subsystem.rst).
      writeFileSync(join(folder, "freezer.state"), wanted);
      return readFileSync(join(folder, "freezer.state"), "utf8").trim() === wanted;
    });
  }
}

export function cgroupProcesses(prefix: string): readonly number[] {
  const files = cgroupFolders(prefix).map((folder) => join(folder, "cgroup.procs"));
  return [...new Set(files.flatMap((file) => lines(file)).map(Number))];
}

/** Every folder of every group that starts with the prefix, deepest first. */
export function cgroupFolders(prefix: string): readonly string[] {
  return hierarchies().flatMap((hierarchy) =>
    subfolders(hierarchy)
      .filter((folder) => folder.slice(hierarchy.length + 1).startsWith(prefix))
      .flatMap((folder) => descend(folder)),
  );
}

/** The groups must hold no process any more; the kernel may take a moment to notice that they do not. */
export async function removeCgroups(prefix: string): Promise<void> {
  await until(
    `the control groups ${prefix}* to go`,
    () => {
      for (const folder of cgroupFolders(prefix)) rmdirSync(folder);
      return true;
    },
    { timeoutMs: 20_000 },
  );
}

function hierarchies(): readonly string[] {
  if (pureV2) return [ROOT];
  // cpu and net_cls are symbolic links on machines that mount two controllers together.
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(ROOT, name));
}

function freezer(): string {
  return pureV2 ? ROOT : join(ROOT, "freezer");
}

function descend(folder: string): readonly string[] {
  return [...subfolders(folder).flatMap((inner) => descend(inner)), folder];
}

function subfolders(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
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
