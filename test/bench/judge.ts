// What a judgement costs the agent that judges: asking all others over HTTP, decoding and checking their rows in the
// compact form, and finding what they show. CPU of the judging thread; the other agents are one server in a thread of its
// own, which has new rows before each judgement. A judgement that a row is missing from measures nothing, and fails.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import type { Clock } from "../../agent/base/clock.ts";
import { phase } from "../../agent/base/hash.ts";
import { gatherEvidence } from "../../agent/judge/gather.ts";
import { JudgeMemory } from "../../agent/judge/memory.ts";
import { sampleMesh } from "../../agent/mesh/sampling.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { encodeRow } from "../../agent/peers/compact-row.ts";
import type { PeerApi } from "../../agent/peers/peer-api.ts";
import { Rows } from "../../agent/peers/rows.ts";
import { sampleNodes, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";
import { withRoutes } from "./evidence.ts";
import { atMost, quantile, type Bar, type Figure } from "./table.ts";

const JUDGEMENTS = 6;
const EVERY_SECONDS = 10;
const STARTED_SECONDS = Date.parse("2026-11-23T19:30:00Z") / 1_000;
const BARS: Readonly<Record<number, { readonly cpuMs: number; readonly heldMb: number }>> = {
  100: { cpuMs: 150, heldMb: 30 },
  1_000: { cpuMs: 500, heldMb: 60 },
};
const LONGEST_MS = 10;

export async function run(): Promise<Figure> {
  const rows: (readonly (string | number)[])[] = [];
  const bars: Bar[] = [];
  for (const nodes of [12, 30, 100, 1_000]) {
    const { gatherMs, decideMs, bothMs, longestMs, firstLongestMs, wallMs, heldMb, findings } = await judgements(nodes);
    rows.push([nodes, gatherMs, decideMs, bothMs, wallMs, longestMs, firstLongestMs, heldMb, findings]);
    const bar = BARS[nodes];
    if (bar === undefined) continue;
    const what = `a judgement with fetching, decoding and checking, ${nodes} nodes`;
    bars.push(
      atMost(bar.cpuMs, { what: `CPU of ${what}`, value: bothMs, unit: "ms" }),
      atMost(LONGEST_MS, { what: `longest event-loop delay of ${what}`, value: longestMs, unit: "ms" }),
      atMost(bar.heldMb, { what: `memory held after ${what}`, value: heldMb, unit: "MB" }),
    );
  }
  return {
    tables: [
      {
        title: "A judgement, with one node that loses 2 %",
        columns: [
          "nodes",
          "gather CPU ms",
          "decide CPU ms",
          "CPU ms",
          "wall ms",
          "longest delay ms",
          "in the first",
          "MB",
          "findings",
        ],
        rows,
        note: "p50 of the judgements after the first; the longest event-loop delay of those and of the first, which loads undici; memory after a collection",
      },
    ],
    bars,
  };
}

/** The server tells agents apart by the address that they are asked at. */
const addressOf = (i: number): string => `127.1.${Math.floor(i / 250)}.${(i % 250) + 1}`;

/** The rows of a mesh whose last node loses 2 % on its way out, as the product samples its pairs. */
function rowsOf(nodes: readonly Node[]): Row[] {
  const sample = sampleMesh({ nodes, fullMeshLimit: 100, sampleSize: 24 });
  const loser = nodes.at(-1)!.name;
  const loss = nodes.map(({ name: to }) => ({ from: loser, to, ratio: 0.02 }));
  return nodes.map((source) => {
    const probed = sample.destinations(source.name);
    // Looking a loss up takes as long as the list is.
    const ofRow = loss.filter(({ to }) => (source.name === loser ? probed.has(to) : to === source.name));
    const mesh: SampleMesh = { nodes: nodes.length, zones: 3, loss: ofRow };
    const row = sampleRow(mesh, source, [source, ...nodes.filter(({ name }) => probed.has(name))]);
    return withRoutes(row);
  });
}

/** What a row tells at this second: each pair loses in the same seconds of every minute, and not all in the same. */
const tellsAt = (row: Row, seconds: number): Row => ({
  ...row,
  at: new Date(seconds * 1_000).toISOString(),
  pairs: row.pairs.map((pair) => {
    const { failures } = pair.window;
    if (failures === 0) return pair;
    const first = phase(`${row.source.name} ${pair.destination.name} ${pair.network} ${pair.protocol}`) * 60;
    const lost = new Set(Array.from({ length: failures }, (_, i) => Math.floor(first + (i * 60) / failures) % 60));
    const digits = Array.from({ length: 60 }, (_, i) => (lost.has((seconds + i) % 60) ? "1" : "0"));
    return { ...pair, lostSeconds: digits.join("") };
  }),
});

async function judgements(count: number) {
  const all = sampleNodes({ nodes: count, zones: 3 });
  const made = rowsOf(all);
  const [self, ...others] = all as [Node, ...Node[]];
  let seconds = STARTED_SECONDS;
  const rowAt = (i: number): Row => tellsAt(made[i]!, seconds);
  const worker = new Worker(SERVER, { eval: true });
  try {
    const port = await new Promise<number>((resolve) => worker.once("message", resolve));
    const apis = others.map((node, i): PeerApi => ({ node, url: `http://${addressOf(i)}:${port}`, serving: true }));
    const peers = others.map((node) => ({ node, addresses: { pod: {}, node: {} }, serving: true }));
    const sources = {
      node: self,
      peers: () => peers,
      peerApis: () => apis,
      row: () => rowAt(0),
      identity: () => ({ podAddresses: {}, nodeAddresses: {} }),
    };
    const clock: Clock = { baseSeconds: 0, monotonicNs: () => 0, realtimeNs: () => seconds * 1e9 };
    const before = memoryMb();
    await using rows = new Rows({ peerApis: () => apis, deadlineMs: 10_000, seal: undefined });
    const memory = new JudgeMemory();
    const [gather, decide, both, wall]: number[][] = [[], [], [], []];
    let firstLongestMs = NaN;
    const delay = monitorEventLoopDelay({ resolution: 1 });
    for (let i = 0; i < JUDGEMENTS; i++) {
      seconds += EVERY_SECONDS;
      const told = new Promise((resolve) => worker.once("message", resolve));
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      worker.postMessage(new Map(others.map((_, peer) => [addressOf(peer), encodeRow(rowAt(peer + 1))])));
      await told;
      delay.enable();
      const startMs = performance.now();
      const from = process.threadCpuUsage();
      const evidence = await gatherEvidence({ sources, rows, clock });
      const gathered = process.threadCpuUsage(from);
      await memory.judge(evidence);
      const judged = process.threadCpuUsage(from);
      const wallMs = performance.now() - startMs;
      delay.disable();
      if (i === 0) {
        firstLongestMs = delay.max / 1e6;
        delay.reset();
      }
      const missing = evidence.nodes.filter((node) => node.missing !== undefined);
      if (missing.length > 0)
        throw new Error(`${missing.length} of ${count} rows did not come: ${missing[0]!.missing}`);
      if (i === 0) continue;
      gather!.push(inMs(gathered));
      decide!.push(inMs(judged) - inMs(gathered));
      both!.push(inMs(judged));
      wall!.push(wallMs);
    }
    const heldMb = memoryMb() - before;
    return {
      gatherMs: quantile(gather!, 0.5),
      decideMs: quantile(decide!, 0.5),
      bothMs: quantile(both!, 0.5),
      wallMs: quantile(wall!, 0.5),
      longestMs: delay.max / 1e6,
      firstLongestMs,
      heldMb,
      findings: memory.findings!.findings.length,
    };
  } finally {
    await worker.terminate();
  }
}

const inMs = ({ user, system }: { readonly user: number; readonly system: number }): number => (user + system) / 1_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function memoryMb(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}

const SERVER = `
  const { parentPort } = require("node:worker_threads");
  let rows = new Map();
  parentPort.on("message", (given) => { rows = given; parentPort.postMessage("ready"); });
  const server = require("node:http").createServer((request, response) =>
    response.end(rows.get(request.socket.localAddress)));
  server.listen(0, "0.0.0.0", () => parentPort.postMessage(server.address().port));`;
