// Limits that a machine has once for all its network namespaces: this machine is an emulated one, which nobody else uses.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { atOnce } from "../../../agent/base/slices.ts";
import { compareViews } from "../../../agent/diagnosis/compare/compare.ts";
import { Viewer } from "../../../agent/host/viewer.ts";
import { RouteTables } from "../../../agent/kernel/netlink.ts";
import type { NodeView } from "../../../agent/model/node-view.ts";
import { createLab, type Lab } from "../../../lab/lab.ts";
import { inNamespace, run } from "../../../lab/machine.ts";
import { enterNamespace } from "../../support/enter-namespace.ts";

const A_BURST_MS = 10_000;

describe("of limits that a machine has once", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab({ nodes: 3, zones: 1, agents: false });
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const viewOf = ({ name, zone, nodeNamespace }: Lab["nodes"][number]): NodeView => {
    using inside = enterNamespace(nodeNamespace);
    void inside;
    const openTables = () => new RouteTables();
    return atOnce(new Viewer({ node: () => ({ name, zone }), namespace: "host", openTables }).steps());
  };
  const reaches = (from: string, to: string): Promise<boolean> =>
    lab.run(from, "ping", ["-c", "1", "-W", "3", lab.node(to).podAddresses[0]!]).then(
      () => true,
      () => false,
    );
  const filled = async (): Promise<number> =>
    (await run("ip", ["-n", lab.nodeNamespace("node-1"), "neighbour", "show", "to", "198.18.0.0/15"])).split("\n")
      .length;

  test("a neighbour table that is full cuts a node off from whom it forgot, is told by how often it refused, and leaves nothing behind", async () => {
    expect([await reaches("node-1", "node-2"), await reaches("node-1", "node-3")]).toEqual([true, true]);
    const earlier = lab.nodes.map(viewOf);
    const { id } = await lab.inject("neighbours-full node-1->node-2");
    expect(await filled()).toBeGreaterThan(500);
    expect(await reaches("node-1", "node-2")).toBe(false);
    const told = compareViews({ views: lab.nodes.map(viewOf), isWhole: true, earlier }).filter(
      ({ node, kind, isFault }) => node === "node-1" && kind === "neighbours-full" && isFault,
    );
    expect(told).toEqual([
      expect.objectContaining({
        part: "counters",
        text: expect.stringMatching(
          /^the neighbour table of node-1 was full (once|\d+ times) in \d+ s: it holds 1024 entries of IPv4 \(net\.ipv4\.neigh\.default\.gc_thresh3\)$/,
        ),
      }),
    ]);
    await lab.clear(id);
    expect(await filled()).toBeLessThan(10);
    await sleep(1_000);
    expect(await reaches("node-1", "node-2")).toBe(true);
  });

  test.each([
    [
      "drops",
      /^the kernel of node-1 dropped [\d,]+ packets? in \d+ s because a processor's queue was full \(net\.core\.netdev_max_backlog\)$/,
    ],
    [
      "squeezes",
      /^the kernel of node-1 ran out of time \d+ times in \d+ s with packets still waiting \(net\.core\.netdev_budget\)$/,
    ],
  ])(
    "processors that do not keep up are told by what the kernel counts as %s, and have their settings back",
    async (effect, words) => {
      const settings = () =>
        run("sysctl", ["net.core.netdev_max_backlog", "net.core.netdev_budget", "net.core.dev_weight"]);
      const usual = await settings();
      const earlier = lab.nodes.map(viewOf);
      const { id } = await lab.inject(`softnet node-1->node-2 ${effect}`);
      await sleep(A_BURST_MS);
      await lab.clear(id);
      expect(await settings()).toBe(usual);
      const told = compareViews({ views: lab.nodes.map(viewOf), isWhole: true, earlier });
      expect(told.filter(({ node }) => node === "node-1").map(({ text }) => text)).toContainEqual(
        expect.stringMatching(words),
      );
    },
  );

  test.each([
    ["neighbours-full node-1->node-2", "one neighbour table"],
    ["softnet node-1->node-2 drops", "the queues of its processors once"],
  ])("%s is not made beside networks of others, which it would break", async (fault, what) => {
    await run("ip", ["netns", "add", "somebodys"]);
    try {
      await expect(lab.inject(fault)).rejects.toThrow(
        `the kernel has ${what} for all network namespaces, and there are others than this lab's (somebodys)`,
      );
      expect(await inNamespace("somebodys", "ip", ["neighbour", "show"])).toBe("");
    } finally {
      await run("ip", ["netns", "del", "somebodys"]);
    }
  });
});
