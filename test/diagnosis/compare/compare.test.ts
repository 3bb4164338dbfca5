// One thing is changed on one node of a cluster, and that is what is told; of a cluster without a fault nothing is.
import { describe, expect, test } from "vitest";
import { compareViews } from "../../../agent/diagnosis/compare/compare.ts";
import { sampleMac, sampleViews, sampleVtep, type SampleView } from "../../support/sample-views.ts";
import { device, differences, routeTo, told, without, type Change } from "./changed.ts";

describe.each([2, 3, 5, 100])("%i nodes without a fault", (count) => {
  test("differ in nothing, though each has its own addresses and pods", () => {
    expect(told(count, () => {})).toEqual([]);
  });

  test("by host-gw neither", () => {
    expect(told(count, toHostGw)).toEqual([]);
  });
});

/** Routes go to the other node itself, and there is no tunnel. */
function toHostGw(views: SampleView[]): void {
  for (const view of views) {
    without(view.interfaces.items, ({ kind }) => kind === "vxlan");
    without(view.neighbours.items, ({ device }) => device === "flannel.1");
    without(view.forwarding.items, () => true);
    for (const route of view.routes.items)
      if (route.hops[0]!.device === "flannel.1")
        route.hops = [{ gateway: `10.88.0.${route.destination.split(".")[2]}`, device: "eth0" }];
  }
}

describe("routes", () => {
  test("a route that is missing is told with the way that all others go", () => {
    const found = differences(5, (views) => {
      toHostGw(views);
      without(views[0]!.routes.items, ({ destination }) => destination === "10.244.3.0/24");
    });
    expect(found).toEqual([
      {
        kind: "route-missing",
        part: "routes",
        node: "node-1",
        towards: "node-3",
        isFault: true,
        text: "node-1 has no route to 10.244.3.0/24 of node-3 (every other node has one, by 10.88.0.3)",
      },
    ]);
  });

  test.each([
    [2, "node-1 has no route to 10.244.2.0/24 of node-2 (node-2 has one to it)"],
    [3, "node-1 has no route to 10.244.2.0/24 of node-2 (node-3 has one, by 10.244.2.0)"],
  ])("of %i nodes, too", (count, text) => {
    expect(
      told(count, ([first]) => without(first!.routes.items, ({ destination }) => destination === "10.244.2.0/24")),
    ).toEqual([text]);
  });

  test("one that covers it is as good", () => {
    expect(
      told(5, ([first]) => {
        const route = routeTo(first!, "10.244.3.0/24");
        without(first!.routes.items, (one) => one === route);
        first!.routes.items.push({ ...route, destination: "10.244.0.0/16" });
      }),
    ).toEqual([]);
  });

  test("a default route does not cover it, and is told when it is missing itself", () => {
    expect(
      told(5, ([first]) => without(first!.routes.items, ({ destination }) => destination === "0.0.0.0/0")),
    ).toEqual(["node-1 has no default route (0.0.0.0/0) (every other node has one, by 10.88.0.254)"]);
  });

  test("a node that nobody has a route to is the one that differs", () => {
    expect(
      told(5, (views) => {
        for (const view of views.slice(0, 4))
          without(view.routes.items, ({ destination }) => destination === "10.244.5.0/24");
      }),
    ).toEqual(["4 of 4 other nodes have no route to 10.244.5.0/24 of node-5 (node-1, node-2, node-3 and node-4)"]);
  });

  test("of a node without a view, a pod that nobody or one node alone does not route to is told", () => {
    const pods = new Map([1, 2, 3, 4].map((n) => [`node-${n}`, `10.244.${n}.7`]));
    const seen = (lacking: number): string[] => {
      const views = sampleViews(4).slice(0, 3);
      for (const view of views.slice(0, lacking))
        without(view.routes.items, ({ destination }) => destination === "10.244.4.0/24");
      return compareViews({ views, isWhole: false, pods }).map(({ text }) => text);
    };
    expect(seen(0)).toEqual([]);
    expect(seen(1)).toContain("node-1 has no route to 10.244.4.7, a pod of node-4");
    expect(seen(3)).toEqual([
      "3 of 3 nodes that can be seen have no route to 10.244.4.7, a pod of node-4 (node-1, node-2 and node-3)",
    ]);
  });

  test("a cloud that routes in its fabric misses nothing", () => {
    expect(
      told(
        5,
        (views) => {
          toHostGw(views);
          for (const view of views)
            without(
              view.routes.items,
              ({ hops, destination }) => hops[0]!.device === "eth0" && destination.startsWith("10.244"),
            );
          views.pop();
        },
        { pods: new Map([1, 2, 3, 4, 5].map((n) => [`node-${n}`, `10.244.${n}.7`])) },
      ),
    ).toEqual([]);
  });

  test("one that leads to another node is told with that node", () => {
    const [found] = differences(5, (views) => {
      toHostGw(views);
      routeTo(views[0]!, "10.244.3.0/24").hops[0]!.gateway = "10.88.0.4";
    });
    expect(found).toMatchObject({
      kind: "route-elsewhere",
      towards: "node-3",
      text: "node-1 sends what is for 10.244.3.0/24 of node-3 to 10.88.0.4, which is node-4 (every other node, by 10.88.0.3)",
    });
  });

  test("a router that most nodes go by is none of these", () => {
    expect(
      told(5, (views) => {
        toHostGw(views);
        for (const view of views.slice(1)) {
          const route = view.routes.items.find(({ destination }) => destination === "10.244.1.0/24");
          if (route && view.node.name !== "node-2") route.hops[0]!.gateway = "10.88.0.2";
        }
      }),
    ).toEqual([]);
  });

  test("one that drops everything is told", () => {
    expect(
      told(5, ([first]) => Object.assign(routeTo(first!, "10.244.3.0/24"), { type: "unreachable", hops: [] })),
    ).toEqual([
      "node-1 drops what goes to 10.244.3.0/24 of node-3: its route is 'unreachable' (every other node, by 10.244.3.0)",
    ]);
  });

  test("blocks of Calico belong to the node that drops what is not in use of them", () => {
    const calico: Change = (views) => {
      toHostGw(views);
      for (const [i, view] of views.entries()) {
        without(view.interfaces.items, ({ name }) => name === "cni0");
        const own = routeTo(view, `10.244.${i + 1}.0/24`);
        Object.assign(own, { type: "blackhole", protocol: "bird", hops: [], scope: "global" });
        view.routes.items.push({
          ...own,
          type: "unicast",
          destination: `10.244.${i + 1}.7/32`,
          hops: [{ device: `cali${i}` }],
        });
      }
    };
    expect(told(5, calico)).toEqual([]);
    expect(
      told(5, (views) => {
        calico(views);
        without(views[1]!.routes.items, ({ destination }) => destination === "10.244.3.0/24");
      }),
    ).toEqual(["node-2 has no route to 10.244.3.0/24 of node-3 (every other node has one, by 10.88.0.3)"]);
  });

  test("a rule that names a node's own addresses is the same on all of them", () => {
    const rules: Change = (views) => {
      for (const [i, view] of views.entries())
        view.rules.items.push({
          family: "ipv4",
          priority: 100,
          selector: `from 10.88.0.${i + 1}/32`,
          action: "lookup 100",
        });
    };
    expect(told(5, rules)).toEqual([]);
    expect(
      told(5, (views) => {
        rules(views);
        views[3]!.rules.items.pop();
      }),
    ).toEqual(["node-4 has no rule '100: from 10.88.0.1/32 lookup 100' (every other node has one)"]);
  });
});

