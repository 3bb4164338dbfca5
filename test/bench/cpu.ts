// CPU of the whole agent: per ICMP probe at one probe a second to every peer, beside fping and smokeping_prober, and
// with everything that it does by default. The far side's processes are not counted; its kernel's answers are, as far
// as the sender's own time slice pays for them.
import { once } from "node:events";
import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { farAddresses, type VethPair } from "../support/veth.ts";
import { bundleAgent } from "./bundle.ts";
import { converse, type Conversation } from "./conversation.ts";
import { cpuUs, echoRequests, memoryMb } from "./process.ts";
import { fetchFrom, sumOf } from "./scraped.ts";
import { bystander, ICMP_ONLY, meshFiles, peerAddresses, routedPair } from "./static-mesh.ts";
import { atMost, below, type Bar, type Cell, type Figure, type Table } from "./table.ts";

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
const FAR = fileURLToPath(new URL("./far.worker.ts", import.meta.url));
const FAR_AGENTS = fileURLToPath(new URL("./far-agents.worker.ts", import.meta.url));
const DNS_SERVER = fileURLToPath(new URL("../support/dns-server.ts", import.meta.url));
/** Hot code is compiled in steps, the last of them seconds after the first probe. */
const SETTLE_MS = { agent: 20_000, rival: 2_000 };
/** The cheapest of these: what other processes take away is nobody's cost. */
const ROUNDS = 3;
const ROUND_MS = 8_000;
const SCRAPE_EVERY_MS = 15_000;
const SCRAPES = 3;

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
  const rounds: Cost[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [before, sent] = [cpuUs(pid), echoRequests(pid)];
    const started = performance.now();
    await sleep(ROUND_MS);
    const us = cpuUs(pid) - before;
    const probes = echoRequests(pid) - sent;
    const seconds = (performance.now() - started) / 1000;
    rounds.push({
      name,
      perSecond: probes / seconds,
      perProbeUs: us / probes,
      cpuPercent: us / seconds / 1e4,
      rssMb: memoryMb(pid, "VmRSS"),
    });
  }
  await ended(child);
  return rounds.reduce((least, round) => (round.perProbeUs < least.perProbeUs ? round : least));
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function farSide(pair: VethPair, ...command: readonly string[]): Promise<Conversation> {
  const far = converse(pair.start(pair.far, process.execPath, ...command));
  await far.heard();
  return far;
}

async function measure(pair: VethPair, peers: number, bundle: readonly string[]): Promise<Cost[]> {
  const targets = farAddresses(peers);
  using files = meshFiles({ address: pair.nearIp, peers, name: bystander(peers), settings: ICMP_ONLY });
  const agent = (program: readonly string[]) => [...program, "agent", "--config", files.configFile];
  const probers: readonly Prober[] = [
    { name: "internode, bundled", kind: "agent", command: agent(bundle) },
    ...(peers === 1_000
      ? [{ name: "internode, from source", kind: "agent", command: agent([process.execPath, MAIN]) } as const]
      : []),
    { name: "fping -l", kind: "rival", command: ["fping", "-l", "-q", "-p", "1000", "-i", "1", ...targets] },
    {
      name: "smokeping_prober (Debian, unprivileged)",
      kind: "rival",
      command: ["prometheus-smokeping-prober", "--no-privileged", "--ping.interval=1s", ...targets],
    },
  ];
  await using agents = new AsyncDisposableStack();
  agents.use(await farSide(pair, FAR_AGENTS, peerAddresses(peers).pod.join(",")));
  const costs: Cost[] = [];
  for (const prober of probers) costs.push(await costOf(pair.start(pair.near, ...prober.command), prober));
  return costs;
}

interface DefaultsCost {
  readonly row: Cell[];
  readonly cpuPercent: number;
}

