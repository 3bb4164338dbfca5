// throughput beside iperf3 on the same path of a lab, and what it costs the two agents: memory, lag of the tick, and what
// the schedule's own probes of that path tell meanwhile.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ThroughputReport } from "../../agent/actions/throughput/report.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { fetchSocket } from "../support/fetch-socket.ts";
import { act } from "../support/lab-actions.ts";
import { openLabDoor } from "../support/lab-door.ts";
import { memoryMb } from "./process.ts";
import { sumOf } from "./scraped.ts";
import { atLeast, atMost, exactly, type Cell, type Figure } from "./table.ts";

const SECONDS = 5;
/** In turns, so that both see the same machine. */
const TURNS = 3;
const [FROM, TO] = ["node-1", "node-2"] as const;
const UDP_BYTES = 1_422;
const TIMES_OF_IPERF3 = 0.9;
const GROWN_MB = 100;

interface Load {
  readonly protocol: "tcp" | "udp";
  /** Undefined: as much as goes. */
  readonly rateMbps: number | undefined;
}
const LOADS: readonly Load[] = [
  { protocol: "tcp", rateMbps: undefined },
  { protocol: "tcp", rateMbps: 50 },
  { protocol: "udp", rateMbps: 20 },
  { protocol: "udp", rateMbps: 100 },
];

/** Of one run. */
interface Carried {
  readonly sentMbps: number;
  readonly receivedMbps: number;
  readonly lost: number;
}

async function iperf3(lab: Lab, { protocol, rateMbps }: Load): Promise<Carried> {
  const [address] = lab.node(TO).podAddresses;
  const server = lab.spawn(TO, "iperf3", ["-s", "-1", "--forceflush"], { stdio: "pipe" });
  await once(server.stdout!, "data");
  const how = [
    ...(protocol === "udp" ? ["-u", "-l", String(UDP_BYTES)] : []),
    ...(rateMbps === undefined ? [] : ["-b", `${rateMbps}M`]),
  ];
  const said = await lab.run(FROM, "iperf3", ["-c", address!, "-t", String(SECONDS), "-J", ...how]);
  interface Sum {
    readonly bits_per_second: number;
    readonly lost_percent?: number;
  }
  const { end } = JSON.parse(said) as { readonly end: Readonly<Record<"sum" | "sum_sent" | "sum_received", Sum>> };
  const mbps = ({ bits_per_second }: Sum) => bits_per_second / 1e6;
  if (protocol === "tcp") return { sentMbps: mbps(end.sum_sent), receivedMbps: mbps(end.sum_received), lost: 0 };
  const lost = end.sum.lost_percent! / 100;
  return { sentMbps: mbps(end.sum), receivedMbps: mbps(end.sum) * (1 - lost), lost };
}

async function internode(lab: Lab, { protocol, rateMbps }: Load): Promise<Carried> {
  const { result, lines } = await act(lab, FROM, "throughput", {
    target: TO,
    protocol,
    seconds: SECONDS,
    networks: ["pod"],
    ...(rateMbps !== undefined && { rateMbps }),
    ...(protocol === "udp" && { messageBytes: UDP_BYTES }),
  });
  const [run] = (result?.["runs"] ?? []) as readonly ThroughputReport[];
  const { sent, received } = run ?? {};
  if (!sent || !received) throw new Error(`throughput failed: ${run?.failed ?? JSON.stringify(lines.at(-1))}`);
  const mbps = (bytes: number) => (bytes * 8) / SECONDS / 1e6;
  const lost = sent.packets === undefined ? 0 : run!.lost! / sent.packets;
  return { sentMbps: mbps(sent.bytes), receivedMbps: mbps(received.bytes), lost };
}

/** What an agent told of itself and of the path, at one moment. */
interface Told {
  readonly exposition: string;
}
const told = async (lab: Lab, node: string): Promise<Told> => ({
  exposition: await fetchSocket(lab.target(node, "metrics").path, "/metrics"),
});

/** Bound in milliseconds below which this share of the ticks between two moments was late. */
function lagMs(before: Told, after: Told, share: number): number {
  const bounds = [...after.exposition.matchAll(/^internode_tick_lag_seconds_bucket\{[^}]*le="([^"]+)"/gm)];
  const counts = bounds.map(([, le]) => {
    const of = ({ exposition }: Told) => sumOf(exposition, "internode_tick_lag_seconds_bucket", `le="${le}"`);
    return { ms: le === "+Inf" ? Infinity : Number(le) * 1_000, count: of(after) - of(before) };
  });
  const all = counts.at(-1)?.count ?? 0;
  return counts.find(({ count }) => count >= all * share)?.ms ?? NaN;
}

const grew = (before: Told, after: Told, metric: string, label = ""): number =>
  sumOf(after.exposition, metric, label) - sumOf(before.exposition, metric, label);

