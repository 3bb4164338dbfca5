import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { Viewer, type ViewerOptions } from "../../agent/host/viewer.ts";
import { nodeViewSchema } from "../../agent/model/node-view.ts";
import { recording, replay } from "./recorded.ts";

const node = { name: "node-1", zone: "zone-a" };
function viewer(options: Partial<ViewerOptions> = {}) {
  let opened = 0;
  const openTables = () => {
    opened++;
    return { ...replay(recording().dumps), [Symbol.dispose]: () => {} };
  };
  return { viewer: new Viewer({ node: () => node, namespace: "pod", openTables, ...options }), opened: () => opened };
}

describe("the view of a node", () => {
  test("holds nothing but what its schema promises", async () => {
    const view = await viewer().viewer.view();
    expect(nodeViewSchema.parse(view)).toEqual(view);
    expect(view).toMatchObject({ schemaVersion: 1, node, namespace: "pod" });
  });

  test("is read once for all that ask within a second", async () => {
    const { viewer: one, opened } = viewer();
    const views = await Promise.all(Array.from({ length: 50 }, () => one.view()));
    expect(opened()).toBe(1);
    expect(new Set(views).size).toBe(1);
    expect(await one.view()).toBe(views[0]);
    expect(opened()).toBe(1);
  });

  test("says of an engine without netlink that its tables are not visible, and tells the rest", async () => {
    const one = new Viewer({ node: () => node, namespace: "pod" });
    const view = await one.view();
    expect(nodeViewSchema.parse(view)).toEqual(view);
    for (const list of [view.interfaces, view.routes, view.rules, view.neighbours, view.forwarding])
      expect(list).toEqual({
        visible: false,
        reason: "the engine 'userspace' has no way to ask the kernel by netlink",
      });
    expect(view.sockets.visible).toBe(true);
  });

  test("says why no netlink socket could be opened", async () => {
    const view = await viewer({
      openTables: () => {
        throw new Error("socket: EPERM (netlink)");
      },
    }).viewer.view();
    expect(view.routes).toEqual({ visible: false, reason: "no netlink socket: socket: EPERM (netlink)" });
  });

  test("says of a file that is not there why it is not", async () => {
    const view = await viewer({ resolverFile: "/nonexistent/resolv.conf" }).viewer.view();
    expect(view.resolver).toEqual({
      visible: false,
      reason: "/nonexistent/resolv.conf: this network namespace, or this kernel, has no such file",
    });
  });

  test("names a port that is listened on", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const { sockets, socketCounts } = await viewer().viewer.view();
      expect(sockets).toMatchObject({
        items: expect.arrayContaining([
          expect.objectContaining({ state: "listen", local: { address: "127.0.0.1", port } }),
        ]),
      });
      expect(socketCounts["tcp listen"]).toBeGreaterThan(0);
    } finally {
      server.close();
    }
  });
});
