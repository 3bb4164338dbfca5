// A process that cannot be mistaken for a later one with its number.
import { readFile } from "node:fs/promises";

export interface ProcessStamp {
  readonly pid: number;
  /** Start time in clock ticks since boot (proc(5) stat field 22), and which boot; both "" where there is no /proc. */
  readonly started: string;
  readonly boot: string;
}

export async function stampOf(pid: number): Promise<ProcessStamp> {
  return (await look(pid)).stamp;
}

/** A process that has ended and that nobody has reaped yet counts as gone. */
export async function isRunning(owner: ProcessStamp): Promise<boolean> {
  if (owner.pid <= 0) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (err) {
    // EPERM: it is there, and another user's.
    if ((err as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const { stamp, state } = await look(owner.pid);
  return state !== "Z" && stamp.started === owner.started && stamp.boot === owner.boot;
}

async function look(pid: number): Promise<{ stamp: ProcessStamp; state: string }> {
  const [stat, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""),
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
  ]);
  // Field 2, the command, is in parentheses and may hold anything; what follows begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { stamp: { pid, started: fields[19] ?? "", boot: boot.trim() }, state: fields[0] ?? "" };
}

/** As one word, for places that hold no more. */
export const formatStamp = ({ pid, started, boot }: ProcessStamp): string => `${pid}:${started}:${boot}`;

export function parseStamp(text: string): ProcessStamp | undefined {
  const [, pid, started, boot] = /^(\d+):(\d*):([\w-]*)$/.exec(text) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), started: started!, boot: boot! };
}
