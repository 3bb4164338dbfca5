// Faults of a lab as the kernels of its nodes tell them: each is what sets its node apart, and nothing else does.
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { atOnce } from "../../agent/base/slices.ts";
import { compareViews } from "../../agent/diagnosis/compare/compare.ts";
import { Viewer } from "../../agent/host/viewer.ts";
import { RouteTables } from "../../agent/kernel/netlink.ts";
import type { NodeView } from "../../agent/model/node-view.ts";
import { createLab, type Lab } from "../../lab/lab.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces");

/** The table of neighbours and the processors' queues are the machine's, and tell of whatever else it does. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(["neighbours-full", "softnet-drops"]);

describe("what the kernels of a lab's nodes tell of", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 3, zones: 1, agents: false });
  });
  afterEach(async () => {
    await lab.clear();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const viewOf = ({ name, zone, nodeNamespace }: Lab["nodes"][number]): NodeView => {
    using inside = enterNamespace(nodeNamespace);
    void inside;
    const openTables = () => new RouteTables();
    return atOnce(new Viewer({ node: () => ({ name, zone }), namespace: "host", openTables }).steps());
  };
  const told = (): string[] =>
    compareViews({ views: lab.nodes.map(viewOf), isWhole: true })
      .filter(({ kind }) => !OF_THE_MACHINE.has(kind))
      .map(({ text }) => text);

  test("a lab without a fault is nothing", () => {
    expect(told()).toEqual([]);
  });

  test.each([
    ["unroute node-1->node-3", "node-1 has no route to 10.244.3.0/24 of node-3 (node-2 has one, by 10.244.3.0)"],
    [
      "misdirect node-2->node-1",
      "node-2 sends what is for node-1 by vxlan0 to 10.10.0.254, which is no address of a node (the far end is 10.10.0.1)",
    ],
    [
      "extra-hop node-1->node-2",
      "node-1 sends what is for 10.244.2.0/24 of node-2 to 10.244.3.0, which is node-3 (every other node, by 10.244.2.0)",
    ],
    ["conntrack-full node-2", "connection tracking of node-2 is full"],
  ])("%s is that alone", async (fault, text) => {
    await lab.inject(fault);
    await expect.poll(told, { timeout: 20_000 }).toEqual([expect.stringContaining(text)]);
  });
});
