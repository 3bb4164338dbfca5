import { readlinkSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { request } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startApi } from "../../agent/api/api.ts";
import { nodeViewSchema } from "../../agent/model/node-view.ts";
import { COMPACT_TYPE, readCompactRow } from "../../agent/peers/compact-row.ts";
import { IDLE_CONNECTION_MS } from "../../agent/peers/peer-api.ts";
import { parseSnapshot } from "../../agent/peers/schema.ts";
import type { PairDetail } from "../../agent/model/pair-detail.ts";
import type { Row, Snapshot } from "../../agent/model/snapshot.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";
import { SILENT_LOG, startAgent, type RunningAgent } from "./api-mesh.ts";

const MESH = { nodes: 6, zones: 3, loss: [{ from: "node-1", to: "node-2", ratio: 0.25 }] };
const NODES = sampleNodes(MESH);
const DEADLINE_MS = 700;

let opened: AsyncDisposableStack;
let self: RunningAgent;
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  self = await open("node-1", "127.0.0.1");
});
afterEach(() => opened.disposeAsync());

async function open(name: string, address: string, options = {}): Promise<RunningAgent> {
  const running = await startAgent(
    MESH,
    NODES.find((n) => n.name === name)!,
    address,
    { deadlineMs: DEADLINE_MS, ...options },
  );
  opened.use(running.api);
  return running;
}

/** A peer that is no agent of ours: gives what it wants to whoever asks. */
async function impostor(answer: (res: ServerResponse) => void): Promise<string> {
  const server: Server = createServer((_req, res) => answer(res));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  opened.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function get(url: string, headers: Record<string, string> = {}) {
  const { statusCode, headers: got, body } = await request(url, { headers });
  const text = await body.text();
  return { status: statusCode, headers: got, text, json: () => JSON.parse(text) as unknown };
}

const peer = (name: string, url: string, serving = true) => ({
  node: NODES.find((n) => n.name === name)!,
  url,
  serving,
});

test("a mesh is shown with the healthy rows, and the dead, hanging, lying, older and broken peers named with the reason", async () => {
  const two = await open("node-2", "127.0.0.2");
  self.agent.apis = [
    peer("node-2", two.url),
    peer("node-3", "http://127.0.0.3:9", false),
    peer("node-4", await impostor(() => {})),
    peer("node-5", await impostor((res) => res.end(JSON.stringify(sampleRow(MESH, NODES[5]!))))),
    peer(
      "node-6",
      await impostor((res) =>
        res.end(JSON.stringify({ ...sampleRow(MESH, NODES[5]!), schemaVersion: 7, version: "9.0.0" })),
      ),
    ),
  ];
  const snapshot = parseSnapshot((await get(`${self.url}/api/v1/mesh`)).json());
  expect(snapshot.nodes.map((n) => n.name)).toEqual(["node-1", "node-2", "node-3", "node-4", "node-5", "node-6"]);
  expect(snapshot.rows.map((r) => r.source.name)).toEqual(["node-1", "node-2"]);
  const reasons = Object.fromEntries(snapshot.missing.map((m) => [m.node.name, m.reason]));
  expect(reasons["node-3"]).toMatch(
    /^nothing listens at 127\.0\.0\.3:9 \(connection refused\); .*discovery says it is not ready either$/,
  );
  expect(reasons["node-4"]).toMatch(/^no answer from 127\.0\.0\.1:\d+ within 0\.7 s; /);
  expect(reasons["node-5"]).toBe("it answered as node 'node-6'");
  expect(reasons["node-6"]).toBe("it speaks schema 7 (internode 9.0.0), and schema 1 is read here: finish the upgrade");
});

test.each([
  [
    "numbers that cannot be",
    (res) => res.end(JSON.stringify(withFailures(sampleRow(MESH, NODES[1]!), 1_000))),
    /^its row is invalid: pairs\.0\.window: more failures/,
  ],
  ["no JSON", (res) => res.end("<html>\u0007login</html>"), /^its answer is not JSON: "<html> login<\/html>"$/],
  [
    "a refusal",
    (res) => res.writeHead(403).end("forbidden by mesh policy"),
    /^it answered HTTP 403: forbidden by mesh policy$/,
  ],
  [
    "half an answer",
    (res) =>
      void (res.writeHead(200, { "content-length": "1000" }), res.write("{"), setTimeout(() => res.destroy(), 20)),
    /closed the connection in the middle/,
  ],
  [
    "a body that trickles",
    (res) => void (res.writeHead(200), res.write("{"), setInterval(() => res.write(" "), 50).unref()),
    /no answer from .* within 0\.7 s/,
  ],
  ["a redirect", (res) => res.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), /^it answered HTTP 302/],
  ["an answer without end", (res) => pour(res), /larger than 16777216 bytes|no answer/],
] satisfies [string, (res: ServerResponse) => void, RegExp][])(
  "a peer that gives %s is a missing row with that reason",
  async (_what, answer, reason) => {
    self.agent.apis = [peer("node-2", await impostor(answer))];
    const { missing } = parseSnapshot((await get(`${self.url}/api/v1/mesh`)).json());
    expect(missing.find((m) => m.node.name === "node-2")!.reason).toMatch(reason);
  },
);

