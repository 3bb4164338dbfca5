// Connections to host views: one that is kept is known to a kernel that takes no new one.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PeerViews } from "../../agent/peers/peer-views.ts";

const token = { token: () => Promise.resolve({ kind: "token" as const, token: "a-token-that-nobody-guesses" }) };
let server: Server;
let connections: number;
let asked: string[];
beforeEach(async () => {
  [connections, asked] = [0, []];
  server = createServer((req, res) => {
    asked.push(req.url!);
    res.end("{}");
  }).listen(0, "127.0.0.1");
  server.on("connection", () => connections++);
  await once(server, "listening");
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const api = () => ({
  node: { name: "node-1", zone: "" },
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  serving: true,
});

test("a judge asks on the connection that it has kept", async () => {
  using views = new PeerViews({ token, keepsConnections: true });
  await views.stayConnected([api()]);
  await views.stayConnected([api()]);
  expect(await views.ask(api())).toMatchObject({ status: 200 });
  expect(asked).toEqual(["/healthz", "/healthz", "/api/v1/node"]);
  expect(connections).toBe(1);
});

test("a connection that the other end has closed is opened again", async () => {
  using views = new PeerViews({ token, keepsConnections: true });
  await views.stayConnected([api()]);
  server.closeAllConnections();
  await views.stayConnected([api()]);
  expect(await views.ask(api())).toMatchObject({ status: 200 });
  expect(connections).toBe(2);
});

test("who asks for a person keeps none, and a node that is not there costs nothing", async () => {
  using views = new PeerViews({ token });
  await views.ask(api());
  await views.ask(api());
  expect(connections).toBe(2);
  using judge = new PeerViews({ token, keepsConnections: true });
  await judge.stayConnected([{ ...api(), url: "http://127.0.0.1:1" }]);
});
