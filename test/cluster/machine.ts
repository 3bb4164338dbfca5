// One machine of the cluster without a machine: a network namespace with process, mount and control-group worlds of
// its own. All its processes end with its first one, and all its mounts with them; /run, /var/lib and
// /var/log are its own, so that every program finds its usual paths.
import { spawn } from "node:child_process";
import { existsSync, openSync, closeSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createCgroup, ownProcesses, setFrozen } from "./cgroups.ts";
import { run, type CommandOptions } from "./command.ts";
import { childOf, identify, isAlive, signal, type ProcessId } from "./process-id.ts";
import { until } from "./until.ts";

export interface MachinePlan {
  /** Of its network namespace and control group. */
  readonly name: string;
  readonly folder: string;
  /** The static program that is its process 1. */
  readonly init: string;
}

interface Running {
  readonly outer: ProcessId;
  readonly init: ProcessId;
  /** Links like "pid:[4026532210]", by which whatever is left of the machine can be told. */
  readonly namespaces: readonly string[];
}

export class Machine {
  readonly name: string;
  readonly folder: string;
  readonly #running: Running;

  constructor(name: string, folder: string, running: Running) {
    this.name = name;
    this.folder = folder;
    this.#running = running;
  }

  get namespaces(): readonly string[] {
    return this.#running.namespaces;
  }

  /** Words to put before a command for it to run in this machine. */
  get enter(): readonly string[] {
    return ["nsenter", `--target=${this.#running.init.pid}`, "--net", "--mount", "--pid", "--"];
  }

  run(argv: readonly string[], options?: CommandOptions): Promise<string> {
    const [program, ...args] = [...this.enter, ...argv];
    return run(program!, args, options);
  }

  setFrozen(frozen: boolean): Promise<void> {
    return setFrozen(this.name, frozen);
  }

  /** Ends every process at once, as pulling the plug does. */
  async powerOff(): Promise<void> {
    await this.setFrozen(false); // a frozen process does not even end
    signal(this.#running.init, "SIGKILL");
    await until(`${this.name} to power off`, () => !isAlive(this.#running.init) && !isAlive(this.#running.outer));
  }
}

/** The network namespace must be there. */
export async function startMachine({ name, folder, init }: MachinePlan): Promise<Machine> {
  await createCgroup(name);
  await mkdir(join(folder, "lib"), { recursive: true });
  await mkdir(join(folder, "log"), { recursive: true });
  const ready = join(folder, "ready");
  const setUp = [
    // Copies of other namespaces' mounts would keep those namespaces alive after their owners delete them.
    "umount -q /run/netns/* 2>/dev/null; umount -q -l /run/netns 2>/dev/null",
    "set -e",
    "mount --make-rshared /",
    "mount -t tmpfs -o mode=0755 tmpfs /run",
    `mount --bind ${folder}/lib /var/lib`,
    `mount --bind ${folder}/log /var/log`,
    `touch ${ready}`,
    `exec ${init}`,
  ].join("\n");
  const argv = ["nsenter", `--net=/run/netns/${name}`, "--"];
  argv.push("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--mount-proc", "sh", "-c", setUp);
  const outer = spawnDetached(argv, { cgroup: name, log: join(folder, "machine.log") });
  const running = await until(
    `${name} to boot (see ${folder}/machine.log)`,
    () => {
      const pid = childOf(outer.pid);
      const found = pid === undefined || !existsSync(ready) ? undefined : identify(pid);
      return found && { outer, init: found, namespaces: namespacesOf(found.pid) };
    },
    { timeoutMs: 20_000, intervalMs: 20 },
  );
  writeFileSync(join(folder, "machine.json"), JSON.stringify(running));
  return new Machine(name, folder, running);
}

/** A machine that another process started; undefined when there is none in the folder. */
export function openMachine(name: string, folder: string): Machine | undefined {
  const file = join(folder, "machine.json");
  if (!existsSync(file)) return undefined;
  return new Machine(name, folder, JSON.parse(readFileSync(file, "utf8")) as Running);
}

/** Starts a process that belongs to a machine's control group and outlives us. */
export function spawnDetached(argv: readonly string[], { cgroup, log, env }: SpawnOptions): ProcessId {
  const output = openSync(log, "a");
  const script = `echo $$ > ${ownProcesses(cgroup)} && exec "$@"`;
  const child = spawn("sh", ["-c", script, "sh", ...argv], {
    detached: true,
    stdio: ["ignore", output, output],
    env: { ...process.env, ...env },
  });
  closeSync(output);
  child.unref();
  const id = child.pid === undefined ? undefined : identify(child.pid);
  if (id === undefined) throw new Error(`'${argv.join(" ")}' did not start; see ${log}`);
  return id;
}

export interface SpawnOptions {
  readonly cgroup: string;
  readonly log: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

function namespacesOf(pid: number): readonly string[] {
  return ["net", "mnt", "pid"].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
}
