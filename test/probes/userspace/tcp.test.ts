import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Clock } from "../../../agent/base/clock.ts";
import { userspaceTcpProber } from "../../../agent/probes/userspace/tcp.ts";
import { RecordingSink } from "../../support/recording-sink.ts";
import { testSlot } from "../../support/test-slot.ts";

const clock: Clock = {
  baseSeconds: 0,
  monotonicNs: () => Math.round(performance.now() * 1e6),
  realtimeNs: () => Date.now() * 1e6,
};
const TIMEOUT_MS = 300;

test("a process that was busy past the timeout calls nobody lost: the answer it finds is certain, its delay is not", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined).destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const sink = new RecordingSink();
  const slot = testSlot({ protocol: "tcp", address: "127.0.0.1" });
  using prober = userspaceTcpProber({
    clock,
    sink,
    settings: { timeoutMs: TIMEOUT_MS, port: address.port },
    conntrack: () => "not-full",
  });
  prober.open(slot);
  prober.drain();
  await sleep(5);
  prober.send([slot]);
  // The connection begins in this turn's microtasks; its answer lies in the socket while the process is busy.
  await Promise.resolve();
  process.nextTick(() => {
    const until = performance.now() + 2 * TIMEOUT_MS;
    while (performance.now() < until);
  });
  await new Promise((resolve) => process.nextTick(resolve));
  prober.drain();
  prober.expire();
  expect(sink.outcomes()).toEqual([]);
  for (let tick = 0; tick < 1_000 && prober.outstanding > 0; tick++) {
    await sleep(5);
    prober.drain();
    prober.expire();
  }
  server.close();
  expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: undefined, clock: "user" }]);
});
