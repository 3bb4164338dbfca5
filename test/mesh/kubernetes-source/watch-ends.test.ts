import { beforeEach, expect, test } from "vitest";
import { podEndpoint, until, watchedSource } from "../../support/watched-source.ts";
import { needs } from "../../support/needs.ts";

const { describe } = await needs("openssl");

const w = watchedSource();

describe("a watch that ends", () => {
  beforeEach(async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
  });

  test("that the server ended in time is resumed from the last bookmark, without a list", async () => {
    await w.api.behave({ bookmarkEveryMs: 50 });
    w.start({ watchSeconds: { from: 1, to: 1 } });
    await w.watching();
    await w.api.applySlice("elsewhere", { namespace: "default", endpoints: [] });
    const version = String(await w.api.resourceVersion());
    await until(async () => expect((await w.requests("watch")).length).toBeGreaterThan(1));
    expect((await w.requests("watch")).at(-1)!.query["resourceVersion"]).toBe(version);
    expect(await w.requests("list")).toHaveLength(1);
    expect(w.heard.failures).toEqual([]);
  });

  test("that was cut is resumed where it was, and what happened meanwhile is not missed", async () => {
    w.start();
    await w.watching();
    await w.api.silenceWatches();
    await w.api.apply("internode-2", podEndpoint("node-2", "10.0.0.2"));
    await w.api.cutWatches();
    await w.untilNames("node-1", "node-2");
    expect(await w.requests("list")).toHaveLength(1);
  });

  test.each(["status", "event"] as const)(
    "whose history is gone (told by %s) is begun with a new list of the newest",
    async (goneAs) => {
      w.start();
      await w.watching();
      await w.api.silenceWatches();
      await w.api.apply("internode-2", podEndpoint("node-2", "10.0.0.2"));
      await w.api.delete("internode-1");
      await w.api.compact();
      await w.api.behave({ goneAs });
      await w.api.cutWatches();
      await w.untilNames("node-2");
      const lists = await w.requests("list");
      expect(lists).toHaveLength(2);
      expect(lists[1]!.query["resourceVersion"]).toBeUndefined();
      await w.watching();
      expect(
        await w.requests("watch"),
        "the one that was cut, the one told that history is gone, the one that goes on",
      ).toHaveLength(3);
      expect(w.heard.failures.filter((failure) => !failure.includes("other side closed"))).toEqual([]);
    },
  );

  test("that went silent is given up after the idle time, told, and resumed", async () => {
    w.start({ idleTimeoutMs: 1_000 });
    await w.watching();
    await w.api.behave({ bookmarkEveryMs: 200 });
    await w.api.silenceWatches();
    await w.api.apply("internode-2", podEndpoint("node-2", "10.0.0.2"));
    await w.untilNames("node-1", "node-2");
    expect(w.heard.failures).toEqual([expect.stringMatching(/no byte for 1 s.*discovery\.idleTimeoutMs/)]);
    expect(await w.requests("list")).toHaveLength(1);
  });

  test("of a server that froze is given up, and found again when it goes on", async () => {
    w.start({ idleTimeoutMs: 1_000 });
    await w.watching();
    w.api.freeze();
    await until(() => expect(w.heard.failures.at(-1)).toContain("no byte for 1 s"));
    expect(w.names()).toEqual(["node-1"]);
    w.api.thaw();
    await w.watching();
    await w.api.apply("internode-2", podEndpoint("node-2", "10.0.0.2"));
    await w.untilNames("node-1", "node-2");
  });

  test("that has bookmarks stays open past the idle time", async () => {
    await w.api.behave({ bookmarkEveryMs: 100 });
    w.start({ idleTimeoutMs: 1_000 });
    await w.watching();
    // As many bookmarks, 100 ms apart, as take longer than the idle time.
    await until(() => expect(w.heard.synced).toBeGreaterThan(15));
    expect(await w.requests("watch")).toHaveLength(1);
    expect(w.heard.failures).toEqual([]);
  });

  test("at once, again and again, is not begun again in a hot loop", async () => {
    await w.api.behave({ endWatches: true });
    w.start({ backoff: { baseMs: 200, capMs: 2_000 } });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const count = (await w.api.seen()).length;
    expect(count).toBeGreaterThan(2);
    expect(count).toBeLessThan(60);
  });

  test("when the server's history went back (restored from a backup) it is listed anew", async () => {
    w.start();
    await w.watching();
    await w.api.writeToWatches(
      `${JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: "999999" } } })}\n`,
    );
    await w.api.cutWatches();
    await until(async () => expect(await w.requests("list")).toHaveLength(2));
    await w.watching();
    expect(w.heard.failures).toContainEqual(expect.stringContaining("Too large resource version"));
  });
});
