// The judge asks kernels only while something is broken, only the nodes concerned and a few others, and not too often.
import { expect, test } from "vitest";
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

function setUp({ count = 5, broken = true }: { readonly count?: number; readonly broken?: boolean } = {}) {
  const views = sampleViews(count);
  const [first] = views;
  if (broken) first!.routes.items = first!.routes.items.filter(({ destination }) => destination !== "10.244.3.0/24");
  const asked: string[] = [];
  const state = { nowMs: 0, refused: new Set<string>() };
  const kernels = new Kernels({
    hostApis: () => views.map(({ node }) => ({ node, url: `http://${node.name}`, serving: true })),
    views: {
      ask: ({ node }) => {
        asked.push(node.name);
        const view = views.find((one) => one.node.name === node.name);
        return Promise.resolve(
          state.refused.has(node.name)
            ? { status: 502, error: "no answer" }
            : { status: 200, json: Buffer.from(JSON.stringify(view)) },
        );
      },
    },
    nowMs: () => state.nowMs,
  });
  return { kernels, asked, state };
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