function withFailures(row: Row, failures: number): Row {
  return { ...row, pairs: row.pairs.map((p) => ({ ...p, window: { ...p.window, failures } })) };
}

function pour(res: ServerResponse): void {
  const part = Buffer.alloc(1 << 20, " ");
  const more = () => {
    while (!res.destroyed && res.write(part));
    if (!res.destroyed) res.once("drain", more);
  };
  more();
}

test("a peer without an address is a missing row, and all who ask at once share one gathering", async () => {
  const two = await open("node-2", "127.0.0.2");
  self.agent.apis = [peer("node-2", two.url)];
  const answers = await Promise.all(Array.from({ length: 8 }, () => get(`${self.url}/api/v1/mesh`)));
  expect(new Set(answers.map((a) => a.text)).size).toBe(1);
  expect(two.agent.rowsGiven).toBe(1);
  expect((answers[0]!.json() as Snapshot).missing.find((m) => m.node.name === "node-3")!.reason).toBe(
    "discovery gives no address for it",
  );
});

test("the snapshot comes compressed to who takes gzip, with the same content", async () => {
  const plain = await get(`${self.url}/api/v1/mesh`);
  const response = await fetch(`${self.url}/api/v1/mesh`, { headers: { "accept-encoding": "gzip" } });
  expect(response.headers.get("content-encoding")).toBe("gzip");
  expect(await response.text()).toBe(plain.text);
});

test("pairs gives windows, one destination only when asked, and the last 60 seconds with detail=seconds", async () => {
  const all = (await get(`${self.url}/api/v1/pairs`)).json() as Row;
  expect(new Set(all.pairs.map((p) => p.destination.name)).size).toBe(5);
  expect(all.pairs.every((p) => p.seconds === undefined)).toBe(true);
  const one = (await get(`${self.url}/api/v1/pairs?detail=seconds&destination=node-3`)).json() as Row;
  expect(new Set(one.pairs.map((p) => p.destination.name))).toEqual(new Set(["node-3"]));
  expect(one.pairs.every((p) => p.seconds?.length === 60)).toBe(true);
  expect((await get(`${self.url}/api/v1/pairs?detail=everything`)).status).toBe(400);
});

test("detail=evidence gives the row in the compact form, the agent's own and whole only", async () => {
  const { statusCode, headers, body } = await request(`${self.url}/api/v1/pairs?detail=evidence`);
  expect(statusCode).toBe(200);
  expect(headers["content-type"]).toBe(COMPACT_TYPE);
  expect(headers["keep-alive"]).toBe(`timeout=${IDLE_CONNECTION_MS / 1_000}`);
  expect(readCompactRow(Buffer.from(await body.arrayBuffer()), NODES[0]!).pairs).toBe(NODES.length - 1);
  for (const more of ["of=node-2", "destination=node-2", "since=5m"])
    expect((await get(`${self.url}/api/v1/pairs?detail=evidence&${more}`)).status).toBe(400);
});

