// What a process has cost so far, from /proc.
import { readdirSync, readFileSync } from "node:fs";

/** CPU time of all living threads of a process, microseconds (schedstat counts nanoseconds; jiffies would be 10 ms). */
export function cpuUs(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  return ns / 1000;
}

/** Megabytes (of 2^20 bytes) of `VmRSS`, `RssAnon` … */
export function memoryMb(pid: number, name: "VmRSS" | "RssAnon"): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"));
  return Number(line?.[1]) / 1024;
}

/** Echo requests sent so far in the network namespace of a process (IcmpMsg's OutType8 in /proc/net/snmp). */
export function echoRequests(pid: number): number {
  const [names, values] = readFileSync(`/proc/${pid}/net/snmp`, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("IcmpMsg:"))
    .map((line) => line.split(" "));
  return Number(values?.[names?.indexOf("OutType8") ?? -1] ?? 0);
}
