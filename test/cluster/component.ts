// A long-lived program of the cluster (etcd, kubelet, …): started, stopped and started again, also by a process that
// did not start it, because its command line and number lie on disk.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "./machine.ts";
import { spawnDetached } from "./machine.ts";
import { childOf, identify, isAlive, signal, type ProcessId } from "./process-id.ts";
import { until } from "./until.ts";

export interface ComponentPlan {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** In the namespaces of the machine it belongs to, or in those of the caller. */
  readonly place?: "machine" | "outside";
}

interface OnDisk {
  readonly plan: ComponentPlan;
  readonly launcher: ProcessId;
}

export class Component {
  readonly name: string;
  readonly logFile: string;
  readonly #machine: Machine;
  readonly #file: string;

  constructor(machine: Machine, name: string) {
    this.name = name;
    this.logFile = join(machine.folder, `${name}.log`);
    this.#machine = machine;
    this.#file = join(machine.folder, "components", `${name}.json`);
  }

  /** With the plan of last time when none is given. */
  async start(given?: Omit<ComponentPlan, "name">): Promise<void> {
    const plan = given === undefined ? this.#read().plan : { ...given, name: this.name };
    await mkdir(join(this.#machine.folder, "components"), { recursive: true });
    const enter = plan.place === "outside" ? [] : this.#machine.enter;
    const launcher = spawnDetached([...enter, ...plan.argv], {
      cgroup: this.#machine.name,
      log: this.logFile,
      env: plan.env,
    });
    writeFileSync(this.#file, JSON.stringify({ plan, launcher } satisfies OnDisk));
  }

  get isRunning(): boolean {
    return existsSync(this.#file) && isAlive(this.#read().launcher);
  }

  /** As an orderly shutdown does it; by force after ten seconds. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const { launcher } = this.#read();
    const own = this.#processOf(launcher);
    signal(own, "SIGTERM");
    try {
      await until(`${this.name} to end`, () => !isAlive(launcher), { timeoutMs: 10_000 });
    } catch {
      signal(own, "SIGKILL");
      await until(`${this.name} to end by force`, () => !isAlive(launcher), { timeoutMs: 10_000 });
    }
  }

  /** nsenter waits outside for the program, which is its child inside. */
  #processOf(launcher: ProcessId): ProcessId {
    const child = childOf(launcher.pid);
    return (child === undefined ? undefined : identify(child)) ?? launcher;
  }

  #read(): OnDisk {
    return JSON.parse(readFileSync(this.#file, "utf8")) as OnDisk;
  }
}
