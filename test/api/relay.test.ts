// A row that cannot be fetched from its own agent, by way of others: real servers, one of them out of our reach.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { ApiOptions } from "../../agent/api/api.ts";
import { parseSnapshot } from "../../agent/peers/schema.ts";
import { SEAL_HEADER } from "../../agent/peers/row-seal.ts";
import type { PairDetail } from "../../agent/model/pair-detail.ts";
import type { Row, Snapshot } from "../../agent/model/snapshot.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";
import { startAgent, type RunningAgent } from "./api-mesh.ts";

const MESH = { nodes: 4, zones: 2, loss: [{ from: "node-4", to: "node-2", ratio: 0.25 }] };
const NODES = sampleNodes(MESH);
const node = (name: string) => NODES.find((n) => n.name === name)!;
const NOWHERE = "http://127.0.0.9:9";
const KEY = Buffer.from("the key of this mesh");
const FAST = { deadlineMs: 600 };

let opened: AsyncDisposableStack;
beforeEach(() => (opened = new AsyncDisposableStack()));
afterEach(() => opened.disposeAsync());

async function open(name: string, address: string, options: Partial<ApiOptions> = {}): Promise<RunningAgent> {
  const running = await startAgent(MESH, node(name), address, { ...FAST, ...options });
  opened.use(running.api);
  return running;
}

const api = (name: string, url: string, serving = true) => ({ node: node(name), url, serving });

