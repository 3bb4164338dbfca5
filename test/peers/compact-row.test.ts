import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import type { EvidenceBuilder } from "../../agent/diagnosis/evidence/builder.ts";
import { agentOf, evidenceFromRows, evidenceRow } from "../../agent/diagnosis/evidence/from-snapshot.ts";
import type { Row } from "../../agent/model/snapshot.ts";
import { encodeRow, readCompactRow } from "../../agent/peers/compact-row.ts";
import { RowSeal } from "../../agent/peers/row-seal.ts";
import { Rows } from "../../agent/peers/rows.ts";
import { RowError, rowSchema } from "../../agent/peers/schema.ts";
import { sampleNodes, sampleRow, type SampleMesh } from "../support/sample-mesh.ts";

const MESH: SampleMesh = {
  nodes: 6,
  zones: 3,
  dead: { "node-6": "switched off" },
  loss: [{ from: "node-1", to: "node-3", ratio: 0.2 }],
  tcpRefused: ["node-5"],
  mtuShortfall: [{ from: "node-1", to: "node-4", passesBytes: 1_400 }],
};
const NODES = sampleNodes(MESH);

/** With all that only newer rows tell. */
function fullRow(): Row {
  const row = sampleRow(MESH, NODES[0]!);
  return {
    ...row,
    extent: { nodes: 6, probed: 5, isFullMesh: true, largestInDegree: 5 },
    unprobed: [{ destination: NODES[1]!, reason: "identity", text: "another answers" }],
    servicePath: { paths: [], unresolved: [] },
    dns: [{ server: "cluster", names: "cluster", lookups: 12, failures: 2 }],
    pairs: row.pairs.map((pair) => ({
      ...pair,
      ...(pair.window.failures > 0 && { lostSeconds: "1".padStart(30, "0").padEnd(59, "0") + "f" }),
      ...(pair.protocol === "udp" && {
        ports: { probes: [7, 8, 7, 8, 7, 8, 7, 8], failures: [0, 0, 7, 0, 0, 0, 0, 1] },
        hopsThere: { now: 4, before: 3, changedAt: row.at },
        seenAs: pair.destination.name === "node-2" ? "fd00::7" : "10.244.1.2",
      }),
      ...(pair.window.rttMinNs !== undefined && { rttLatelyNs: 3 * pair.window.rttMinNs }),
      ...(pair.protocol !== "tcp" && { hops: { now: 3 } }),
    })),
  };
}

const RULES = { atSeconds: 1_790_000_000, judge: "node-1", missing: [], nodes: NODES.map((node) => ({ node })) };

const fromJson = (row: Row) => evidenceFromRows({ ...RULES, rows: [evidenceRow(row)] });
function fromCompact(bytes: Buffer) {
  const row = readCompactRow(bytes, NODES[0]!);
  const addTo = (builder: EvidenceBuilder) => {
    if (builder.beginRow(row.head.source.name, agentOf(row.head))) row.tell(builder);
  };
  return evidenceFromRows({ ...RULES, rows: [{ pairs: NODES.length, addTo }] });
}

test("a row is the same evidence in the compact form as in JSON, and all that newer rows tell is in it", () => {
  const row = fullRow();
  expect(rowSchema.safeParse(JSON.parse(JSON.stringify(row))).error).toBeUndefined();
  const evidence = fromCompact(encodeRow(row));
  expect(evidence).toEqual(fromJson(row));
  expect(evidence.nodes[0]!.agent).toMatchObject({ meshSize: 6, unprobed: [{ node: "node-2", reason: "identity" }] });
  const udp = evidence.paths.find(({ protocol }) => protocol === "udp")!;
  expect([...udp.ports!.failures.subarray(0, 8)]).toEqual([0, 0, 7, 0, 0, 0, 0, 1]);
  expect(evidence.addresses).toEqual(["fd00::7", "10.244.1.2"]);
  expect(udp.hops![0]).toBe(3);
  expect([udp.hopsThere![0], udp.hopsThereBefore![0], udp.hopsChangedAgo![0]]).toEqual([4, 3, 0]);
  expect(evidence.nodes[0]!.agent!.dns).toMatchObject([{ lookups: 12, failures: 2 }]);
  const lost = evidence.paths.flatMap(({ lostSeconds }) => (lostSeconds ? [...lostSeconds.bits] : []));
  expect(lost).toContain((1 << 29) >>> 0);
  expect(lost).toContain(1 << 27);
});

test("a row of an older agent, which tells less, is the same evidence in both forms too", () => {
  const row = sampleRow(MESH, NODES[0]!);
  expect(fromCompact(encodeRow(row))).toEqual(fromJson(row));
});

