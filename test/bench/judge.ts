// What a judgement costs the agent that judges: asking all others over HTTP, decoding and checking their rows, and finding
// what they show. CPU of the judging thread; the other agents are one server in a thread of its own.
import { Worker } from "node:worker_threads";
import { gatherEvidence } from "../../agent/judge/gather.ts";
import { JudgeMemory } from "../../agent/judge/memory.ts";
import { systemClock } from "../../agent/kernel/clock.ts";
import type { PeerApi } from "../../agent/peers/peer-api.ts";
import { Rows } from "../../agent/peers/rows.ts";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { sampleNodes, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";
import { quantile, type Figure } from "./table.ts";

const JUDGEMENTS = 6;
const BAR_MS = 150;

export async function run(): Promise<Figure> {
  const rows: (readonly (string | number)[])[] = [];
  let hundredMs = NaN;
  for (const nodes of [12, 30, 100]) {
    const { gatherMs, decideMs, longestMs, wallMs } = await judgements({ nodes, zones: 3, loss: lossy(nodes) });
    rows.push([nodes, gatherMs, decideMs, gatherMs + decideMs, wallMs, longestMs]);
    if (nodes === 100) hundredMs = gatherMs + decideMs;
  }
  return {
    tables: [
      {
        title: "A judgement, with one node that loses 2 %",
        columns: ["nodes", "gather CPU ms", "decide CPU ms", "CPU ms", "wall ms", "longest event-loop delay ms"],
        rows,
        note: "p50 of the judgements after the first; the delay is the worst of all of them",
      },
    ],
    bars: [
      {
        what: "CPU of a judgement with fetching, decoding and checking, 100 nodes",
        figure: `${hundredMs.toFixed(0)} ms`,
        bar: `≤ ${BAR_MS} ms`,
        met: hundredMs <= BAR_MS,
      },
    ],
  };
}

/** The server tells agents apart by the address that they are asked at. */
const addressOf = (i: number): string => `127.1.${Math.floor(i / 250)}.${(i % 250) + 1}`;

const lossy = (nodes: number): NonNullable<SampleMesh["loss"]> =>
  Array.from({ length: nodes - 1 }, (_, i) => ({ from: `node-${nodes}`, to: `node-${i + 1}`, ratio: 0.02 }));

async function judgements(mesh: SampleMesh) {
  const all = sampleNodes(mesh);
  const [self, ...others] = all as [(typeof all)[number], ...typeof all];
  const made = new Map(all.map((node) => [node.name, sampleRow(mesh, node)]));
  const worker = new Worker(SERVER, {
    eval: true,
    workerData: Object.fromEntries(others.map(({ name }, i) => [addressOf(i), JSON.stringify(made.get(name))])),
  });
  try {
    const port = await new Promise<number>((resolve) => worker.once("message", resolve));
    const peerApis = (): readonly PeerApi[] =>
      others.map((node, i) => ({
        node,
        url: `http://${addressOf(i)}:${port}`,
        serving: true,
      }));
    await using rowsOf = new Rows({ peerApis, deadlineMs: 10_000, seal: undefined });
    const clock = systemClock();
    const peers = others.map((node) => ({ node, addresses: { pod: {}, node: {} }, serving: true }));
    const identity = () => ({ podAddresses: {}, nodeAddresses: {} });
    const sources = { node: self, peers: () => peers, peerApis, row: () => made.get(self.name)!, identity };
    const memory = new JudgeMemory();
    const [gather, decide, wall]: [number[], number[], number[]] = [[], [], []];
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let i = 0; i < JUDGEMENTS; i++) {
      const startMs = performance.now();
      const before = process.threadCpuUsage();
      const evidence = await gatherEvidence({ sources, rows: rowsOf, clock });
      const gathered = process.threadCpuUsage(before);
      await memory.judge(evidence);
      const both = process.threadCpuUsage(before);
      const ms = ({ user, system }: typeof both) => (user + system) / 1_000;
      if (i === 0) continue;
      gather.push(ms(gathered));
      decide.push(ms(both) - ms(gathered));
      wall.push(performance.now() - startMs);
    }
    delay.disable();
    return {
      gatherMs: quantile(gather, 0.5),
      decideMs: quantile(decide, 0.5),
      wallMs: quantile(wall, 0.5),
      longestMs: delay.max / 1e6,
    };
  } finally {
    await worker.terminate();
  }
}

const SERVER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const server = require("node:http").createServer((request, response) =>
    response.end(workerData[request.socket.localAddress]));
  server.listen(0, "0.0.0.0", () => parentPort.postMessage(server.address().port));`;
