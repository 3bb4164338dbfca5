import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { LabError, listNamespaces } from "../machine.ts";
import { isOfLab } from "../plan.ts";

/** What the machine has once for all its network namespaces is broken only where there are none but this lab's. */
export async function refuseBesideOthers(text: string, labId: string, what: string): Promise<void> {
  if (isUserNamespace())
    throw new LabError(
      `'${text}': the kernel has ${what} for all network namespaces, and from the user namespace of an ordinary user the machine's own cannot be looked after: it would break that. Run the demo as root`,
    );
  const others = await networksBeside((name) => isOfLab(name, labId));
  if (others.length > 0)
    throw new LabError(
      `'${text}': the kernel has ${what} for all network namespaces, and there are others than this lab's (${others.slice(0, 3).join(", ")}${others.length > 3 ? " …" : ""}): it would break them. Remove them first`,
    );
}

/** Networks of others, as far as they have names. */
export const networksBeside = async (isOurs: (name: string) => boolean): Promise<readonly string[]> =>
  (await listNamespaces()).filter((name) => !isOurs(name));

/** All users of the machine are mapped to themselves in its first user namespace alone (user_namespaces(7)). */
function isUserNamespace(): boolean {
  const map = readFileSync("/proc/self/uid_map", "utf8").trim().split(/\s+/);
  return map.join(" ") !== "0 0 4294967295";
}

/**
 * Settings that all networks of the machine share, below /proc/sys. Put back by a process that waits for the end of this
 * one, however that comes: a machine must not be left with them.
 */
export class MachineSettings {
  readonly #before: ReadonlyMap<string, string>;
  readonly #values: ReadonlyMap<string, string>;
  #keeper: ChildProcess | undefined;

  constructor(folder: string, values: Readonly<Record<string, number>>) {
    const files = Object.entries(values).map(
      ([name, value]) => [`/proc/sys/${folder}/${name}`, String(value)] as const,
    );
    this.#values = new Map(files);
    this.#before = new Map(files.map(([file]) => [file, readFileSync(file, "utf8").trim()]));
  }

  lay(): void {
    const restore = [...this.#before].map(([file, value]) => `echo ${value} > ${file}`).join("; ");
    // In a group of its own, which no Ctrl-C ends.
    this.#keeper = spawn("sh", ["-c", `read -r _; ${restore}`], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#keeper.unref();
    for (const [file, value] of this.#values) writeFileSync(file, value);
  }

  async restore(): Promise<void> {
    const keeper = this.#keeper;
    this.#keeper = undefined;
    if (keeper === undefined || keeper.exitCode !== null || keeper.signalCode !== null) return;
    keeper.stdin!.end();
    await once(keeper, "exit");
  }
}
