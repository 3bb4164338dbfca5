// Loss where there is none: the whole agent at 20,000 probes a second, and after it was stopped for two seconds.
// (Across a step of the clock: npm run test:serial.)
import { setTimeout as sleep } from "node:timers/promises";
import type { VethPair } from "../support/veth.ts";
import { bundleAgent } from "./bundle.ts";
import { cpuUs } from "./process.ts";
import { fetchFrom, sumOf } from "./scraped.ts";
import { ICMP_ONLY, meshFiles, peerAddresses, routedPair } from "./static-mesh.ts";
import { atLeast, exactly, type Cell, type Figure } from "./table.ts";

/** At the shortest interval there is, ten probes a second to each. */
const PEERS = 2_000;
const INTERVAL_MS = 100;
const PER_SECOND = (PEERS * 1_000) / INTERVAL_MS;
const FULL_RATE_S = 30;
const STOPPED_MS = 2_000;
const SETTLE_MS = 5_000;

interface Totals {
  readonly probes: number;
  readonly failures: number;
  readonly late: number;
  readonly skipped: number;
  readonly drops: number;
}

async function totals(pair: VethPair): Promise<Totals> {
  const text = await fetchFrom(pair.near, `http://${pair.nearIp}:9843/metrics`);
  return {
    probes: sumOf(text, "internode_probes_total"),
    failures: sumOf(text, "internode_probe_failures_total"),
    late: sumOf(text, "internode_probe_anomalies_total"),
    skipped: sumOf(text, "internode_probes_skipped_total"),
    drops: sumOf(text, "internode_socket_drops_total"),
  };
}

const difference = (after: Totals, before: Totals): Totals => ({
  probes: after.probes - before.probes,
  failures: after.failures - before.failures,
  late: after.late - before.late,
  skipped: after.skipped - before.skipped,
  drops: after.drops - before.drops,
});

export async function run(): Promise<Figure> {
  using pair = routedPair(2 * PEERS);
  using bundle = bundleAgent();
  using files = meshFiles({
    address: pair.nearIp,
    peers: PEERS,
    settings: { ...ICMP_ONLY, icmp: { networks: ["pod"], intervalMs: INTERVAL_MS, timeoutMs: INTERVAL_MS - 10 } },
  });
  const agent = pair.start(pair.near, ...bundle.program, "agent", "--config", files.configFile);
  agent.stdout!.resume();
  agent.stderr!.resume();
  await totals(pair); // it is there
  await sleep(SETTLE_MS);
  const [began, cpu] = [await totals(pair), cpuUs(agent.pid!)];
  const started = performance.now();
  await sleep(FULL_RATE_S * 1_000);
  const [cpuSpentUs, seconds] = [cpuUs(agent.pid!) - cpu, (performance.now() - started) / 1_000];
  const full = difference(await totals(pair), began);

  const before = await totals(pair);
  agent.kill("SIGSTOP");
  await sleep(STOPPED_MS);
  agent.kill("SIGCONT");
  await sleep(SETTLE_MS);
  const stopped = difference(await totals(pair), before);
  const row = (name: string, t: Totals): Cell[] => [name, t.probes, t.failures, t.late, t.skipped, t.drops];
  return {
    tables: [
      {
        title: `False loss of the whole agent, ${PEERS} peers probed every ${INTERVAL_MS} ms (${PER_SECOND.toLocaleString("en")} probes/s)`,
        columns: ["", "probes", "failed", "anomalies", "skipped", "socket drops"],
        rows: [
          row(`${FULL_RATE_S} s of it, ${((100 * cpuSpentUs) / 1e6 / seconds).toFixed(0)} % of a core`, full),
          row(`${STOPPED_MS / 1_000} s SIGSTOP in the middle of it`, stopped),
          ...fpingRows(pair),
        ],
        note: "skipped: not sent, because the process did not run when their turn came; counted by the agent itself",
      },
    ],
    bars: [
      exactly(0, { what: `false loss at ${PER_SECOND.toLocaleString("en")} probes/s`, value: full.failures }),
      atLeast(0.99 * PER_SECOND, { what: "probes/s really made meanwhile", value: Math.round(full.probes / seconds) }),
      exactly(0, { what: "false loss after a 2 s SIGSTOP", value: stopped.failures }),
    ],
  };
}

/** fping with the same targets and period, and stopped in the middle of it. */
function fpingRows(pair: VethPair): Cell[][] {
  const targets = peerAddresses(PEERS).pod;
  const lossOf = (
    some: readonly string[],
    { rounds, around = "" }: { readonly rounds: number; readonly around?: string },
  ): { readonly sent: number; readonly lost: number; readonly said: string } => {
    const said = pair.run(
      pair.near,
      "sh",
      "-c",
      `fping -q -s -c ${rounds} -i 0 -p ${INTERVAL_MS} -t ${INTERVAL_MS - 10} ${some.join(" ")} > /dev/null 2> /tmp/internode-bench-$$ & ${around} wait $!; tail -n 30 /tmp/internode-bench-$$; rm /tmp/internode-bench-$$`,
    );
    const count = (what: RegExp) => Number(what.exec(said)?.[1] ?? NaN);
    const sent = count(/(\d+) ICMP Echos sent/);
    return { sent, lost: sent - count(/(\d+) ICMP Echo Replies received/), said: said.trim().split("\n").at(-1) ?? "" };
  };
  const row = (name: string, { sent, lost, said }: ReturnType<typeof lossOf>): Cell[] => [
    Number.isNaN(sent) ? `${name}: ${said.slice(0, 60)}` : name,
    Number.isNaN(sent) ? undefined : sent,
    Number.isNaN(sent) ? undefined : lost,
    undefined,
    undefined,
    undefined,
  ];
  return [
    row("fping, the same rate, 5 s", lossOf(targets, { rounds: 50 })),
    row(
      "fping, 100 peers, 2 s SIGSTOP",
      lossOf(targets.slice(0, 100), { rounds: 60, around: "sleep 2; kill -STOP $!; sleep 2; kill -CONT $!;" }),
    ),
  ];
}
