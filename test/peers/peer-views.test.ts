// Connections to host views: one that is kept is known to a kernel that takes no new one.
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PeerViews } from "../../agent/peers/peer-views.ts";

const token = { token: () => Promise.resolve({ kind: "token" as const, token: "a-token-that-nobody-guesses" }) };
let server: Server;
let connections: number;
let answer: (res: ServerResponse) => void;
let asked: string[];
beforeEach(async () => {
  [connections, asked] = [0, []];
  answer = (res) => void res.end("{}");
  server = createServer((req, res) => {
    asked.push(req.url!);
    answer(res);
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

const packed = (text: string) => (res: ServerResponse) =>
  void res.setHeader("content-encoding", "gzip").end(gzipSync(text));

test("an answer that comes packed is unpacked, and one of an older version need not be packed", async () => {
  using views = new PeerViews({ token });
  answer = packed('{"schemaVersion":1}');
  expect(await views.ask(api())).toEqual({ status: 200, json: Buffer.from('{"schemaVersion":1}') });
  answer = (res) => void res.end('{"schemaVersion":2}');
  expect(await views.ask(api())).toEqual({ status: 200, json: Buffer.from('{"schemaVersion":2}') });
});

test("a few packed bytes that would unpack to more than a view can be are refused, and so is what is not packed at all", async () => {
  using views = new PeerViews({ token });
  answer = packed("x".repeat(9 * 1024 * 1024));
  expect(await views.ask(api())).toMatchObject({
    status: 502,
    error: expect.stringContaining("its answer is larger than 8388608 bytes") as string,
  });
  answer = (res) => void res.setHeader("content-encoding", "gzip").end("plain words");
  expect(await views.ask(api())).toMatchObject({
    status: 502,
    error: expect.stringContaining("Z_DATA_ERROR") as string,
  });
});

test("an error that comes packed keeps its words", async () => {
  using views = new PeerViews({ token });
  answer = (res) => {
    res.statusCode = 403;
    packed('{"error":"this is not the token of this installation"}')(res);
  };
  expect(await views.ask(api())).toMatchObject({
    status: 502,
    error: "node-1 answered HTTP 403: this is not the token of this installation",
  });
});
