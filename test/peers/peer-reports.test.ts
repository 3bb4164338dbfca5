import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Chores } from "../../agent/base/chores.ts";
import { PeerReports, type PeerReportsOptions } from "../../agent/peers/peer-reports.ts";
import type { PeerApi } from "../../agent/peers/peer-api.ts";
import { Rows, ROWS_DEFAULTS } from "../../agent/peers/rows.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { sampleNodes, sampleRow } from "../support/sample-mesh.ts";
import { testSlot } from "../support/test-slot.ts";

const MESH = { nodes: 40, zones: 2 };
const [self, ...others] = sampleNodes(MESH);
let opened: AsyncDisposableStack;
beforeEach(() => (opened = new AsyncDisposableStack()));
afterEach(async () => {
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
  const clock = new FakeClock();
  const chores = new Chores(clock);
  const peerReports = opened.use(
    new PeerReports({
      udp: { wantingPeerRow: () => slots, peerReported: (slot) => void reported.push(slot) },
      clock,
      chores,
      self: self!.name,
      peerApis: () => apis,
      rows: opened.use(new Rows({ ...ROWS_DEFAULTS, peerApis: () => [], seal: undefined })),
    }),
  );
  peerReports.start();
  for (let round = 0; round < 4; round++) {
    clock.advanceMs(5_000);
    chores.tick();
    // The answers come over real sockets: as many turns of the event loop as they need.
    for (let turns = 0; turns < 2_000 && reported.length === 0; turns++) await setImmediate();
  }
  expect(reported.map((slot) => slot.pair.destination)).toContainEqual(alive);
});

test("where nothing passes between two nodes, the other's row tells the direction by way of others", async () => {
  const [, target, ...relays] = sampleNodes({ nodes: 4, zones: 1 });
  const mesh = { nodes: 4, zones: 1 };
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(req.url!);
    res.end(JSON.stringify(sampleRow(mesh, target!)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const apis: PeerApi[] = [
    { node: target!, serving: true, url: "http://127.0.0.1:1" },
    ...relays.map((node) => ({ node, serving: true, url: `http://127.0.0.1:${port}` })),
  ];
  const slot = testSlot({ protocol: "udp", address: "10.0.0.2", pair: { source: self!, destination: target! } });
  const reports: Parameters<PeerReportsOptions["udp"]["peerReported"]>[1][] = [];
  const clock = new FakeClock();
  const chores = new Chores(clock);
  const peerReports = opened.use(
    new PeerReports({
      udp: { wantingPeerRow: () => [slot], peerReported: (_slot, report) => void reports.push(report) },
      clock,
      chores,
      self: self!.name,
      peerApis: () => apis,
      rows: opened.use(new Rows({ ...ROWS_DEFAULTS, peerApis: () => apis, seal: undefined })),
    }),
  );
  peerReports.start();
  clock.advanceMs(5_000);
  chores.tick();
  while (reports.length === 0) await setImmediate();
  expect(asked).toEqual(Array(2).fill(`/api/v1/pairs?of=${target!.name}&destination=${self!.name}`));
  expect(reports[0]!.row.udpReceived.some((u) => u.source.name === self!.name)).toBe(true);
  // The row may have been kept for a second by its agent, and for one by a relay.
  expect(reports[0]!.askedNs).toBe(clock.monotonicNs() - 2e9);
});