describe("forwarding entries and neighbours", () => {
  const entryFor = (view: SampleView, number: number) =>
    view.forwarding.items.find(({ hardwareAddress }) => hardwareAddress === sampleVtep(number))!;

  test("an entry that leads to another node is told with both", () => {
    expect(differences(3, ([first]) => void (entryFor(first!, 3).to = "10.88.0.2"))).toMatchObject([
      {
        kind: "forwarding-elsewhere",
        node: "node-1",
        towards: "node-3",
        text: "node-1 sends what is for node-3 by flannel.1 to 10.88.0.2, which is node-2 (the far end is 10.88.0.3)",
      },
    ]);
  });

  test("one of no node is stale, and where a node cannot be seen nothing is called so", () => {
    const change: Change = ([first]) =>
      void first!.forwarding.items.push({
        hardwareAddress: "0a:00:00:00:00:99",
        device: "flannel.1",
        to: "10.88.0.9",
        state: "permanent",
      });
    expect(told(3, change)).toEqual([
      "node-1 has a stale forwarding entry on flannel.1: 0a:00:00:00:00:99 at 10.88.0.9 is of no node",
    ]);
    expect(told(3, change, { isWhole: false })).toEqual([]);
  });

  test.each([
    [
      2,
      "node-1 has no forwarding entry for node-2 on flannel.1 (node-2 has one for node-1, 0a:00:00:00:00:02 at 10.88.0.2)",
    ],
    [
      5,
      "node-1 has no forwarding entry for node-2 on flannel.1 (every other node has one, 0a:00:00:00:00:02 at 10.88.0.2)",
    ],
  ])("of %i nodes one that is missing is told", (count, text) => {
    expect(
      told(count, ([first]) =>
        without(first!.forwarding.items, ({ hardwareAddress }) => hardwareAddress === sampleVtep(2)),
      ),
    ).toEqual([text]);
  });

  test("a tunnel that learns has entries only for whom it talked to", () => {
    expect(
      told(5, (views) => {
        for (const view of views) without(view.forwarding.items, () => true);
        views[0]!.forwarding.items.push({
          hardwareAddress: sampleVtep(2),
          device: "flannel.1",
          to: "10.88.0.2",
          state: "learned",
        });
      }),
    ).toEqual([]);
  });

  test("a far end whose address most others have wrong is the node that differs", () => {
    const renumber: Change = (views) => {
      const last = views.at(-1)!;
      device(last, "eth0").addresses[0]!.address = "10.88.0.33";
      device(last, "flannel.1").tunnel!.local = "10.88.0.33";
    };
    const [found, ...others] = differences(3, renumber);
    expect(others).toEqual([]);
    expect(found).toEqual({
      kind: "forwarding-elsewhere",
      part: "neighbours",
      node: "node-3",
      isFault: true,
      text: "2 of 2 other nodes send what is for node-3 by flannel.1 to 10.88.0.3, which is no address of a node (its own end is 10.88.0.33)",
    });
  });

  test("a far end that is asked at another address of its own is reached all the same", () => {
    expect(told(3, (views) => void (device(views[2]!, "flannel.1").tunnel!.local = "10.99.0.3"))).toEqual([]);
  });

  test("a neighbour that does not answer is told as the node that it is", () => {
    expect(
      told(3, ([first]) => {
        const entry = first!.neighbours.items.find(({ address }) => address === "10.88.0.3")!;
        Object.assign(entry, { state: "failed", hardwareAddress: undefined });
      }),
    ).toEqual(["node-1 gets no answer when it asks on eth0 who has 10.88.0.3, which is node-3"]);
  });

  test("a neighbour with another node's hardware is told", () => {
    expect(
      told(3, ([first]) => {
        first!.neighbours.items.find(({ address }) => address === "10.88.0.3")!.hardwareAddress = sampleMac(2);
      }),
    ).toEqual([
      "node-1 has 10.88.0.3 of node-3 at 02:00:00:00:00:02 on eth0, which is node-2's eth0 (node-3 has 02:00:00:00:00:03)",
    ]);
  });

  test("a router that answers for all is none", () => {
    expect(
      told(5, (views) => {
        for (const view of views)
          for (const entry of view.neighbours.items)
            if (entry.device === "eth0") entry.hardwareAddress = "02:ff:00:00:00:01";
      }),
    ).toEqual([]);
  });

  test("a permanent neighbour of a tunnel that one node lacks is told", () => {
    expect(told(5, ([first]) => without(first!.neighbours.items, ({ address }) => address === "10.244.3.0"))).toEqual([
      "node-1 has no neighbour 10.244.3.0 of node-3 on flannel.1 (every other node has one, 0a:00:00:00:00:03)",
    ]);
  });
});

