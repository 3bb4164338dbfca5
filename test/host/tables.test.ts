// What netlink tells is what iproute2 tells: of recorded dumps on any machine, and of this machine's kernel.
import { describe, expect, test } from "vitest";
import { enterNamespace } from "../support/enter-namespace.ts";
import { needs } from "../support/needs.ts";
import { itemsOf } from "../../agent/model/node-view.ts";
import { linesOfIproute2, linesOfView } from "./as-iproute2.ts";
import { madeNetwork, toldBy } from "./network.ts";
import { readWhole, recording, replay } from "./recorded.ts";

describe("tables that a kernel told once", () => {
  const { dumps, told } = recording();
  const view = readWhole(replay(dumps));

  test.each(Object.keys(linesOfView(view)))("%s are as iproute2 saw them", (part) => {
    expect(linesOfView(view)[part]).toEqual(linesOfIproute2(told)[part]);
    expect(linesOfView(view)[part]!.length).toBeGreaterThan(2);
  });

  test("rules say what they apply to", () => {
    expect(itemsOf(view.rules).map(({ family, priority, selector }) => `${family} ${priority} ${selector}`)).toEqual(
      expect.arrayContaining([
        "ipv4 100 from 10.3.0.0/16 to 10.4.0.0/16",
        "ipv4 200 fwmark 0x10/0xf0 iif eth0",
        "ipv4 300 not oif cni0",
        "ipv6 100 from fd00:3::/48",
      ]),
    );
  });

  test("both neighbour tables tell how full they are", () => {
    const tables = itemsOf(view.neighbourTables);
    expect(tables.map(({ family }) => family).sort()).toEqual(["ipv4", "ipv6"]);
    for (const { keeps, tidiesAbove, limit } of tables) expect([keeps, tidiesAbove, limit]).toEqual([128, 512, 1024]);
  });
});

describe("what is damaged", () => {
  const { dumps } = recording();

  test("every message cut at every length is passed over or read, and never throws", () => {
    const cut = (bytes: number) =>
      Object.fromEntries(
        Object.entries(dumps).map(([key, messages]) => [
          key,
          messages.map((message) => Buffer.from(message, "base64").subarray(0, bytes).toString("base64")),
        ]),
      );
    for (let bytes = 0; bytes < 200; bytes++) expect(readWhole(replay(cut(bytes))).routes.visible).toBe(true);
  });

  test("a table that cannot be read says why, and the others are read", () => {
    const broken = replay(dumps);
    const view = readWhole({
      *read(dump, begin) {
        if (dump.type === 26) throw new Error("netlink: EPERM (dump)");
        yield* broken.read(dump, begin);
      },
    });
    expect(view.routes).toEqual({ visible: false, reason: "the kernel does not tell: netlink: EPERM (dump)" });
    expect(itemsOf(view.rules).length).toBeGreaterThan(3);
  });

  test("more entries than there is room for are counted", () => {
    const [route] = dumps["26 2"]!;
    const view = readWhole(replay({ "26 2": Array.from({ length: 5_000 }, () => route!) }));
    expect(view.routes).toMatchObject({ visible: true, leftOut: 904 });
    expect(itemsOf(view.routes)).toHaveLength(4_096);
  });
});

const { test: insideTest } = await needs("namespaces");

describe("tables of this kernel", () => {
  insideTest("are as iproute2 sees them", async () => {
    const { RouteTables } = await import("../../agent/kernel/netlink.ts");
    using network = madeNetwork();
    using inside = new DisposableStack();
    inside.use(enterNamespace(network.namespace));
    using tables = new RouteTables();
    const view = readWhole(tables);
    expect(linesOfView(view)).toEqual(linesOfIproute2(toldBy(network)));
  });
});
