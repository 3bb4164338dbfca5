import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { openTcpSender } from "../../../agent/actions/throughput/tcp-sender.ts";

const MESSAGE_BYTES = 64 * 1024;

test("a TCP stream leaves the process a turn after 2 ms, also where the kernel takes every message at once", async () => {
  // Half a millisecond passes whenever somebody asks.
  let nowNs = 0;
  const clock = { monotonicNs: () => (nowNs += 0.5e6), realtimeNs: () => 0, baseSeconds: 0 };
  let received = 0;
  const server = createServer((socket) => socket.on("data", ({ length }) => (received += length)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  using sender = await openTcpSender({
    to: { address: "127.0.0.1", port: (server.address() as AddressInfo).port },
    session: "00112233445566ff",
    streams: 1,
    seconds: 60,
    messageBytes: MESSAGE_BYTES,
    rateMbps: 10_000,
    clock,
    tcpFigures: undefined,
  });
  const perTurn: number[] = [];
  sender.tick();
  for (let before = 0; perTurn.length < 200; before = sender.sent().bytes) {
    await new Promise((resolve) => setImmediate(resolve));
    perTurn.push(sender.sent().bytes - before);
  }
  await sender.finish();
  server.close();
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(4 * MESSAGE_BYTES);
  expect(received).toBeGreaterThan(10 * MESSAGE_BYTES);
});
