import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { PEER_ROWS_DEFAULTS, PeerRows } from "../../agent/peers/peer-rows.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";

const MESH = { nodes: 2, zones: 1 };
const [, node] = sampleNodes(MESH);
const opened = new AsyncDisposableStack();
afterEach(() => opened.disposeAsync());

test("an answer that arrived while this process could not read it is an answer, not a timeout", async () => {
  const server = createServer((_req, res) => {
    res.end(JSON.stringify(sampleRow(MESH, node!)));
    // The answer is on its way; now the event loop stands still for longer than the deadline.
    setImmediate(() => {
      const untilMs = performance.now() + 400;
      while (performance.now() < untilMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => void server.close());
  const rows = opened.use(new PeerRows({ ...PEER_ROWS_DEFAULTS, deadlineMs: 300 }));
  const answer = await rows.ask(
    { node: node!, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, serving: true },
    { detail: "window" },
  );
  expect(answer.kind).toBe("row");
});
