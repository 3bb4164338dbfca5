// What a scrape costs the agent: the longest turn of the event loop while /metrics is read over HTTP from another
// thread, and beside it the cost of recording an outcome and of the memory that results keep.
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { configSchema } from "../../agent/config/schema.ts";
import { systemClock } from "../../agent/kernel/clock.ts";
import { createMetrics } from "../../agent/metrics/metrics.ts";
import { startMetricsServer } from "../../agent/metrics/server.ts";
import { FAILED, type Outcome } from "../../agent/model/outcome.ts";
import type { Node } from "../../agent/model/peer.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { createResults, type Results } from "../../agent/results/results.ts";
import { atMost, quantile, type Bar, type Cell, type Figure } from "./table.ts";

const LONGEST_SLICE_MS = 10; // design §9
const SCRAPES = 20;

/** Four slots a peer: all protocols on the pod network, ICMP on the node network; three zones. */
function slotsOf(peers: number): Slot[] {
  const node = (i: number): Node => ({
    name: `ip-10-0-${i >> 8}-${i & 255}.eu-central-1.compute.internal`,
    zone: `eu-central-1${"abc"[i % 3]!}`,
  });
  const kinds = [
    ["pod", "icmp"],
    ["pod", "tcp"],
    ["pod", "udp"],
    ["node", "icmp"],
  ] as const;
  return Array.from({ length: peers }, (_, i) =>
    kinds.map(([network, protocol], k): Slot => ({
      index: i * kinds.length + k,
      pair: { source: node(0), destination: node(i + 1) },
      network,
      protocol,
      family: "ipv4",
      address: "10.0.0.1",
    })),
  ).flat();
}

/** Every slot has lived: sums with many digits, a loss of 1 %, a late reply here and there. */
function live(results: Results, slots: readonly Slot[]): void {
  for (let round = 0; round < 100; round++) {
    for (const slot of slots) {
      const n = slot.index * 101 + round * 7919;
      results.record(
        slot,
        n % 100 === 0 ? FAILED.timeout : { kind: "answered", rttNs: 80_000 + (n % 977) * 1_013, clock: "kernel" },
      );
      if (n % 1_000 === 1) results.anomaly(slot, "late");
    }
  }
}

const SCRAPER = `
  const { get } = require("node:http");
  const { parentPort, workerData } = require("node:worker_threads");
  parentPort.on("message", () => {
    const started = performance.now();
    get(workerData.url, { headers: workerData.headers }, (response) => {
      let bytes = 0;
      response.on("data", (part) => (bytes += part.length)).on("end", () => parentPort.postMessage({ bytes, ms: performance.now() - started }));
    });
  });`;

interface Turns {
  /** Longest turn of the event loop, by the clock on the wall and by CPU time of this thread. */
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Watch the turns of the event loop until `done`; the loop never sleeps meanwhile. */
async function longestTurn(done: Promise<unknown>): Promise<Turns> {
  const state = { running: true };
  void done.finally(() => (state.running = false));
  const cpuNow = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1e3;
  };
  let wallMs = 0;
  let cpuMs = 0;
  let [wall, cpu] = [performance.now(), cpuNow()];
  while (state.running) {
    await setImmediate();
    const [nextWall, nextCpu] = [performance.now(), cpuNow()];
    wallMs = Math.max(wallMs, nextWall - wall);
    cpuMs = Math.max(cpuMs, nextCpu - cpu);
    [wall, cpu] = [nextWall, nextCpu];
  }
  return { wallMs, cpuMs };
}

