// CPU per ICMP probe of the whole agent at one probe a second to every peer, beside fping and smokeping_prober.
import { once } from "node:events";
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { farAddresses, type VethPair } from "../support/veth.ts";
import { bundleAgent } from "./bundle.ts";
import { cpuUs, echoRequests, memoryMb } from "./process.ts";
import { ICMP_ONLY, meshFiles, routedPair } from "./static-mesh.ts";
import { atMost, below, type Bar, type Figure, type Table } from "./table.ts";

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
/** Hot code is compiled in steps, the last of them seconds after the first probe. */
const SETTLE_MS = { agent: 20_000, rival: 2_000 };
const MEASURE_MS = 15_000;

interface Cost {
  readonly name: string;
  readonly perSecond: number;
  readonly perProbeUs: number;
  readonly cpuPercent: number;
  readonly rssMb: number;
}

interface Prober {
  readonly name: string;
  readonly kind: keyof typeof SETTLE_MS;
  readonly command: readonly string[];
}

/** Let it settle, then measure by the probes it really sends: not all keep up with their schedule. */
async function costOf(child: ChildProcess, { name, kind }: Prober): Promise<Cost> {
  child.stdout?.resume();
  child.stderr?.resume();
  await sleep(SETTLE_MS[kind]);
  const pid = child.pid!;
  const [before, sent] = [cpuUs(pid), echoRequests(pid)];
  const started = performance.now();
  await sleep(MEASURE_MS);
  const us = cpuUs(pid) - before;
  const probes = echoRequests(pid) - sent;
  const seconds = (performance.now() - started) / 1000;
  const cost = {
    name,
    perSecond: probes / seconds,
    perProbeUs: us / probes,
    cpuPercent: us / seconds / 1e4,
    rssMb: memoryMb(pid, "VmRSS"),
  };
  child.kill("SIGKILL");
  await once(child, "exit");
  return cost;
}

async function measure(pair: VethPair, peers: number, bundle: readonly string[]): Promise<Cost[]> {
  const targets = farAddresses(peers);
  using files = meshFiles({ address: pair.nearIp, peers, settings: ICMP_ONLY });
  const agent = (program: readonly string[]) => [process.execPath, ...program, "agent", "--config", files.configFile];
  const probers: readonly Prober[] = [
    { name: "internode, bundled", kind: "agent", command: agent(bundle) },
    ...(peers === 1_000 ? [{ name: "internode, from source", kind: "agent", command: agent([MAIN]) } as const] : []),
    { name: "fping -l", kind: "rival", command: ["fping", "-l", "-q", "-p", "1000", "-i", "1", ...targets] },
    {
      name: "smokeping_prober (Debian, unprivileged)",
      kind: "rival",
      command: ["prometheus-smokeping-prober", "--no-privileged", "--ping.interval=1s", ...targets],
    },
  ];
  const costs: Cost[] = [];
  for (const prober of probers) costs.push(await costOf(pair.start(pair.near, ...prober.command), prober));
  return costs;
}

export async function run(): Promise<Figure> {
  using pair = routedPair(1_000);
  using bundle = await bundleAgent();
  const tables: Table[] = [];
  const bars: Bar[] = [];
  for (const peers of [100, 1_000]) {
    const costs = await measure(pair, peers, [...bundle.nodeFlags, bundle.main]);
    tables.push({
      title: `CPU per ICMP probe of the whole process, ${peers} peers at 1 Hz`,
      columns: ["", "probes/s", "µs/probe", "% of a core", "RSS MB"],
      rows: costs.map((c) => [c.name, c.perSecond, c.perProbeUs, c.cpuPercent, c.rssMb]),
      note: "sending and receiving in the kernel included, the peers' answers to it too as far as the sender's own time slice pays for them",
    });
    if (peers < 1_000) continue;
    const [ours, fping] = [costs[0]!, costs.find((c) => c.name.startsWith("fping"))!];
    bars.push(atMost(20, { what: "CPU per ICMP probe, 1,000 peers", value: ours.perProbeUs, unit: "µs" }));
    bars.push(
      below(fping.perProbeUs, { what: "CPU per ICMP probe against fping's", value: ours.perProbeUs, unit: "µs" }),
    );
  }
  return { tables, bars };
}
