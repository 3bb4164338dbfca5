// CPU per ICMP probe of the whole agent at one probe a second to every peer, beside fping and smokeping_prober.
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { farAddresses, vethPair, type VethPair } from "../support/veth.ts";
import { cpuUs, memoryMb } from "./process.ts";
import { meshFiles } from "./static-mesh.ts";
import { printTable, verdict } from "./table.ts";

const SETTLE_MS = 5_000;
const MEASURE_MS = 20_000;
const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;

interface Cost {
  readonly perProbeUs: number;
  readonly cpuPercent: number;
  readonly rssMb: number;
}

/** Let it settle, then measure; it sends one probe a second to each of `peers`. */
async function costOf(child: ChildProcess, peers: number): Promise<Cost> {
  await sleep(SETTLE_MS);
  const before = cpuUs(child.pid!);
  const started = performance.now();
  await sleep(MEASURE_MS);
  const us = cpuUs(child.pid!) - before;
  const seconds = (performance.now() - started) / 1000;
  const cost = { perProbeUs: us / (peers * seconds), cpuPercent: us / seconds / 1e4, rssMb: memoryMb(child.pid!, "VmRSS") };
  child.kill("SIGKILL");
  return cost;
}

const drain = (child: ChildProcess): ChildProcess => {
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
};

async function measure(pair: VethPair, peers: number): Promise<[string, Cost][]> {
  const targets = farAddresses(peers);
  using files = meshFiles({ address: pair.nearIp, peers, settings: { icmp: { networks: ["pod"] }, tcp: { networks: [] }, udp: { networks: [] }, pathMtu: { enabled: false }, dns: { enabled: false } } });
  const agent = await costOf(drain(pair.start(pair.near, process.execPath, MAIN, "agent", "--config", files.configFile)), peers);
  const fping = await costOf(drain(pair.start(pair.near, "fping", "-l", "-q", "-p", "1000", "-i", "1", ...targets)), peers);
  const smokeping = await costOf(drain(pair.start(pair.near, "prometheus-smokeping-prober", "--no-privileged", "--ping.interval=1s", ...targets)), peers);
  return [["internode agent", agent], ["fping -l", fping], ["smokeping_prober (Debian, unprivileged)", smokeping]];
}

export async function run(): Promise<void> {
  using pair = vethPair({ addresses: 1_000 });
  for (const peers of [100, 1_000]) {
    const costs = await measure(pair, peers);
    const fping = costs[1]![1].perProbeUs;
    printTable(
      `CPU per ICMP probe, ${peers} peers at 1 Hz${peers === 1_000 ? " (bar: ≤ 20 µs and below fping's)" : " (reported)"}`,
      ["", "µs/probe", "% of a core", "RSS MB", "bar"],
      costs.map(([name, c], i) => [name, c.perProbeUs, c.cpuPercent, c.rssMb, i === 0 && peers === 1_000 ? `${verdict(c.perProbeUs, 20)}, against fping ${verdict(c.perProbeUs, fping)}` : ""]),
    );
  }
}
