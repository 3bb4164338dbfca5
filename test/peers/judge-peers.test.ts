import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { JudgePeers } from "../../agent/peers/judge-peers.ts";

/** An agent that judges when it is its turn, which it is not. */
async function standingBy() {
  const seen = { connections: 0, requests: [] as string[] };
  const server = createServer((request, response) => {
    seen.requests.push(`${request.method} ${request.url}`);
    response.statusCode = 404;
    response.end('{"error":"it does not judge now"}');
  });
  server.on("connection", () => (seen.connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { seen, api: { node: { name: "node-2", zone: "a" }, url: `http://127.0.0.1:${port}`, serving: true } };
}

test("an agent is asked for as long as it lives over one connection: connecting anew costs more than asking", async () => {
  const { seen, api } = await standingBy();
  await using peers = new JudgePeers();
  for (let i = 0; i < 3; i++) {
    expect(await peers.isAlive(api)).toBe(true);
    await sleep(20);
  }
  expect(seen.requests).toEqual(Array.from({ length: 3 }, () => "HEAD /api/v1/verdict?by=node-2"));
  expect(seen.connections).toBe(1);
});