/** A relay that is no agent of ours, and what it was asked. */
async function impostor(answer: (req: IncomingMessage, res: ServerResponse) => void) {
  const asked: URL[] = [];
  const server = createServer((req, res) => {
    asked.push(new URL(req.url!, "http://impostor"));
    answer(req, res);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  opened.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** Answers for itself as an agent does, and for node-4 with whatever `forged` is. */
function lying(name: string, forged: (row: Row) => Row, headers: Record<string, string> = {}) {
  return impostor((req, res) => {
    const of = new URL(req.url!, "http://impostor").searchParams.get("of");
    const row = { ...sampleRow(MESH, node(of ?? name)), at: new Date().toISOString() };
    res.writeHead(200, of === null ? {} : headers).end(JSON.stringify(of === null ? row : forged(row)));
  });
}

const totalLoss = (row: Row): Row => ({
  ...row,
  pairs: row.pairs.map((p) => ({
    ...p,
    window: {
      ...p.window,
      failures: p.window.probes,
      refusals: 0,
      rttMeanNs: undefined,
      rttMinNs: undefined,
      rttMaxNs: undefined,
      jitterNs: undefined,
    },
  })),
});

/** node-1 reaches everyone but node-4, which node-2 and node-3 reach. */
async function mesh(options: Partial<ApiOptions> = {}) {
  const [self, two, three, four] = [
    await open("node-1", "127.0.0.1", options),
    await open("node-2", "127.0.0.2", options),
    await open("node-3", "127.0.0.3", options),
    await open("node-4", "127.0.0.4", options),
  ];
  self.agent.apis = [api("node-2", two.url), api("node-3", three.url), api("node-4", NOWHERE)];
  for (const relay of [two, three]) relay.agent.apis = [api("node-1", self.url), api("node-4", four.url)];
  return { self, two, three, four };
}

async function snapshot(agent: RunningAgent): Promise<Snapshot> {
  const { body } = await request(`${agent.url}/api/v1/mesh`);
  return parseSnapshot(await body.json());
}

describe("without a shared key", () => {
  test("a row that two relays give is in the snapshot, marked with their names and the reason", async () => {
    const { self } = await mesh();
    const { rows, missing, relayed } = await snapshot(self);
    expect(rows.map((r) => r.source.name)).toEqual(["node-1", "node-2", "node-3", "node-4"]);
    expect(missing).toEqual([]);
    expect(relayed).toEqual([
      {
        node: node("node-4"),
        by: expect.arrayContaining(["node-2", "node-3"]) as string[],
        trust: "agreed",
        reason: "nothing listens at 127.0.0.9:9 (connection refused)",
      },
    ]);
  });

  test("the pair of a page comes by way of others too, marked", async () => {
    const { self } = await mesh();
    const { body } = await request(`${self.url}/api/v1/pair?source=node-4&destination=node-2`);
    const [there] = ((await body.json()) as PairDetail).directions;
    expect(there).toMatchObject({ relayed: { trust: "agreed" } });
    expect("row" in there && there.row.pairs.length > 0).toBe(true);
  });

  test("a row that one relay alone gives is missing, and what it says is kept as hearsay", async () => {
    const { self, two } = await mesh();
    self.agent.apis = [api("node-2", two.url), api("node-4", NOWHERE)];
    const { rows, missing, relayed } = await snapshot(self);
    expect(rows.map((r) => r.source.name)).toEqual(["node-1", "node-2"]);
    expect(relayed).toBeUndefined();
    const found = missing.find((m) => m.node.name === "node-4")!;
    expect(found.reason).toContain("it came by way of node-2 alone");
    expect(found.hearsay?.source.name).toBe("node-4");
  });

  test("a relay that makes up losses is contrary to an honest one, and accuses nobody", async () => {
    const { self, two } = await mesh();
    const forger = await lying("node-3", totalLoss);
    self.agent.apis = [api("node-2", two.url), api("node-3", forger.url), api("node-4", NOWHERE)];
    const { rows, missing } = await snapshot(self);
    expect(rows.map((r) => r.source.name)).toEqual(["node-1", "node-2", "node-3"]);
    expect(missing[0]!.reason).toMatch(/node-[23] and node-[23] give different rows of it/);
    expect(missing[0]!.hearsay).toBeUndefined();
  });

  test("a relay that gives another node's row, or none, gives nothing", async () => {
    const { self } = await mesh();
    const other = await lying("node-2", () => sampleRow(MESH, node("node-3")));
    const refusing = await lying("node-3", () => ({}) as Row);
    self.agent.apis = [api("node-2", other.url), api("node-3", refusing.url), api("node-4", NOWHERE)];
    const { missing } = await snapshot(self);
    expect(missing[0]!.reason).toContain("by way of node-2: it answered as node 'node-3'");
    expect(missing[0]!.reason).toContain("by way of node-3: its row is invalid");
  });
});

describe("with a shared key", () => {
  test("one relay is enough: the row's own agent signed it", async () => {
    const { self, two } = await mesh({ sharedKey: KEY });
    self.agent.apis = [api("node-2", two.url), api("node-4", NOWHERE)];
    const { rows, relayed } = await snapshot(self);
    expect(rows.map((r) => r.source.name)).toContain("node-4");
    expect(relayed).toMatchObject([{ by: ["node-2"], trust: "signed" }]);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["not signed", {}, /by way of node-3: it is not signed/],
    ["signed with something", { [SEAL_HEADER]: "0".repeat(64) }, /by way of node-3: its signature is wrong/],
  ])("a made-up row that is %s never counts, even with no other at hand", async (_what, headers, why) => {
    const { self } = await mesh({ sharedKey: KEY });
    const forger = await lying("node-3", totalLoss, headers);
    self.agent.apis = [api("node-3", forger.url), api("node-4", NOWHERE)];
    const { rows, missing } = await snapshot(self);
    expect(rows.map((r) => r.source.name)).not.toContain("node-4");
    const found = missing.find((m) => m.node.name === "node-4")!;
    expect(found.reason).toMatch(why);
    expect(found.hearsay).toBeUndefined();
  });

  test("an honest relay's row counts beside a made-up one", async () => {
    const { self, two } = await mesh({ sharedKey: KEY });
    const forger = await lying("node-3", totalLoss);
    self.agent.apis = [api("node-2", two.url), api("node-3", forger.url), api("node-4", NOWHERE)];
    const { relayed } = await snapshot(self);
    expect(relayed).toMatchObject([{ by: ["node-2"], trust: "signed" }]);
  });
});

describe("who is asked", () => {
  test("two at most, by name, and only once what it says of itself does not come", async () => {
    const { self } = await mesh();
    const relays = await Promise.all(["node-2", "node-3"].map((name) => lying(name, (row) => row)));
    self.agent.apis = [api("node-2", relays[0]!.url), api("node-3", relays[1]!.url), api("node-4", NOWHERE)];
    await snapshot(self);
    const relayed = relays.flatMap(({ asked }) => asked.filter((url) => url.searchParams.has("of")));
    expect(relayed.map((url) => url.pathname + url.search)).toEqual(Array(2).fill("/api/v1/pairs?of=node-4"));
  });

  test("nobody about a node that answers for itself, whatever it answers", async () => {
    const { self } = await mesh();
    const broken = await impostor((_req, res) => void res.end("no row"));
    const relay = await lying("node-2", (row) => row);
    self.agent.apis = [api("node-2", relay.url), api("node-4", broken.url)];
    const { missing } = await snapshot(self);
    expect(missing.find((m) => m.node.name === "node-4")!.reason).toBe(`its answer is not JSON: "no row"`);
    expect(relay.asked.some((url) => url.searchParams.has("of"))).toBe(false);
  });

  test("none that discovery calls not ready, and none that has just not answered", async () => {
    const { self, two } = await mesh();
    self.agent.apis = [api("node-2", two.url, false), api("node-3", "http://127.0.0.8:9"), api("node-4", NOWHERE)];
    await snapshot(self);
    const now = performance.now.bind(performance);
    const later = vi.spyOn(performance, "now").mockImplementation(() => now() + 1_050);
    onTestFinished(() => later.mockRestore());
    const { missing } = await snapshot(self);
    expect(missing.find((m) => m.node.name === "node-4")!.reason).toBe(
      "nothing listens at 127.0.0.9:9 (connection refused)",
    );
  });
});

describe("an agent that is asked for another's row", () => {
  const ask = async (agent: RunningAgent, query: string) => {
    const { statusCode, headers, body } = await request(`${agent.url}/api/v1/pairs?${query}`);
    return { status: statusCode, seal: headers[SEAL_HEADER], said: (await body.json()) as Row & { error?: string } };
  };

  test("gives it as its agent wrote and signed it", async () => {
    const { two, four } = await mesh({ sharedKey: KEY });
    // Written anew it would be of another moment.
    const row = four.agent.row({ detail: "window" });
    four.agent.row = () => row;
    const [own, relayed] = [await ask(four, ""), await ask(two, "of=node-4")];
    expect(relayed).toEqual(own);
    expect(relayed.seal).toMatch(/^[0-9a-f]{64}$/);
  });

  test("gives its own when that is asked for by name", async () => {
    const { two } = await mesh();
    expect((await ask(two, "of=node-2")).said.source.name).toBe("node-2");
  });

  test("asks that agent once for all who want the same within a second", async () => {
    const { two, four } = await mesh();
    await Promise.all(Array.from({ length: 8 }, () => ask(two, "of=node-4&detail=seconds")));
    expect(four.agent.rowsGiven).toBe(1);
  });

  test("says so of a node that it does not know, and of one that it cannot reach either", async () => {
    const { two } = await mesh();
    expect(await ask(two, "of=node-9")).toMatchObject({
      status: 404,
      said: { error: "it knows no address of 'node-9'" },
    });
    two.agent.apis = [api("node-4", NOWHERE)];
    expect(await ask(two, "of=node-4")).toMatchObject({
      status: 504,
      said: { error: expect.stringContaining("connection refused") as string },
    });
    expect(await ask(two, "of=node-4&of=node-3")).toMatchObject({ status: 400 });
  });

  test("never asks a third: one hop", async () => {
    const { self, two, three } = await mesh();
    two.agent.apis = [api("node-3", three.url), api("node-4", NOWHERE)];
    const before = three.agent.rowsGiven;
    expect((await ask(two, "of=node-4")).status).toBe(504);
    expect(three.agent.rowsGiven).toBe(before);
    expect(self.agent.rowsGiven).toBe(0);
  });

  test("has four under way for others, and refuses more", async () => {
    const { two } = await mesh();
    const silent = await impostor(() => {});
    two.agent.apis = ["node-1", "node-3", "node-4"].map((name) => api(name, silent.url));
    const queries = ["node-1", "node-3", "node-4"].flatMap((of) => [`of=${of}`, `of=${of}&destination=node-2`]);
    const answers = await Promise.all(queries.map((query) => ask(two, query)));
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([503, 503, 504, 504, 504, 504]);
    const refused = answers.find(({ status }) => status === 503)!;
    expect(refused.said.error).toBe("it has 4 rows under way for others, which is its limit");
    two.agent.apis = [];
    expect((await ask(two, "of=node-5")).status).toBe(404);
  });
});
