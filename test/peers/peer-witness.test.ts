import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { PeerWitness } from "../../agent/peers/peer-witness.ts";
import type { PeerApi } from "../../agent/peers/peer-api.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";
import { testSlot } from "../support/test-slot.ts";

const MESH = { nodes: 40, zones: 2 };
const [self, ...others] = sampleNodes(MESH);
const opened = new AsyncDisposableStack();
afterEach(async () => {
  vi.useRealTimers();
  await opened.disposeAsync();
});

test("every peer that may tell the direction of a loss is asked in turn, however many others never answer", async () => {
  const alive = others.at(-1)!;
  const server = createServer((_req, res) => {
    res.end(JSON.stringify(sampleRow(MESH, alive)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const apis: PeerApi[] = others.map((node) => ({
    node,
    serving: true,
    url: node === alive ? `http://127.0.0.1:${port}` : "http://127.0.0.1:1",
  }));
  const slots = others.map((node) =>
    testSlot({ protocol: "udp", address: "10.0.0.2", pair: { source: self!, destination: node } }),
  );
  const reported: Slot[] = [];
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const witness = opened.use(
    new PeerWitness({
      udp: { wantingPeerRow: () => slots, peerReported: (slot) => void reported.push(slot) },
      clock: new FakeClock(),
      self: self!.name,
      peerApis: () => apis,
    }),
  );
  witness.start();
  for (let round = 0; round < 4; round++) {
    await vi.advanceTimersByTimeAsync(5_000);
    for (let waits = 0; waits < 20 && reported.length === 0; waits++)
      await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(reported.map((slot) => slot.pair.destination)).toContainEqual(alive);
});
