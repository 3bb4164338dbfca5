// The service path, as the page and `internode matrix` tell of it.
import { expect, test } from "vitest";
import { judgeSnapshot } from "../../../agent/diagnosis/judge-snapshot.ts";
import { MeshGrid } from "../../../agent/diagnosis/notes/mesh-grid.ts";
import { summarize } from "../../../agent/diagnosis/notes/summary.ts";
import type { ServiceState, ServiceWindow } from "../../../agent/model/service.ts";
import { sampleSnapshot, type SampleMesh } from "../../support/sample-mesh.ts";

const window = (said: Partial<ServiceWindow>): ServiceWindow => ({
  service: "agents",
  family: "ipv4",
  address: "10.96.0.7",
  probes: 12,
  failures: 0,
  reasons: {},
  retransmits: 0,
  rttMeanNs: 300_000,
  ...said,
});
const broken = window({ failures: 5, reasons: { timeout: 3, refused: 2 } });

/** The state of each node's service path, by its number from 1. */
function summaryOf(states: Readonly<Record<number, Partial<ServiceState>>>, mesh: Partial<SampleMesh> = {}) {
  const snapshot = sampleSnapshot({ nodes: 6, zones: 3, ...mesh });
  const rows = snapshot.rows.map((row, i) => ({
    ...row,
    servicePath: { paths: [window({})], unresolved: [], ...states[i + 1] },
  }));
  const told = { ...snapshot, rows };
  return summarize(new MeshGrid(told), judgeSnapshot(told));
}
const texts = (states: Parameters<typeof summaryOf>[0]) => summaryOf(states).notes.map(({ text }) => text);

test("a service path that works is not told", () => {
  expect(summaryOf({})).toMatchObject({ notes: [], isFault: false });
});

test("one failure in a minute is no fault: an endpoint has gone away", () => {
  expect(summaryOf({ 2: { paths: [window({ failures: 2, reasons: { timeout: 2 } })] } })).toMatchObject({
    notes: [],
    isFault: false,
  });
});

test("a node whose service path fails is told with the address and the reasons, and is a fault", () => {
  const summary = summaryOf({ 2: { paths: [broken] } });
  expect(summary.isFault).toBe(true);
  expect(summary.notes).toEqual([
    {
      text: "From node-2 5 of 12 connections to the Service of all agents at 10.96.0.7 failed in the last minute: 3 timeout and 2 refused.",
    },
  ]);
});

test("connections to an agent that no pod reaches are no fault of the service path", () => {
  const loss = [1, 2, 3, 4, 5].map((from) => ({ from: `node-${from}`, to: "node-6", ratio: 1 }));
  const said = summaryOf({ 2: { paths: [broken] } }, { loss }).notes.map(({ text }) => text);
  expect(said.join()).not.toContain("the Service of all agents");
  const all = { paths: [window({ failures: 12, reasons: { timeout: 12 } })] };
  expect(summaryOf({ 2: all }, { loss }).notes.map(({ text }) => text)).toContainEqual(
    "From node-2 12 of 12 connections to the Service of all agents at 10.96.0.7 failed in the last minute: 12 timeout.",
  );
});

test("when it fails from many nodes that is one note", () => {
  expect(texts(Object.fromEntries([1, 2, 3, 4, 5].map((node) => [node, { paths: [broken] }])))).toEqual([
    "From node-1, node-2, node-3, node-4 and node-5 connections to the Service of all agents at 10.96.0.7 failed in the last minute: 15 timeout and 10 refused.",
  ]);
});

test("the API server's Service is told by its name, one of a newer agent by what it calls it", () => {
  expect(
    texts({ 3: { paths: [window({ ...broken, service: "kubernetes" }), window({ ...broken, service: "ingress" })] } }),
  ).toEqual([
    expect.stringContaining("connections to the API server's Service at 10.96.0.7 failed"),
    expect.stringContaining("connections to the Service ingress at 10.96.0.7 failed"),
  ]);
});

test("a Service whose address is not known is told with the reason", () => {
  const unresolved = [{ service: "agents", reason: "DNS knows no internode-agents" }];
  expect(texts({ 1: { paths: [], unresolved }, 4: { paths: [], unresolved } })).toEqual([
    "node-1 and node-4 cannot probe the Service of all agents: DNS knows no internode-agents.",
  ]);
});
