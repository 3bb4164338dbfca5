import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { userspaceClock } from "../../../agent/probes/userspace/clock.ts";
import { userspaceUdpProber } from "../../../agent/probes/userspace/udp.ts";
import { RecordingSink } from "../../support/recording-sink.ts";
import { testSlot } from "../../support/test-slot.ts";

const TIMEOUT_MS = 400;
/** A thread of its own answers while ours is busy. */
const ANSWERER = `
  import { contraryStamp } from ${JSON.stringify(new URL("../../integration/contrary-stamp.ts", import.meta.url).href)};
  import { parentPort, workerData } from "node:worker_threads";
  contraryStamp(workerData.port, { kind: "late", lateByMs: 100, far: (open) => open() });
  parentPort.postMessage("ready");
`;

async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

test("a process that was busy past the timeout calls nobody lost over UDP either", async () => {
  const port = await freePort();
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(ANSWERER)}`), { workerData: { port } });
  await once(worker, "message");
  const sink = new RecordingSink();
  const slot = testSlot({ protocol: "udp", address: "127.0.0.1" });
  using prober = userspaceUdpProber({
    clock: userspaceClock(),
    sink,
    settings: { timeoutMs: TIMEOUT_MS, sizeBytes: 512, port },
    families: ["ipv4"],
    source: "node-1",
    incarnation: "00112233445566aa",
    conntrack: () => "not-full",
  });
  prober.open(slot);
  const tick = () => {
    prober.drain();
    prober.expire();
  };
  tick();
  await sleep(5);
  prober.send([slot]);
  const until = performance.now() + 2 * TIMEOUT_MS;
  while (performance.now() < until);
  tick();
  expect(sink.outcomes()).toEqual([]);
  for (let i = 0; i < 1_000 && prober.outstanding > 0; i++) {
    await sleep(5);
    tick();
  }
  await worker.terminate();
  expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: undefined, clock: "user" }]);
  expect(sink.anomalies()).toEqual([]);
});