test("what a newer agent says of a slot beyond what this one knows is passed over, and the rest is the same evidence", () => {
  const row = fullRow();
  const bytes = encodeRow(row);
  // The first slot, as a newer agent would write it: one more part (bit 15), three bytes behind all others.
  const first = encodeRow({ ...row, pairs: row.pairs.slice(0, 1), pathMtu: [] });
  const slotBytes = first.length - 4 - first.lastIndexOf(Buffer.from([1, 0, 0, 0])) - 4;
  const at = bytes.indexOf(first.subarray(first.length - 4 - slotBytes, first.length - 4));
  expect(at).toBeGreaterThan(0);
  const newer = Buffer.concat([
    bytes.subarray(0, at + slotBytes),
    Buffer.from([1, 2, 3]),
    bytes.subarray(at + slotBytes),
  ]);
  newer.writeUInt16LE(newer.readUInt16LE(at + 7) | 0x8000, at + 7);
  newer.writeUInt8(newer.readUInt8(at + 9) + 3, at + 9);
  expect(fromCompact(newer)).toEqual(fromJson(row));
  const json = JSON.parse(JSON.stringify(row)) as { pairs: Record<string, unknown>[] };
  json.pairs[0]!["later"] = { anything: 1 };
  expect(rowSchema.safeParse({ ...json, later: true }).error).toBeUndefined();
});

test("a row that is broken anywhere is refused whole, with a reason, and nothing else is ever thrown", () => {
  const bytes = encodeRow(fullRow());
  for (let length = 0; length < bytes.length; length++)
    expect(() => readCompactRow(bytes.subarray(0, length), NODES[0]!), `${length} bytes`).toThrow(RowError);
  expect(() => readCompactRow(Buffer.concat([bytes, Buffer.alloc(1)]), NODES[0]!)).toThrow(RowError);
  let seed = 12_345;
  const random = (below: number) => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % below;
  for (let round = 0; round < 3_000; round++) {
    const broken = Buffer.from(bytes);
    for (let i = 0; i <= random(4); i++) broken[random(broken.length)] = random(256);
    try {
      fromCompact(broken);
    } catch (err) {
      if (!(err instanceof RowError)) throw err;
    }
  }
  for (let round = 0; round < 500; round++) {
    const noise = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
    expect(() => readCompactRow(Buffer.concat([Buffer.from("INR1"), noise]), NODES[0]!)).toThrow(RowError);
  }
});

test.each([
  ["more failures than probes", { probes: 1, failures: 2 }],
  ["more directions than failures", { failures: 1, lostForward: 2 }],
  ["an RTT although nothing was answered", { probes: 5, failures: 5, rttMeanNs: 5, rttMinNs: 4 }],
  ["a negative delay", { failures: 0, rttMeanNs: 5, rttMinNs: -4 }],
  ["a delay that is no number", { failures: 0, rttMeanNs: Number.NaN, rttMinNs: 4 }],
  ["a delay of days", { failures: 0, rttMeanNs: 1e15, rttMinNs: 4 }],
])("a lie is refused as it is in JSON: %s", (_, lie) => {
  const row = fullRow();
  const [pair, ...others] = row.pairs;
  const lying = { ...row, pairs: [{ ...pair!, window: { ...pair!.window, refusals: 0, ...lie } }, ...others] };
  expect(() => readCompactRow(encodeRow(lying), NODES[0]!)).toThrow(RowError);
});

test("a slot told twice, a row to itself, another node's row and a source port that loses more than it sends are refused", () => {
  const row = fullRow();
  const [pair] = row.pairs;
  const refused = (lying: Row, reason: RegExp) =>
    expect(() => readCompactRow(encodeRow(lying), NODES[0]!)).toThrow(reason);
  refused({ ...row, pairs: [pair!, pair!] }, /twice/);
  refused({ ...row, pairs: [{ ...pair!, destination: NODES[0]! }] }, /itself/);
  refused({ ...row, source: NODES[1]! }, /answered as node 'node-2'/);
  refused({ ...row, pairs: [{ ...pair!, ports: { probes: [1], failures: [2] } }] }, /source port/);
});

test("the seal covers the compact form: one changed bit shows", () => {
  const seal = new RowSeal(Buffer.from("a shared key of some length"));
  const row = { ...fullRow(), at: new Date().toISOString() };
  const json = encodeRow(row);
  const given = { json, row, seal: seal.of(json) };
  expect(seal.fault(given)).toBeUndefined();
  const changed = Buffer.from(json);
  changed[changed.length - 1]! ^= 1;
  expect(seal.fault({ ...given, json: changed })).toContain("signature is wrong");
});

test("it takes a tenth of the bytes of JSON or less", () => {
  const mesh = { nodes: 101, zones: 4 };
  const row = sampleRow(mesh, sampleNodes(mesh)[0]!);
  expect(encodeRow(row).length).toBeLessThan(JSON.stringify(row).length / 10);
});

test("an agent that does not know the compact form is asked for its row as JSON", async () => {
  const row = sampleRow(MESH, NODES[1]!);
  const server = createServer((req, res) => {
    if (req.url?.includes("detail=")) res.writeHead(400).end("{\"error\":\"detail is 'window' or 'seconds'\"}");
    else res.end(JSON.stringify(row));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const api = { node: NODES[1]!, url: `http://127.0.0.1:${port}`, serving: true };
  const rows = new Rows({ peerApis: () => [api], deadlineMs: 2_000, seal: undefined });
  const answer = await rows.evidence(api);
  await rows[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
  expect(answer).toMatchObject({ kind: "row", row: { source: NODES[1]! } });
});
