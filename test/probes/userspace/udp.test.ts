import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { Clock } from "../../../agent/base/clock.ts";
import { userspaceClock } from "../../../agent/probes/userspace/clock.ts";
import { userspaceUdpProber } from "../../../agent/probes/userspace/udp.ts";
import { freeUdpPort } from "../../support/free-port.ts";
import { RecordingSink } from "../../support/recording-sink.ts";
import { testSlot } from "../../support/test-slot.ts";

const TIMEOUT_MS = 400;
/** A thread of its own answers while ours is busy. */
const ANSWERER = `
  import { contraryStamp } from ${JSON.stringify(new URL("../../integration/contrary-stamp.ts", import.meta.url).href)};
  import { parentPort, workerData } from "node:worker_threads";
  contraryStamp(workerData.port, { kind: "late", lateByMs: workerData.lateByMs, far: (open) => open() });
  parentPort.postMessage("ready");
`;

async function answerer(lateByMs: number): Promise<{ readonly port: number } & AsyncDisposable> {
  const port = await freeUdpPort();
  const script = new URL(`data:text/javascript,${encodeURIComponent(ANSWERER)}`);
  const worker = new Worker(script, { workerData: { port, lateByMs } });
  await once(worker, "message");
  return { port, [Symbol.asyncDispose]: async () => void (await worker.terminate()) };
}

const openProber = (port: number, sink: RecordingSink, clock: Clock, timeoutMs = TIMEOUT_MS) =>
  userspaceUdpProber({
    clock,
    sink,
    settings: { timeoutMs, sizeBytes: 512, port },
    families: ["ipv4"],
    source: "node-1",
    incarnation: "00112233445566aa",
    conntrack: () => "not-full",
  });

/** Nothing else has a turn meanwhile. */
function busy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test("a process that was busy past the timeout calls nobody lost over UDP either", async () => {
  await using far = await answerer(100);
  const sink = new RecordingSink();
  const slot = testSlot({ protocol: "udp", address: "127.0.0.1" });
  using prober = openProber(far.port, sink, userspaceClock());
  prober.open(slot);
  const tick = () => {
    prober.drain();
    prober.expire();
  };
  tick();
  await sleep(5);
  prober.send([slot]);
  busy(2 * TIMEOUT_MS);
  tick();
  expect(sink.outcomes()).toEqual([]);
  for (let i = 0; i < 1_000 && prober.outstanding > 0; i++) {
    await sleep(5);
    tick();
  }
  expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: undefined, clock: "user" }]);
  expect(sink.anomalies()).toEqual([]);
});

test.each([
  { timeoutMs: 2_000, tickMs: 200 },
  { timeoutMs: 200, tickMs: 50 },
])(
  "an answer that comes before the tick that sent has ended is timed, with ticks of $tickMs ms",
  async ({ timeoutMs, tickMs }) => {
    await using far = await answerer(0);
    const sink = new RecordingSink();
    const slot = testSlot({ protocol: "udp", address: "127.0.0.1" });
    let nowNs = 1e9;
    const now = () => nowNs;
    using prober = openProber(far.port, sink, { baseSeconds: 0, monotonicNs: now, realtimeNs: now }, timeoutMs);
    prober.open(slot);
    const rounds = 5;
    for (let round = 0; round < rounds; round++) {
      // Timers come late, never early.
      nowNs += (tickMs + 1) * 1e6;
      prober.drain();
      prober.expire();
      prober.send([slot]);
      nowNs += 1e6;
      busy(50);
      for (let i = 0; i < 1_000 && prober.outstanding > 0; i++) {
        await sleep(1);
        prober.drain();
      }
      await sleep(1);
    }
    expect(sink.outcomes(slot)).toHaveLength(rounds);
    for (const outcome of sink.outcomes(slot)) expect(outcome).toMatchObject({ kind: "answered", rttNs: 1e6 });
  },
);
