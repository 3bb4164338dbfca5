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

const { describe, test } = await needs("namespaces", "ping");

/** The table of neighbours and the processors' queues are the machine's, and tell of whatever else it does. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(["neighbours-full", "softnet-drops", "softnet-squeezes"]);

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
    [
      "misdirect all->node-3",
      "2 of 2 other nodes send what is for node-3 by vxlan0 to 10.10.0.254, which is no address of a node (its own end is 10.10.0.3)",
    ],
    [
      "link-mtu node-1 1400",
      "eth0 of node-1 has MTU 1400 (every other node: 1500)",
      "vxlan0 of node-1 has MTU 1450, which with 50 bytes of vxlan in front is more than the 1400 of eth0: large packets vanish or are cut",
    ],
  ])("%s is that alone", async (fault, ...texts) => {
    await lab.inject(fault);
    await expect.poll(told, { timeout: 20_000 }).toEqual(texts.map((text) => expect.stringContaining(text)));
  });

  test("what a throttled link has no room for is told as drops of its queue, and only of those that came since", async () => {
    await lab.inject("throttle node-1 64kbit");
    const flood = () => lab.runInNode("node-1", "sh", ["-c", "ping -q -f -s 1000 -c 100 -w 3 10.10.0.2 || true"]);
    await flood();
    const earlier = lab.nodes.map(viewOf);
    const drops = () =>
      compareViews({ views: lab.nodes.map(viewOf), isWhole: true, earlier }).filter(({ kind }) =>
        kind.endsWith("-drops"),
      );
    expect(drops().filter(({ kind }) => kind === "queue-drops")).toEqual([]);
    await flood();
    expect(drops().filter(({ kind }) => !OF_THE_MACHINE.has(kind))).toEqual([
      {
        kind: "queue-drops",
        part: "counters",
        node: "node-1",
        isFault: true,
        text: expect.stringMatching(
          /^eth0 of node-1 dropped \d+ of \d+ packets that were to be sent in \d+ s, because its queue was full \(tc -s qdisc show dev eth0\)$/,
        ),
      },
    ]);
  });
});