test("since= gives the past: each row what it covers, and an agent that keeps none is missing with the cure", async () => {
  const two = await open("node-2", "127.0.0.2");
  const old = await impostor((res) => res.end(JSON.stringify(sampleRow(MESH, NODES[2]!))));
  self.agent.apis = [peer("node-2", two.url), peer("node-3", old)];
  const past = { ...MESH, loss: [{ from: "node-1", to: "node-2", ratio: 1 }] };
  self.agent.past = { mesh: past };
  const since = "2026-11-27T02:00:00.000Z";
  two.agent.past = { mesh: past, since };
  const seen = parseSnapshot((await get(`${self.url}/api/v1/mesh?since=10m`)).json());
  const { span } = seen;
  expect(Date.parse(span!.until) - Date.parse(span!.since)).toBe(600_000);
  expect(seen.rows.map(({ source, covered }) => [source.name, covered?.since])).toEqual([
    ["node-1", span!.since],
    ["node-2", since],
  ]);
  expect(seen.rows[0]!.pairs[0]!.window.failures).toBeGreaterThan(0);
  expect(seen.missing.find(({ node }) => node.name === "node-3")?.reason).toContain(
    "keeps no past: finish the upgrade",
  );
  const now = parseSnapshot((await get(`${self.url}/api/v1/mesh`)).json());
  expect(now).not.toHaveProperty("span");
  expect(now.rows).toHaveLength(3);
});

test.each(["since=yesterday", "until=1m", "since=5m&until=10m", "since=1m&since=2m", "since=5m&detail=seconds"])(
  "a stretch of time that makes none is refused with what is wrong (%s)",
  async (query) => {
    const { status, json } = await get(`${self.url}/api/v1/pairs?${query}`);
    expect(status).toBe(400);
    expect(json()).toHaveProperty("error");
  },
);

test("pair gives both directions from the two agents that measure them, and says which one did not answer", async () => {
  const two = await open("node-2", "127.0.0.2");
  const three = await open("node-3", "127.0.0.3");
  self.agent.apis = [peer("node-2", two.url), peer("node-3", three.url), peer("node-4", "http://127.0.0.4:9")];
  const found = (await get(`${self.url}/api/v1/pair?source=node-2&destination=node-3`)).json() as PairDetail;
  expect(found.directions.map((d) => [d.source.name, d.destination.name, "row" in d && d.row.source.name])).toEqual([
    ["node-2", "node-3", "node-2"],
    ["node-3", "node-2", "node-3"],
  ]);
  const [there] = found.directions;
  expect(
    "row" in there && there.row.pairs.every((p) => p.destination.name === "node-3" && p.seconds!.length === 60),
  ).toBe(true);
  const half = (await get(`${self.url}/api/v1/pair?source=node-1&destination=node-4`)).json() as PairDetail;
  expect(half.directions[0]).toHaveProperty("row");
  expect(half.directions[1]).toMatchObject({
    missing: expect.stringContaining("nothing listens at 127.0.0.4:9 (connection refused)") as string,
  });
});

test("pair refuses a node that is not in the mesh by name, and a pair of a node with itself", async () => {
  expect(await get(`${self.url}/api/v1/pair?source=node-1&destination=nowhere`)).toMatchObject({
    status: 404,
    text: expect.stringContaining("'nowhere'"),
  });
  expect((await get(`${self.url}/api/v1/pair?source=node-1&destination=node-1`)).status).toBe(400);
  expect((await get(`${self.url}/api/v1/pair?source=node-1&source=node-2&destination=node-3`)).status).toBe(400);
});

