// The judge asks kernels only while something is broken, only the nodes concerned and a few others, and not too often.
import { afterEach, expect, test, vi } from "vitest";
import { Kernels } from "../../agent/judge/kernels.ts";
import type { Finding } from "../../agent/model/finding.ts";
import { sampleViews } from "../support/sample-views.ts";

const CUT: Finding = {
  id: "1",
  code: "IN-PAIR-CUT",
  subject: { kind: "pair", nodes: ["node-1", "node-3"] },
  scope: { network: "pod" },
  text: "something",
  figures: {},
  confidence: 0.9,
  since: "2026-11-27T09:00:00Z",
  causes: [],
  next: "",
  cure: "",
  runbook: "",
};

afterEach(() => void vi.useRealTimers());

const addressesOf = (number: number) => ({ pod: { ipv4: `10.244.${number}.7` }, node: {} });

/** The judge is on node-1. */
function setUp({ count = 5, broken = true }: { readonly count?: number; readonly broken?: boolean } = {}) {
  const views = sampleViews(count);
  const [first] = views;
  if (broken) first!.routes.items = first!.routes.items.filter(({ destination }) => destination !== "10.244.3.0/24");
  const asked: string[] = [];
  const connected: string[][] = [];
  const state = { nowMs: 0, refused: new Set<string>(), late: new Map<string, number>() };
  const kernels = new Kernels({
    sources: {
      node: first!.node,
      hostApis: () => views.map(({ node }) => ({ node, url: `http://${node.name}`, serving: true })),
      peers: () => views.slice(1).map(({ node }, i) => ({ node, addresses: addressesOf(i + 2), serving: true })),
      identity: () => ({ podAddresses: addressesOf(1).pod, nodeAddresses: {} }),
    },
    views: {
      stayConnected: (apis) => {
        connected.push(apis.map(({ node }) => node.name));
        return Promise.resolve();
      },
      ask: async ({ node }) => {
        asked.push(node.name);
        const lateMs = state.late.get(node.name);
        if (lateMs !== undefined) await new Promise<void>((done) => void setTimeout(done, lateMs));
        const view = views.find((one) => one.node.name === node.name);
        return state.refused.has(node.name)
          ? { status: 502, error: "no answer" }
          : { status: 200, json: Buffer.from(JSON.stringify(view)) };
      },
    },
    nowMs: () => state.nowMs,
  });
  return { kernels, asked, connected, state, views };
}

test("while nothing is broken nobody is asked", async () => {
  const { kernels, asked } = setUp();
  await kernels.look([]);
  expect(asked).toEqual([]);
  expect(kernels.explain([CUT])).toEqual([CUT]);
});

test("a pair that is cut gets its cause from the kernels, for as long as that is fresh", async () => {
  const { kernels, state } = setUp();
  await kernels.look([CUT]);
  expect(kernels.explain([CUT])[0]!.causes[0]!.text).toBe(
    "node-1 has no route to 10.244.3.0/24 of node-3 (every other node has one, by 10.244.3.0).",
  );
  state.nowMs = 61_000;
  expect(kernels.explain([CUT])).toEqual([CUT]);
});

test("what the kernels told of an earlier fault is no cause of a later one while they are asked again", async () => {
  const { kernels, state } = setUp();
  await kernels.look([CUT]);
  state.nowMs = 180_000;
  const asking = kernels.look([CUT]);
  expect(kernels.explain([CUT])).toEqual([CUT]);
  await asking;
  expect(kernels.explain([CUT])[0]!.causes).toHaveLength(1);
});

test("every ten seconds the nodes concerned and eight others are asked, of a hundred", async () => {
  const { kernels, asked, state } = setUp({ count: 100 });
  await kernels.look([CUT]);
  expect(asked).toHaveLength(10);
  expect(asked.slice(0, 2)).toEqual(["node-1", "node-3"]);
  await kernels.look([CUT]);
  expect(asked).toHaveLength(10);
  state.nowMs = 10_000;
  await kernels.look([CUT]);
  expect(asked).toHaveLength(20);
});

test("nodes that do not answer, or answer nonsense, cost only what they would have told", async () => {
  const { kernels, state } = setUp();
  state.refused.add("node-2");
  await kernels.look([CUT]);
  expect(kernels.explain([CUT])[0]!.causes).toHaveLength(1);
  const silent = setUp();
  for (let n = 1; n <= 5; n++) silent.state.refused.add(`node-${n}`);
  await silent.kernels.look([CUT]);
  expect(silent.kernels.explain([CUT])).toEqual([CUT]);
});

test("what most nodes tell does not wait for one that answers late, and what that one tells counts once it comes", async () => {
  vi.useFakeTimers();
  const { kernels, state, views } = setUp();
  state.late.set("node-2", 7_000);
  views[1]!.routes.items = views[1]!.routes.items.filter(({ destination }) => destination !== "10.244.3.0/24");
  const first = () => kernels.explain([CUT])[0]!.causes[0]?.text;
  const looking = kernels.look([CUT]);
  await vi.advanceTimersByTimeAsync(1_900);
  expect(first()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(200);
  expect(first()).toContain("(every other node that answered has one, by 10.244.3.0)");
  await vi.advanceTimersByTimeAsync(5_000);
  await looking;
  expect(first()).toContain("(2 of 3 other nodes have one, by 10.244.3.0)");
});

test("drops count over the last minute, however long ago the nodes were asked before that", async () => {
  const { kernels, state, views } = setUp({ broken: false });
  const { counters } = views[0]!.interfaces.items[1]!;
  const drop = (count: number, atMs: number) => {
    counters.receiveDropped += count;
    counters.receivedPackets += 1_000;
    views[0]!.at = new Date(Date.UTC(2026, 10, 27) + atMs).toISOString();
    state.nowMs = atMs;
    return kernels.look([CUT]);
  };
  const first = () => kernels.explain([CUT])[0]!.causes[0]?.text;
  await drop(0, 0);
  await drop(50, 10_000);
  expect(first()).toBe("eth0 of node-1 dropped 50 of 1050 packets that were received in 10 s.");
  for (let s = 20; s <= 60; s += 10) await drop(0, s * 1_000);
  expect(first()).toBe("eth0 of node-1 dropped 50 of 6050 packets that were received in 60 s.");
  await drop(0, 70_000);
  expect(first()).toBeUndefined();
  await drop(900, 3_600_000);
  expect(first()).toBeUndefined();
});

test("a node that cannot be asked has its routes told by its pod", async () => {
  const { kernels, state, views } = setUp({ count: 3, broken: false });
  for (const view of views.slice(0, 2))
    view.routes.items = view.routes.items.filter(({ destination }) => destination !== "10.244.3.0/24");
  state.refused.add("node-3");
  await kernels.look([CUT]);
  expect(kernels.explain([{ ...CUT, subject: { kind: "node", node: "node-3" } }])[0]!.causes[0]!.text).toBe(
    "2 of 2 nodes that can be seen have no route to 10.244.3.7, a pod of node-3 (node-1 and node-2).",
  );
});

test("a judge keeps a connection to the host views of all nodes, of a hundred at most, also while nothing is broken", async () => {
  const { kernels, connected, state } = setUp({ count: 120 });
  for (const atMs of [0, 10_000, 20_000, 30_000]) {
    state.nowMs = atMs;
    await kernels.look([]);
  }
  expect(connected.map(({ length }) => length)).toEqual([100, 100]);
});
