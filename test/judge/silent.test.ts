// Rows that will not come: a judge does not wait long for who answers nothing else either.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { silentPeers } from "../../agent/judge/gather.ts";
import { Rows } from "../../agent/peers/rows.ts";
import { sampleNodes, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";

const MESH: SampleMesh = { nodes: 3, zones: 1 };
const [self, second, third] = sampleNodes(MESH) as [Node, Node, Node];
type Node = ReturnType<typeof sampleNodes>[number];

/** `ends`: how the last of the sixty seconds ended, by destination, network and protocol. */
function silentWith(ends: Readonly<Record<string, string>>): readonly string[] {
  const row = sampleRow(MESH, self);
  const pairs = row.pairs.map((pair) => {
    const end = ends[`${pair.destination.name} ${pair.network} ${pair.protocol}`];
    return end === undefined ? pair : { ...pair, lostSeconds: end.padStart(60, "0") };
  });
  return [...silentPeers({ pairs })].sort();
}

test("a peer is silent whose pod has answered no ICMP for the last seconds", () => {
  expect(silentWith({})).toEqual([]);
  expect(silentWith({ "node-2 pod icmp": "1110" })).toEqual(["node-2"]);
  expect(silentWith({ "node-2 pod icmp": "1111", "node-3 pod icmp": "0111" })).toEqual(["node-2", "node-3"]);
});

test("it is not for a loss or two, for losses that are over, or for those of another network or protocol", () => {
  expect(silentWith({ "node-2 pod icmp": "0101" })).toEqual([]);
  expect(silentWith({ "node-2 pod icmp": "111111110000" })).toEqual([]);
  expect(silentWith({ "node-2 node icmp": "1111", "node-3 pod udp": "1111" })).toEqual([]);
});

test("for a silent agent a judge waits a second, for any other as long as it was told", async () => {
  await using server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const of = (node: Node) => ({ node, url, serving: true });
  await using patient = new Rows({ peerApis: () => [of(second)], deadlineMs: 60_000, seal: undefined });
  expect(await patient.evidence(of(second), { isSilent: true })).toMatchObject({
    kind: "missing",
    reason: expect.stringContaining("within 1 s"),
  });
  await using brisk = new Rows({ peerApis: () => [of(third)], deadlineMs: 200, seal: undefined });
  expect(await brisk.evidence(of(third))).toMatchObject({ reason: expect.stringContaining("within 0.2 s") });
  server.closeAllConnections();
});

test("in haste a judge waits a second for each agent, and no longer for who should tell of it", async () => {
  await using server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const apis = [second, third].map((node) => ({ node, url, serving: true }));
  await using rows = new Rows({ peerApis: () => apis, deadlineMs: 60_000, seal: undefined });
  const answers = await Promise.all(apis.map((api) => rows.evidence(api, { isHasty: true })));
  for (const [i, answer] of answers.entries())
    expect(answer).toMatchObject({
      kind: "missing",
      reason: expect.stringMatching(`within 1 s; by way of ${[third, second][i]!.name}: no answer from .* within 1 s`),
    });
  server.closeAllConnections();
});

test("who has not answered once is not waited for long, and gets its full time again later", async () => {
  let asked = 0;
  await using server = createServer(() => void asked++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const api = { node: second, url, serving: true };
  await using rows = new Rows({ peerApis: () => [api], deadlineMs: 1_200, seal: undefined });
  expect(await rows.evidence(api)).toMatchObject({ reason: expect.stringContaining("within 1.2 s") });
  expect(await rows.evidence(api)).toMatchObject({ reason: expect.stringContaining("within 1 s") });
  expect(asked).toBe(2);
  server.closeAllConnections();
});
