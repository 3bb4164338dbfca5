// How many probes a second one core can do, sending and receiving, with no false loss.
import { fileURLToPath } from "node:url";
import { farAddresses } from "../support/veth.ts";
import { routedPair } from "./static-mesh.ts";
import { atLeast, below, type Cell, type Figure } from "./table.ts";

const PEERS = 1_000;
const SECONDS = 5;
const FPING_ROUNDS = 60;
const WORKER = fileURLToPath(new URL("./flat-out.worker.ts", import.meta.url));
const BARE = fileURLToPath(new URL("./bare.worker.ts", import.meta.url));
const SHARE_OF_BARE = 0.7;

interface Report {
  readonly sent: number;
  readonly probes: number;
  readonly failures: number;
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly drops: number;
}

export async function run(): Promise<Figure> {
  using pair = routedPair(PEERS);
  const targets = farAddresses(PEERS);
  const oneCore = ["taskset", "-c", "0"];
  const flatOut = (program: string): unknown =>
    JSON.parse(pair.run(pair.near, ...oneCore, process.execPath, program, targets.join(","), String(SECONDS)));
  const ours = flatOut(WORKER) as Report;
  const bare = flatOut(BARE) as {
    readonly sent: number;
    readonly received: number;
    readonly perSecond: number;
    readonly cpuUs: number;
  };
  const started = performance.now();
  // With no delay between packets fping goes as fast as it can; its last line counts them.
  const fping = pair.run(
    pair.near,
    "sh",
    "-c",
    `${oneCore.join(" ")} fping -q -s -c ${FPING_ROUNDS} -i 0 -p 10 ${targets.join(" ")} 2>&1 || true`,
  );
  const seconds = (performance.now() - started) / 1000;
  const count = (what: RegExp) => Number(what.exec(fping)?.[1] ?? NaN);
  const [sent, received] = [count(/(\d+) ICMP Echos sent/), count(/(\d+) ICMP Echo Replies received/)];
  const falseLoss = (ours.failures / ours.probes) * 100;
  const rows: Cell[][] = [
    ["internode, ICMP prober", ours.sent, ours.perSecond, ours.cpuUs, ours.failures, falseLoss, ours.drops],
    [
      "bare sendmmsg/recvmmsg loop",
      bare.sent,
      bare.perSecond,
      bare.cpuUs,
      bare.sent - bare.received,
      undefined,
      undefined,
    ],
    Number.isNaN(sent)
      ? [
          `fping: ${fping.trim().split("\n").at(-1) ?? "no output"}`,
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
        ]
      : ["fping -i 0", sent, sent / seconds, undefined, sent - received, ((sent - received) / sent) * 100, undefined],
  ];
  return {
    tables: [
      {
        title: `Flat out on one core, ${PEERS} peers`,
        columns: ["", "sent", "probes/s", "CPU µs/probe", "lost", "false loss %", "socket drops"],
        rows,
        note: "the peers' answers are made on the same core; the bare loop reads replies and stamps and looks at none of them; fping's time includes its start and its last timeouts",
      },
    ],
    bars: [
      // By CPU time, so that what else runs on that core takes nothing away.
      atLeast(Math.round((SHARE_OF_BARE * 1e6) / bare.cpuUs), {
        what: "engine flat out, against 70 % of a bare loop",
        value: Math.round(1e6 / ours.cpuUs),
        unit: "probes a second of CPU",
      }),
      below(0.01, { what: "false loss flat out", value: falseLoss, unit: "%" }),
    ],
  };
}