/** Mean round-trip time of the schedule's probes from FROM to TO by ICMP on the pod network, in milliseconds. */
function rttMs(before: Told, after: Told): number {
  const of = (end: "sum" | "count") =>
    after.exposition
      .split("\n")
      .filter(
        (line) =>
          line.startsWith(`internode_rtt_seconds_${end}{`) &&
          [`destination_node="${TO}"`, 'network="pod"', 'protocol="icmp"'].every((label) => line.includes(label)),
      )
      .reduce((sum, line) => {
        const series = line.slice(0, line.lastIndexOf(" "));
        return (
          sum +
          Number(line.slice(series.length + 1)) -
          sumOf(before.exposition, series.split("{")[0]!, series.slice(series.indexOf("{")))
        );
      }, 0);
  return (of("sum") / of("count")) * 1_000;
}

interface Cost {
  readonly row: Cell[];
  readonly grownMb: number;
  readonly failures: number;
}

/** Of the two ends, while something runs. */
async function costOf(lab: Lab, what: string, work: () => Promise<unknown>): Promise<Cost> {
  const ends = [FROM, TO] as const;
  const pids = ends.map((node) => lab.agent(node).pid!);
  const anon = () => pids.map((pid) => memoryMb(pid, "RssAnon"));
  const beforeMb = anon();
  const before = await Promise.all(ends.map((node) => told(lab, node)));
  let largest = beforeMb;
  const timer = setInterval(() => (largest = anon().map((mb, i) => Math.max(mb, largest[i]!))), 100);
  await work();
  clearInterval(timer);
  const after = await Promise.all(ends.map((node) => told(lab, node)));
  const lag = ends.map((_, i) => `${lagMs(before[i]!, after[i]!, 0.5)}, ${lagMs(before[i]!, after[i]!, 0.99)}`);
  const failures = ends.reduce((sum, _, i) => sum + grew(before[i]!, after[i]!, "internode_probe_failures_total"), 0);
  const skipped = ends.reduce((sum, _, i) => sum + grew(before[i]!, after[i]!, "internode_probes_skipped_total"), 0);
  const grown = largest.map((mb, i) => mb - beforeMb[i]!);
  return {
    row: [what, ...grown, ...lag, rttMs(before[0]!, after[0]!), failures, skipped],
    grownMb: Math.max(...grown),
    failures,
  };
}

const nameOf = ({ protocol, rateMbps }: Load): string =>
  `${protocol.toUpperCase()}, ${rateMbps === undefined ? "no limit" : `${rateMbps} Mbit/s`}`;
const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

export async function run(): Promise<Figure> {
  await using lab = await createLab({ nodes: 3, zones: 1 });
  // Opened when every agent knows every other.
  await (await openLabDoor(lab))[Symbol.asyncDispose]();
  // The first windows are whole, and the keepers of claims know all that runs.
  await sleep(15_000);
  const costs = [await costOf(lab, "nothing runs", () => sleep(SECONDS * 1_000))];
  const rates: Cell[][] = [];
  const ratios: { readonly name: string; readonly ratio: number }[] = [];
  for (const load of LOADS) {
    const theirs: Carried[] = [];
    const ours: Carried[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      theirs.push(await iperf3(lab, load));
      const one = async () => ours.push(await internode(lab, load));
      if (turn === 0) costs.push(await costOf(lab, nameOf(load), one));
      else await one();
    }
    const of = (all: readonly Carried[], figure: keyof Carried) => middle(all.map((one) => one[figure]));
    const [iperf, own] = [of(theirs, "receivedMbps"), of(ours, "receivedMbps")];
    const percent = (all: readonly Carried[]) => (load.protocol === "udp" ? of(all, "lost") * 100 : undefined);
    rates.push([
      nameOf(load),
      of(theirs, "sentMbps"),
      of(ours, "sentMbps"),
      iperf,
      own,
      percent(theirs),
      percent(ours),
    ]);
    ratios.push({ name: nameOf(load), ratio: own / iperf });
  }
  return {
    tables: [
      {
        title: `throughput beside iperf3 over the VXLAN of a lab, ${SECONDS} s each, the middle of ${TURNS} runs in turns`,
        columns: [
          "",
          "sent Mbit/s, iperf3",
          "internode",
          "received Mbit/s, iperf3",
          "internode",
          "lost %, iperf3",
          "internode",
        ],
        rows: rates,
        note: "the agents of the lab are a process of Node.js each, which probe and answer meanwhile",
      },
      {
        title: "What a throughput run costs the two agents",
        columns: [
          "",
          "RssAnon grows by MB, sender",
          "receiver",
          "tick late by ms (p50, p99), sender",
          "receiver",
          "mean RTT of its ICMP probes, ms",
          "probes failed",
          "skipped",
        ],
        rows: costs.map(({ row }) => row),
        note: "bounds of the histogram's buckets; the RTT is that of the loaded path, which is its true one",
      },
    ],
    bars: [
      ...ratios.map(({ name, ratio }) =>
        atLeast(TIMES_OF_IPERF3, { what: `throughput, ${name}: times what iperf3 brings over`, value: ratio }),
      ),
      atMost(GROWN_MB, {
        what: "memory of an agent that sends or receives: RssAnon grows by",
        value: Math.max(...costs.map(({ grownMb }) => grownMb)),
        unit: "MB",
      }),
      exactly(0, {
        what: "probes of the schedule that failed while a run kept below the path's rate",
        value: costs.slice(2).reduce((sum, { failures }) => sum + failures, 0),
      }),
    ],
  };
}
