// Tables that are full, what counters gained, settings and ports, of one node among others.
import { describe, expect, test } from "vitest";
import { compareViews } from "../../../agent/diagnosis/compare/compare.ts";
import { sampleViews, sampleVtep } from "../../support/sample-views.ts";
import { device, differences, told, type Change } from "./changed.ts";

describe("limits and counters", () => {
  test("tables that are full are told with their limits", () => {
    expect(
      differences(3, (views) => {
        views[0]!.neighbourTables.items[0]!.entries = 1_020;
        Object.assign(views[1]!.conntrack, { entries: 225_000 });
      }),
    ).toMatchObject([
      {
        isFault: false,
        text: "the neighbour table of node-1 is at 99 %: 1018 of 1024 entries of IPv4 (net.ipv4.neigh.default.gc_thresh3)",
      },
      {
        isFault: false,
        text: "connection tracking of node-2 is at 86 %: 225000 of 262144 entries (net.netfilter.nf_conntrack_max)",
      },
    ]);
  });

  test("permanent neighbours, of which Flannel lays one for each other node, fill no table", () => {
    const change: Change = ([first]) => {
      for (let n = 0; n < 1_000; n++)
        first!.neighbours.items.push({
          address: `10.250.${n >> 8}.${n & 255}`,
          device: "flannel.1",
          hardwareAddress: sampleVtep(9),
          state: "permanent",
        });
      first!.neighbourTables.items[0]!.entries = 1_023;
    };
    expect(told(3, change)).toEqual([]);
    expect(
      told(3, (views) => {
        change(views);
        views[0]!.neighbourTables.items[0]!.entries = 1_000 + 990;
      }),
    ).toEqual([expect.stringMatching(/^the neighbour table of node-1 is at 96 %: 98\d of 1024 entries of IPv4/)]);
    // Nor those of other network namespaces, which nobody can tell apart.
    expect(told(3, ([first]) => void (first!.neighbourTables.items[0]!.entries = 3_246))).toEqual([]);
  });

  test("drops count by what came since, not by what there is", () => {
    const change: Change = ([first]) => {
      first!.at = "2026-11-27T09:00:10.000Z";
      Object.assign(device(first!, "eth0").counters, {
        receiveDropped: 500,
        receivedPackets: 10_000,
        queueDropped: 60,
        sentPackets: 100,
      });
      Object.assign(first!.softnet, { dropped: 7, squeezed: 400, processed: 20_000 });
      first!.neighbourTables.items[0]!.full = 3;
    };
    expect(told(3, change)).toEqual([]);
    const earlier = sampleViews(3);
    device(earlier[0]!, "eth0").counters.queueDropped = 50;
    expect(told(3, change, { earlier })).toEqual([
      "eth0 of node-1 dropped 500 of 10490 packets that were received in 10 s",
      "eth0 of node-1 dropped 10 of 100 packets that were to be sent in 10 s, because its queue was full (tc -s qdisc show dev eth0)",
      "the neighbour table of node-1 was full 3 times in 10 s: it holds 1024 entries of IPv4 (net.ipv4.neigh.default.gc_thresh3)",
      "the kernel of node-1 dropped 7 packets in 10 s because a processor's queue was full (net.core.netdev_max_backlog)",
      "the kernel of node-1 ran out of time 400 times in 10 s with packets still waiting (net.core.netdev_budget)",
    ]);
  });

  test("what all nodes drop alike is no fault of one, and three times as much is", () => {
    const change =
      (most: number): Change =>
      (views) =>
        views.forEach((view, i) =>
          Object.assign(device(view, "eth0").counters, { receiveDropped: i === 0 ? most : 20, receivedPackets: 2_000 }),
        );
    const faults = (most: number) =>
      differences(5, change(most), { earlier: sampleViews(5) }).filter(({ isFault }) => isFault);
    expect(faults(30)).toEqual([]);
    expect(faults(100).map(({ node }) => node)).toEqual(["node-1"]);
  });

  test("an interface that was made anew has dropped nothing", () => {
    const earlier = sampleViews(3);
    device(earlier[0]!, "eth0").index = 77;
    expect(told(3, ([first]) => void (device(first!, "eth0").counters.receiveDropped = 500), { earlier })).toEqual([]);
  });

  test("a node that does not forward is a fault, another setting is not", () => {
    expect(
      differences(5, (views) => {
        views[4]!.sysctls["net.ipv4.ip_forward"] = "0";
        for (const view of views) view.sysctls["net.core.somaxconn"] = "4096";
        views[0]!.sysctls["net.core.somaxconn"] = "128";
      }),
    ).toMatchObject([
      { isFault: true, text: "net.ipv4.ip_forward is 0 on node-5 (4 of 5 nodes: 1)" },
      { isFault: false, text: "net.core.somaxconn is 128 on node-1 (4 of 5 nodes: 4096)" },
    ]);
  });

  test("a port that is open everywhere else is told", () => {
    expect(told(5, ([first]) => void (first!.sockets.items = []))).toEqual([
      "nobody listens on TCP port 10250 of node-1 (every other node has somebody)",
    ]);
  });

  test("what one node cannot show is no difference", () => {
    const hidden = { visible: false, reason: "no rights" } as const;
    const views = sampleViews(5);
    const [first, ...rest] = views;
    const blind = {
      ...first!,
      routes: hidden,
      interfaces: hidden,
      neighbours: hidden,
      forwarding: hidden,
      rules: hidden,
      sockets: hidden,
    };
    expect(compareViews({ views: [blind, ...rest], isWhole: true }).filter(({ node }) => node === "node-1")).toEqual(
      [],
    );
  });
});
