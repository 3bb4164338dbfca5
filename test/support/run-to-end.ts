// A command of the machine, to its end.
import { spawnSync } from "node:child_process";

/** What it printed; throws with its complaint when it fails. */
export function runToEnd(command: readonly string[], input?: string): string {
  const [file, ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(file!, args, {
    encoding: "utf8",
    ...(input === undefined ? {} : { input }),
    env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
  });
  if (error !== undefined || status !== 0) throw new Error(`${command.join(" ")}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
