// CPU quotas by control group, version 1 or 2, whichever this machine has.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "./machine.ts";
import { isOfLab, LAB_PREFIX } from "./plan.ts";

/** Kubernetes' own period (cpuCFSQuotaPeriod). The kernel takes quotas of 1 ms and more. */
const PERIOD_US = 100_000;
const MIN_QUOTA_US = 1_000;

type CgroupVersion = 1 | 2;

/** Where the groups are made, and where a process goes back to. */
interface CpuHierarchy {
  readonly version: CgroupVersion;
  readonly root: string;
}

const HIERARCHIES: readonly (CpuHierarchy & { readonly mark: string })[] = [
  { version: 1, root: "/sys/fs/cgroup/cpu", mark: "cpu.cfs_quota_us" },
  { version: 1, root: "/sys/fs/cgroup/cpu,cpuacct", mark: "cpu.cfs_quota_us" },
  { version: 2, root: "/sys/fs/cgroup", mark: "cgroup.subtree_control" },
];

async function findHierarchy(): Promise<CpuHierarchy | undefined> {
  for (const { version, root, mark } of HIERARCHIES) {
    if (
      await access(join(root, mark)).then(
        () => true,
        () => false,
      )
    )
      return { version, root };
  }
  return undefined;
}

/** Until disposed, the process has `ratio` of one core. */
export async function limitCpu({
  labId,
  name,
  pid,
  ratio,
}: {
  labId: string;
  name: string;
  pid: number;
  ratio: number;
}): Promise<AsyncDisposable> {
  const hierarchy = await findHierarchy();
  if (!hierarchy)
    throw new LabError("no CPU control group is mounted under /sys/fs/cgroup, so nothing can be starved here");
  const { version, root } = hierarchy;
  const group = join(root, `${LAB_PREFIX}${labId}-${name}`);
  const quotaUs = Math.max(MIN_QUOTA_US, Math.round(ratio * PERIOD_US));
  try {
    if (version === 2) await writeFile(join(root, "cgroup.subtree_control"), "+cpu");
    await mkdir(group);
    if (version === 2) await writeFile(join(group, "cpu.max"), `${quotaUs} ${PERIOD_US}`);
    else {
      await writeFile(join(group, "cpu.cfs_period_us"), String(PERIOD_US));
      await writeFile(join(group, "cpu.cfs_quota_us"), String(quotaUs));
    }
    await writeFile(join(group, "cgroup.procs"), String(pid));
  } catch (err) {
    await removeGroup(group, hierarchy);
    throw new LabError(
      `cannot limit the CPU of process ${pid} by the control group ${group}: ${(err as Error).message}`,
    );
  }
  return { [Symbol.asyncDispose]: () => removeGroup(group, hierarchy) };
}

/** A quota on a process that does nothing; throws where there can be none. */
export async function tryCpuQuota(): Promise<void> {
  const idle = spawn("sleep", ["60"], { stdio: "ignore" });
  try {
    await once(idle, "spawn");
    await using quota = await limitCpu({ labId: "try", name: String(idle.pid), pid: idle.pid!, ratio: 1 });
    void quota;
  } finally {
    idle.kill("SIGKILL");
  }
}

/** All that is left of one lab. */
export async function removeCpuQuotas(labId: string): Promise<void> {
  const hierarchy = await findHierarchy();
  if (!hierarchy) return;
  const names = (await readdir(hierarchy.root)).filter((name) => isOfLab(name, labId));
  await Promise.all(names.map((name) => removeGroup(join(hierarchy.root, name), hierarchy)));
}

/** Its processes go to where this one is. */
async function removeGroup(group: string, hierarchy: CpuHierarchy): Promise<void> {
  const procs = await readFile(join(group, "cgroup.procs"), "utf8").catch(() => "");
  const home = await ownGroup(hierarchy);
  // One that has ended meanwhile cannot be moved, and need not be.
  for (const pid of procs.split("\n").filter(Boolean)) await writeFile(join(home, "cgroup.procs"), pid).catch(() => {});
  // A process that is just ending keeps the group busy for a moment.
  for (let attempt = 0; ; attempt++) {
    const code = await rmdir(group).then(
      () => undefined,
      (err: NodeJS.ErrnoException) => err.code,
    );
    if (code === undefined || code === "ENOENT") return;
    if (code !== "EBUSY" || attempt === 40) throw new LabError(`cannot remove the control group ${group}: ${code}`);
    await sleep(50);
  }
}

async function ownGroup({ version, root }: CpuHierarchy): Promise<string> {
  const lines = (await readFile("/proc/self/cgroup", "utf8")).split("\n").map((line) => line.split(":"));
  const own =
    lines.find(([number, controllers]) =>
      version === 2 ? number === "0" : controllers?.split(",").includes("cpu"),
    )?.[2] ?? "/";
  // Version 2 keeps processes out of groups that pass controllers on, the root excepted.
  return own === "/"
    ? root
    : await access(join(root, own)).then(
        () => join(root, own),
        () => root,
      );
}