async function measure({
  peers,
  pairDetail,
  gzip,
}: {
  readonly peers: number;
  readonly pairDetail: "default" | "full";
  readonly gzip: boolean;
}): Promise<{ row: Cell[]; bar: Bar }> {
  const clock = systemClock();
  const results = createResults({ clock, pairDetail });
  const slots = slotsOf(peers);
  for (const slot of slots) results.open(slot);
  live(results, slots);
  const self = slots[0]!.pair.source;
  const peerNodes = slots.filter((s) => s.protocol === "udp").map((s) => s.pair.destination);
  const metrics = createMetrics({
    results,
    clock,
    config: configSchema.parse({
      node: { name: "bench" },
      discovery: { kind: "static", file: "none" },
      metrics: { pairDetail },
    }),
    self: () => self,
    judge: () => undefined,
    mesh: () => ({ size: peers + 1, serving: peers, notServing: 0, unprobed: 0, unprobedBy: {}, largestInDegree: 0 }),
    pathMtu: () =>
      peerNodes.map((destination) => ({
        destination,
        network: "pod",
        family: "ipv4",
        passesBytes: 1_450,
        shortfallBytes: 0,
      })),
    udpReceived: () =>
      peerNodes.map((source) => ({
        source,
        network: "pod",
        family: "ipv4",
        received: 12_345,
        incarnation: "00",
        highest: 1,
        bitmap: "1",
      })),
    reflector: () => ({ answered: 1 }),
    socketDrops: () => [],
  });
  await using server = await startMetricsServer({ metrics, port: 0, listen: ["127.0.0.1"] });
  const worker = new Worker(SCRAPER, {
    eval: true,
    workerData: {
      url: `http://127.0.0.1:${server.addresses[0]!.port}/metrics`,
      headers: gzip ? { "accept-encoding": "gzip" } : {},
    },
  });
  const scrape = () =>
    new Promise<{ bytes: number; ms: number }>((resolve) => {
      worker.once("message", resolve);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      worker.postMessage("scrape");
    });
  globalThis.gc?.();
  const idle = await longestTurn(sleep(500)); // what the machine itself does to a loop that has nothing to do
  const first = await longestTurn(scrape()); // compiles the code and renders the labels of every slot
  const turns: Turns[] = [];
  let [bytes, ms] = [0, 0];
  for (let i = 0; i < SCRAPES; i++) {
    const scraped = scrape();
    turns.push(await longestTurn(scraped));
    ({ bytes, ms } = await scraped);
  }
  await worker.terminate();
  const wall = turns.map((t) => t.wallMs);
  const longestCpu = Math.max(...turns.map((t) => t.cpuMs));
  const label = `${peers} peers${pairDetail === "full" ? ", full" : ""}${gzip ? ", gzip" : ""}`;
  return {
    row: [
      label,
      slots.length,
      bytes / 1024,
      ms,
      idle.wallMs,
      first.wallMs,
      first.cpuMs,
      quantile(wall, 0.5),
      Math.max(...wall),
      longestCpu,
    ],
    bar: atMost(LONGEST_SLICE_MS, {
      what: `/metrics, longest slice of event-loop time, ${label}`,
      value: Math.max(longestCpu, first.cpuMs),
      unit: "ms",
    }),
  };
}

function recordCost(): number {
  const results = createResults({ clock: systemClock(), pairDetail: "default" });
  const slots = slotsOf(1_000);
  for (const slot of slots) results.open(slot);
  live(results, slots);
  const outcome: Outcome = { kind: "answered", rttNs: 123_456, clock: "kernel" };
  const started = performance.now();
  for (let round = 0; round < 200; round++) for (const slot of slots) results.record(slot, outcome);
  return ((performance.now() - started) * 1e6) / (200 * slots.length);
}

/** Typed arrays are nearly all of it; they are counted exactly. */
function memoryCost(): number {
  const slots = slotsOf(1_000);
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  const results = createResults({ clock: systemClock(), pairDetail: "default" });
  for (const slot of slots) results.open(slot);
  globalThis.gc?.();
  const bytes = process.memoryUsage().arrayBuffers - before;
  if (results.slots().length !== slots.length) throw new Error("the results under measure are gone");
  return bytes / 1e6;
}

export async function run(): Promise<Figure> {
  setFlagsFromString("--expose-gc");
  globalThis.gc ??= runInNewContext("gc") as NodeJS.GCFunction;
  const [memory, record] = [memoryCost(), recordCost()];
  const measured = [];
  for (const peers of [100, 150, 1_000]) measured.push(await measure({ peers, pairDetail: "default", gzip: false }));
  measured.push(await measure({ peers: 150, pairDetail: "default", gzip: true }));
  measured.push(await measure({ peers: 1_000, pairDetail: "default", gzip: true }));
  measured.push(await measure({ peers: 150, pairDetail: "full", gzip: false }));
  measured.push(await measure({ peers: 1_000, pairDetail: "full", gzip: false }));
  return {
    tables: [
      {
        title: `Longest turn of the event loop (ms) while /metrics is read: without a scrape, in the first, in ${SCRAPES} more`,
        columns: [
          "mesh",
          "slots",
          "KiB",
          "scrape ms",
          "no scrape",
          "first",
          "first, CPU",
          "median",
          "longest",
          "longest, CPU",
        ],
        rows: measured.map((m) => m.row),
        note: 'held against CPU time: what stands under "no scrape" is what other processes take',
      },
      {
        title: "Results",
        columns: ["what", "figure", "unit"],
        rows: [
          ["record one answered probe, 4,000 slots", record, "ns"],
          ["typed arrays of results, 4,000 slots", memory, "MB"],
        ],
      },
    ],
    // Larger meshes and the detailed form are reported only.
    bars: [measured[1]!.bar],
  };
}
