// What a judgement costs the agent that judges: asking all others over HTTP, decoding and checking their rows in the
// compact form, and finding what they show. CPU of the judging thread, and how long one turn of its event loop may take,
// in which nothing is probed. A judgement that a row is missing from measures nothing, and fails.
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import type { Clock } from "../../agent/base/clock.ts";
import { gatherEvidence } from "../../agent/judge/gather.ts";
import { letHeapGrow } from "../../agent/judge/heap.ts";
import { JudgeMemory } from "../../agent/judge/memory.ts";
import { clockGettime } from "../../agent/kernel/libc.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import type { PeerApi } from "../../agent/peers/peer-api.ts";
import { Rows } from "../../agent/peers/rows.ts";
import { sampleNodes } from "../support/sample-mesh.ts";
import { addressOf, type Told } from "./judged-mesh.worker.ts";
import { atMost, quantile, type Bar, type Figure } from "./table.ts";

/** Of each kind: those that measure CPU, and those that measure single turns, which costs CPU itself. */
const JUDGEMENTS = 5;
const EVERY_SECONDS = 10;
const STARTED_SECONDS = Date.parse("2026-11-23T19:30:00Z") / 1_000;
const BARS: Readonly<Record<number, { readonly cpuMs: number; readonly heldMb: number }>> = {
  100: { cpuMs: 150, heldMb: 30 },
  1_000: { cpuMs: 500, heldMb: 60 },
};
/** By CPU: a delay by the clock is as much that of other programs, and of the far agents, which run here as well. */
const LONGEST_MS = 10;

export async function run(): Promise<Figure> {
  // As an agent does when its turn begins.
  letHeapGrow(true);
  const rows: (readonly (string | number)[])[] = [];
  const bars: Bar[] = [];
  for (const nodes of [12, 30, 100, 1_000]) {
    const { gatherMs, decideMs, bothMs, wallMs, longestTurnMs, longestMs, firstLongestMs, heldMb, findings } =
      await judgements(nodes);
    rows.push([nodes, gatherMs, decideMs, bothMs, wallMs, longestTurnMs, longestMs, firstLongestMs, heldMb, findings]);
    const bar = BARS[nodes];
    if (bar === undefined) continue;
    const what = `a judgement with fetching, decoding and checking, ${nodes} nodes`;
    bars.push(
      atMost(bar.cpuMs, { what: `CPU of ${what}`, value: bothMs, unit: "ms" }),
      atMost(LONGEST_MS, {
        what: `CPU of the longest turn of the event loop in ${what}`,
        value: longestTurnMs,
        unit: "ms",
      }),
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
          "longest turn CPU ms",
          "longest delay ms",
          "in the first",
          "MB",
          "findings",
        ],
        rows,
        note: "p50 of the judgements after the first; CPU of the longest turn of the event loop; its longest delay, other programs of the machine included, and that of the first judgement, which loads undici; memory after a collection",
      },
    ],
    bars,
  };
}

async function judgements(count: number) {
  const [self, ...others] = sampleNodes({ nodes: count, zones: 3 }) as [Node, ...Node[]];
  let seconds = STARTED_SECONDS;
  const worker = new Worker(new URL("judged-mesh.worker.ts", import.meta.url), { workerData: count });
  const told = async <T extends Told>(): Promise<T> => ((await once(worker, "message")) as [T])[0];
  try {
    const { port } = await told<Extract<Told, { port: number }>>();
    const apis = others.map((node, i): PeerApi => ({ node, url: `http://${addressOf(i)}:${port}`, serving: true }));
    const peers = others.map((node) => ({ node, addresses: { pod: {}, node: {} }, serving: true }));
    let own: Row | undefined;
    const sources = {
      node: self,
      peers: () => peers,
      peerApis: () => apis,
      isReadinessTold: true,
      row: () => own!,
      identity: () => ({ podAddresses: {}, nodeAddresses: {} }),
    };
    const clock: Clock = { baseSeconds: 0, monotonicNs: () => 0, realtimeNs: () => seconds * 1e9 };
    const before = memoryMb();
    await using rows = new Rows({ peerApis: () => apis, deadlineMs: 10_000, seal: undefined });
    const memory = new JudgeMemory();
    /** CPU of fetching and of both. */
    const judgeOnce = async (): Promise<{ readonly gatherMs: number; readonly bothMs: number }> => {
      const fromMs = threadCpuMs();
      const evidence = await gatherEvidence({ sources, rows, clock });
      const gatherMs = threadCpuMs() - fromMs;
      await memory.judge(evidence);
      const bothMs = threadCpuMs() - fromMs;
      const missing = evidence.nodes.filter((node) => node.missing !== undefined);
      if (missing.length > 0)
        throw new Error(`${missing.length} of ${count} rows did not come: ${missing[0]!.missing}`);
      return { gatherMs, bothMs };
    };
    const nextRows = async (): Promise<void> => {
      seconds += EVERY_SECONDS;
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      worker.postMessage(seconds);
      ({ own } = await told<Extract<Told, { own: Row }>>());
      // What came with the message is none of the judge's.
      collect();
    };
    const costs: {
      readonly gatherMs: number;
      readonly bothMs: number;
      readonly wallMs: number;
      readonly longestMs: number;
    }[] = [];
    for (let i = 0; i <= JUDGEMENTS; i++) {
      await nextRows();
      const startMs = performance.now();
      // One each: enabled again it would count the time in between, in which rows are made, as one long delay.
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      const cost = await judgeOnce();
      delay.disable();
      costs.push({ ...cost, wallMs: performance.now() - startMs, longestMs: delay.max / 1e6 });
    }
    const [first, ...later] = costs;
    const turns: number[] = [];
    for (let i = 0; i < JUDGEMENTS; i++) {
      await nextRows();
      turns.push(await longestTurnMs(judgeOnce));
    }
    const heldMb = memoryMb() - before;
    return {
      gatherMs: median(later.map(({ gatherMs }) => gatherMs)),
      decideMs: median(later.map(({ gatherMs, bothMs }) => bothMs - gatherMs)),
      bothMs: median(later.map(({ bothMs }) => bothMs)),
      wallMs: median(later.map(({ wallMs }) => wallMs)),
      longestMs: Math.max(...later.map(({ longestMs }) => longestMs)),
      longestTurnMs: Math.max(...turns),
      firstLongestMs: first!.longestMs,
      heldMb,
      findings: memory.findings!.findings.length,
    };
  } finally {
    await worker.terminate();
  }
}

const median = (of: readonly number[]): number => quantile([...of], 0.5);

/** CPU of the longest turn of the event loop: other programs on the machine do not count, as they do in a delay. */
async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  let [longest, isOver] = [0, false];
  let beforeMs = threadCpuMs();
  const turn = (): void => {
    const nowMs = threadCpuMs();
    longest = Math.max(longest, nowMs - beforeMs);
    beforeMs = nowMs;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work().finally(() => (isOver = true));
  return longest;
}

/** Of this thread alone, and exact: getrusage counts it in ticks of 4 ms. */
function threadCpuMs(): number {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, cpuTime);
  return Number(cpuTime[0]) * 1_000 + Number(cpuTime[1]) / 1e6;
}

const CLOCK_THREAD_CPUTIME_ID = 3;
const cpuTime = new BigInt64Array(2);

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function memoryMb(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}