/** All defaults, both networks, as many peers that probe back, a scrape every 15 s. */
export async function defaults(peers: number, bundle: readonly string[]): Promise<DefaultsCost> {
  using pair = routedPair(2 * peers);
  const { pod, node } = peerAddresses(peers);
  await using far = new AsyncDisposableStack();
  far.use(await farSide(pair, FAR, [...pod, ...node].join(","), pair.nearIp));
  far.use(await farSide(pair, FAR_AGENTS, pod.join(","), node.join(",")));
  far.use(await farSide(pair, DNS_SERVER, pair.farIp, "53"));
  using files = meshFiles({
    address: pair.nearIp,
    peers,
    nodeNetwork: true,
    name: bystander(peers),
    settings: {
      tcp: { networks: ["pod", "node"] },
      udp: { networks: ["pod", "node"] },
      dns: { servers: [{ label: "cluster", address: pair.farIp }] },
    },
  });
  const agent = pair.start(pair.near, ...bundle, "agent", "--config", files.configFile);
  agent.stdout!.resume();
  agent.stderr!.resume();
  await sleep(SETTLE_MS.agent);
  const scrape = () => fetchFrom(pair.near, `http://${pair.nearIp}:9843/metrics`);
  const probesIn = (text: string) => sumOf(text, "internode_probes_total");
  const percents: number[] = [];
  let text = await scrape();
  const [before, begun] = [probesIn(text), performance.now()];
  for (let i = 0; i < SCRAPES; i++) {
    const [us, started] = [cpuUs(agent.pid!), performance.now()];
    await sleep(SCRAPE_EVERY_MS);
    text = await scrape();
    percents.push((cpuUs(agent.pid!) - us) / (performance.now() - started) / 10);
  }
  const perSecond = (probesIn(text) - before) / ((performance.now() - begun) / 1000);
  const failures = sumOf(text, "internode_probe_failures_total");
  const rssMb = memoryMb(agent.pid!, "VmRSS");
  await ended(agent);
  const cpuPercent = Math.min(...percents);
  return { row: [`${peers + 1} nodes`, perSecond, failures, cpuPercent, Math.max(...percents), rssMb], cpuPercent };
}

export async function run(): Promise<Figure> {
  using bundle = bundleAgent();
  const { program } = bundle;
  const tables: Table[] = [];
  const bars: Bar[] = [];
  for (const [peers, limitUs] of [
    [100, 80],
    [1_000, 20],
  ] as const) {
    using pair = routedPair(1_000);
    const costs = await measure(pair, peers, program);
    tables.push({
      title: `CPU per ICMP probe of the whole process, ${peers} peers at 1 Hz`,
      columns: ["", "probes/s", "µs/probe", "% of a core", "RSS MB"],
      rows: costs.map((c) => [c.name, c.perSecond, c.perProbeUs, c.cpuPercent, c.rssMb]),
      note: `the cheapest of ${ROUNDS} times ${ROUND_MS / 1000} s; sending and receiving in the kernel included, the peers' answers to it too as far as the sender's own time slice pays for them`,
    });
    const [ours, fping] = [costs[0]!, costs.find((c) => c.name.startsWith("fping"))!];
    const what = `CPU per ICMP probe, ${peers.toLocaleString("en")} peers`;
    bars.push(atMost(limitUs, { what, value: ours.perProbeUs, unit: "µs" }));
    bars.push(below(fping.perProbeUs, { what: `${what}, against fping's`, value: ours.perProbeUs, unit: "µs" }));
  }
  const whole: DefaultsCost[] = [];
  for (const [nodes, limit] of [
    [10, 0.4],
    [100, 1.5],
  ] as const) {
    const cost = await defaults(nodes - 1, program);
    whole.push(cost);
    bars.push(
      atMost(limit, {
        what: `CPU of an agent, all defaults, ${nodes} nodes`,
        value: cost.cpuPercent,
        unit: "% of a core",
      }),
    );
  }
  tables.push({
    title:
      "CPU of the whole agent: all protocols on both networks, DNS, path MTU, as many peers that probe back, a scrape every 15 s",
    columns: ["", "probes/s", "failed", "% of a core", "most", "RSS MB"],
    rows: whole.map(({ row }) => row),
    note: `the cheapest of ${SCRAPES} times 15 s, and the dearest; an agent that stands by while others judge`,
  });
  return { tables, bars };
}
