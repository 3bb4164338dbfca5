// What the figures were measured on, without which they mean nothing.
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import type { Table } from "./table.ts";

const versionOf = (command: string, ...args: readonly string[]): string => {
  try {
    return execFileSync("sh", ["-c", `${command} ${args.join(" ")} 2>&1 | head -1`], { encoding: "utf8" }).trim();
  } catch {
    return "not installed";
  }
};

export function machineFacts(): Table {
  const commit = versionOf("git", "rev-parse", "--short", "HEAD");
  return {
    title: "Machine",
    columns: ["what", "is"],
    rows: [
      ["date", `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`],
      ["commit", commit],
      ["kernel", release()],
      ["processor", `${cpus()[0]?.model ?? "unknown"}, ${availableParallelism()} cores`],
      ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
      [
        "load average before",
        loadavg()
          .map((load) => load.toFixed(2))
          .join(" "),
      ],
      ["Node.js", process.version],
      ["fping", versionOf("fping", "--version")],
      ["ping", versionOf("ping", "-V")],
      ["smokeping_prober", versionOf("prometheus-smokeping-prober", "--version")],
    ],
  };
}