describe("interfaces", () => {
  test("one MTU that is off is told with that of the others", () => {
    expect(differences(5, (views) => void (device(views[1]!, "eth0").mtu = 9_000))).toMatchObject([
      {
        kind: "mtu-differs",
        node: "node-2",
        isFault: true,
        text: "eth0 of node-2 has MTU 9000 (every other node: 1500)",
      },
    ]);
  });

  test("of two nodes none is called wrong", () => {
    expect(differences(2, (views) => void (device(views[1]!, "eth0").mtu = 9_000))).toMatchObject([{ isFault: false }]);
  });

  test("a tunnel that does not fit is told without any other node", () => {
    expect(told(2, (views) => views.forEach((view) => void (device(view, "flannel.1").mtu = 1_500)))).toEqual([
      "flannel.1 of node-1 has MTU 1500, which with 50 bytes of vxlan in front is more than the 1500 of eth0: large packets vanish or are cut",
      "flannel.1 of node-2 has MTU 1500, which with 50 bytes of vxlan in front is more than the 1500 of eth0: large packets vanish or are cut",
    ]);
  });

  test("an interface that a node lacks, or that is down, is told", () => {
    expect(
      told(5, (views) => {
        Object.assign(device(views[2]!, "eth0"), { state: "down" });
        without(views[3]!.interfaces.items, ({ name }) => name === "cni0");
      }),
    ).toEqual([
      "eth0 of node-3 is down (it is up on 4 other nodes)",
      "node-4 has no cni0 (every other node has one, bridge)",
    ]);
  });

  test("hardware that is named otherwise on some nodes is no fault", () => {
    expect(
      told(5, (views) => {
        device(views[0]!, "eth0").name = "ens5";
        for (const route of views[0]!.routes.items)
          for (const hop of route.hops) if (hop.device === "eth0") hop.device = "ens5";
        device(views[0]!, "flannel.1").tunnel!.over = "ens5";
      }),
    ).toEqual([]);
  });
});
