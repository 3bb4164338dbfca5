import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { JUDGE_EVERY_MS } from "../../agent/judge/pace.ts";
import { IDLE_CONNECTION_MS } from "../../agent/peers/peer-api.ts";
import { PEER_ROWS_DEFAULTS, PeerRows } from "../../agent/peers/peer-rows.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";

const MESH = { nodes: 2, zones: 1 };
const [, node] = sampleNodes(MESH);
let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

/** A peer's API at which this answers. */
async function peerWhere(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => (server.closeAllConnections(), void server.close()));
  return { node: node!, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, serving: true };
}

test("an answer that arrived while this process could not read it is an answer, not a timeout", async () => {
  const peer = await peerWhere((_req, res) => {
    res.end(JSON.stringify(sampleRow(MESH, node!)));
    // The answer is on its way; now the event loop stands still for longer than the deadline.
    setImmediate(() => {
      const untilMs = performance.now() + 400;
      while (performance.now() < untilMs);
    });
  });
  const rows = opened.use(new PeerRows({ ...PEER_ROWS_DEFAULTS, deadlineMs: 300 }));
  const answer = await rows.ask(peer, { detail: "window" });
  expect(answer.kind).toBe("row");
});

test("a row in many pieces is put together, one byte more than is taken is a missing row, and so is a body that stops coming", async () => {
  const json = JSON.stringify(sampleRow(MESH, node!));
  const isComplete = { now: true };
  const peer = await peerWhere((_req, res) => {
    res.write(json.slice(0, 1));
    setTimeout(() => (isComplete.now ? res.end(json.slice(1)) : res.write(json.slice(1, -1))), 20);
  });
  const asked = (options: object) =>
    opened.use(new PeerRows({ ...PEER_ROWS_DEFAULTS, ...options })).ask(peer, { detail: "window" });
  expect(await asked({ maxRowBytes: json.length })).toMatchObject({ kind: "row", row: { source: node! } });
  expect(await asked({ maxRowBytes: json.length - 1 })).toMatchObject({
    kind: "missing",
    reason: `its row is larger than ${json.length - 1} bytes`,
  });
  isComplete.now = false;
  expect(await asked({ deadlineMs: 200 })).toMatchObject({
    kind: "missing",
    reason: expect.stringContaining("within 0.2 s") as string,
    answered: undefined,
  });
});

test("a connection outlives the wait between two judgements, by the client's time and by the server's", () => {
  // undici gives a connection up a second before the server does.
  expect(IDLE_CONNECTION_MS - 1_000).toBeGreaterThan(JUDGE_EVERY_MS);
});