test("readyz is 503 with the reason until the agent is ready, while healthz is fine all along", async () => {
  self.agent.ready = { ready: false, reason: "no list of peers has come yet" };
  expect(await get(`${self.url}/readyz`)).toMatchObject({
    status: 503,
    text: "not ready: no list of peers has come yet\n",
  });
  expect((await get(`${self.url}/healthz`)).status).toBe(200);
  self.agent.ready = { ready: true };
  expect((await get(`${self.url}/readyz`)).status).toBe(200);
});

test("identity and peers tell of this agent and whom it knows", async () => {
  expect((await get(`${self.url}/api/v1/identity`)).json()).toMatchObject({
    schemaVersion: 1,
    node: { name: "node-1" },
  });
  expect((await get(`${self.url}/api/v1/peers`)).json()).toMatchObject({
    node: { name: "node-1" },
    peers: [{ node: { name: "node-2" }, probed: true }, {}, {}, {}, {}],
  });
});

test("only reads are answered, and unknown paths say where things are", async () => {
  const { statusCode, body } = await request(`${self.url}/api/v1/mesh`, { method: "POST" });
  expect([statusCode, await body.text()]).toEqual([405, expect.stringContaining("only reads")]);
  expect(await get(`${self.url}/api/v1/nothing`)).toMatchObject({
    status: 404,
    text: expect.stringContaining("/api/v1"),
  });
  expect((await get(`${self.url}/..%2f..%2fetc/passwd`)).status).toBe(404);
});

test("every answer forbids sniffing, framing and foreign content", async () => {
  for (const path of ["/healthz", "/api/v1/identity", "/nowhere"]) {
    const { headers } = await get(`${self.url}${path}`);
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["content-security-policy"]).toMatch(/^default-src 'self'.*frame-ancestors 'none'/);
    expect(headers["x-powered-by"]).toBeUndefined();
  }
});

test("a port that is taken ends the start with what has it and what to do", async () => {
  await expect(
    startApi({ sources: self.agent, port: self.api.port, listen: ["127.0.0.1"], log: SILENT_LOG }),
  ).rejects.toThrow(/cannot listen on 127\.0\.0\.1, port \d+: EADDRINUSE; another process has it/);
});

test("stopping ends open event streams and frees the port, and stopping twice is harmless", async () => {
  const { body } = await request(`${self.url}/api/v1/mesh/events`);
  const ended = body.text().catch(() => "cut");
  await self.api[Symbol.asyncDispose]();
  await self.api[Symbol.asyncDispose]();
  await ended;
  const refused = await new Promise((resolve) =>
    connect(self.api.port, "127.0.0.1").once("error", (err) => resolve((err as { code?: string }).code)),
  );
  expect(refused).toBe("ECONNREFUSED");
});

test("every listening socket is made to send small segments, by its real descriptor", async () => {
  const sockets: string[] = [];
  await open("node-1", "127.0.0.1", {
    smallSegments: (fd: number) => sockets.push(readlinkSync(`/proc/self/fd/${fd}`)),
  });
  expect(sockets).toEqual([expect.stringMatching(/^socket:/)]);
});

test("an engine that cannot make segments small says so, and the API answers nevertheless", async () => {
  const said: string[] = [];
  const { url } = await open("node-1", "127.0.0.1", {
    smallSegments: () => {
      throw new Error("ENOPROTOOPT");
    },
    log: { error: (_details: object, message: string) => said.push(message) },
  });
  expect(said).toEqual(["answers of the HTTP API may not pass where the path MTU is small"]);
  expect((await get(`${url}/healthz`)).status).toBe(200);
});

test("a node's view is given as its schema promises it, and its kernel is read once for all that ask", async () => {
  const { agent, url } = self;
  const views = await Promise.all([1, 2, 3].map(() => get(`${url}/api/v1/node`)));
  expect(views[0]!.headers["content-type"]).toContain("application/json");
  expect(nodeViewSchema.parse(views[0]!.json())).toEqual(await agent.nodeView());
  expect(new Set(views.map(({ text }) => text)).size).toBe(1);
});
