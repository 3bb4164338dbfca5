// What a process has cost so far, from /proc.
import { readFileSync } from "node:fs";

/** USER_HZ is 100 on every Linux of today. */
const TICK_US = 10_000;

/** User and system time of a process and its threads, microseconds. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Megabytes of `VmRSS`, `RssAnon` … */
export function memoryMb(pid: number, name: "VmRSS" | "RssAnon"): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"));
  return Number(line?.[1]) / 1024;
}
