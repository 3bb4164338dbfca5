import { expect, test } from "vitest";
import { podEndpoint, until, watchedSource } from "../../support/watched-source.ts";
import { needs } from "../../support/needs.ts";

const { describe } = await needs("openssl");

const w = watchedSource();

describe("list, then watch", () => {
  test("lists the endpoints of the one Service and follows what is added, changed and deleted", async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"), podEndpoint("node-2", "10.0.0.2"));
    await w.api.applySlice("other", { service: "something-else", endpoints: [podEndpoint("node-9", "10.0.0.9")] });
    w.start();
    await w.untilNames("node-1", "node-2");
    expect(w.heard.lists[0]![0]).toEqual({
      node: { name: "node-1", zone: "zone-a" },
      id: "uid-node-1",
      podAddresses: { ipv4: "10.0.0.1" },
      nodeAddresses: {},
      serving: true,
      terminating: false,
    });
    await w.watching();
    await w.api.apply("internode-2", podEndpoint("node-3", "10.0.0.3"));
    await w.untilNames("node-1", "node-2", "node-3");
    await w.api.apply(
      "internode-1",
      podEndpoint("node-1", "10.0.0.1"),
      podEndpoint("node-2", "10.0.0.2", { conditions: { ready: true, serving: true, terminating: true } }),
    );
    await until(() => expect(w.heard.lists.at(-1)![1]).toMatchObject({ terminating: true }));
    await w.api.delete("internode-2");
    await w.untilNames("node-1", "node-2");
    expect(w.heard.failures).toEqual([]);
  });

  test("asks as the API wants to be asked", async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    w.start();
    await w.watching();
    const [list] = await w.requests("list");
    expect(list).toMatchObject({
      path: "/apis/discovery.k8s.io/v1/namespaces/monitoring/endpointslices",
      query: { labelSelector: "kubernetes.io/service-name=internode", limit: "500", resourceVersion: "0" },
      authorization: "Bearer token-1",
    });
    const [watch] = await w.requests("watch");
    expect(watch!.query).toMatchObject({
      labelSelector: "kubernetes.io/service-name=internode",
      allowWatchBookmarks: "true",
      resourceVersion: String(await w.api.resourceVersion()),
    });
    expect(Number(watch!.query["timeoutSeconds"])).toBeGreaterThanOrEqual(300);
    expect(Number(watch!.query["timeoutSeconds"])).toBeLessThanOrEqual(600);
  });

  test("a list in pages is one list", async () => {
    await w.api.behave({ pageSlices: 2 });
    for (let i = 1; i <= 5; i += 1) await w.api.apply(`internode-${i}`, podEndpoint(`node-${i}`, `10.0.0.${i}`));
    w.start();
    await w.untilNames("node-1", "node-2", "node-3", "node-4", "node-5");
    expect(w.heard.lists).toHaveLength(1);
    expect(await w.requests("list")).toHaveLength(3);
  });

  test("a continue token that expired begins the list anew, and half a list is never told", async () => {
    await w.api.behave({ pageSlices: 1, expireContinue: true });
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    await w.api.apply("internode-2", podEndpoint("node-2", "10.0.0.2"));
    w.start();
    await until(async () =>
      expect((await w.requests("list")).filter((r) => r.status === 410).length).toBeGreaterThan(1),
    );
    expect(w.heard.lists).toEqual([]);
    await w.api.behave({});
    await w.untilNames("node-1", "node-2");
  });

  test("changes that come together are told as one list", async () => {
    for (let i = 1; i <= 4; i += 1) await w.api.apply(`internode-${i}`, podEndpoint(`node-${i}`, `10.0.0.${i}`));
    w.start();
    await w.watching();
    const before = w.heard.lists.length;
    await Promise.all([1, 2, 3].map((i) => w.api.delete(`internode-${i}`)));
    await w.untilNames("node-4");
    expect(w.heard.lists.length - before).toBeLessThanOrEqual(2);
  });

  test("a Service without a slice is explained, and what was known before it vanished is not withdrawn", async () => {
    w.start();
    await until(() =>
      expect(w.heard.failures[0]).toMatch(
        /no EndpointSlice of a Service internode in namespace monitoring.*discovery\.service/,
      ),
    );
    expect(w.heard.lists).toEqual([]);
    expect(w.heard.synced).toBe(0);
    await w.watching();
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    await w.untilNames("node-1");
    const { synced } = w.heard;
    expect(synced).toBeGreaterThan(0);
    await w.api.delete("internode-1");
    await until(() => expect(w.heard.failures).toHaveLength(2));
    expect(w.names()).toEqual(["node-1"]);
  });
});

describe("the end", () => {
  test("disposing while a watch is open, while waiting and twice is quick and quiet", async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    w.start();
    await w.watching();
    await w.source![Symbol.asyncDispose]();
    await w.source![Symbol.asyncDispose]();
    await until(async () => expect(await w.api.openWatches()).toBe(0));
    await w.api.behave({ mute: true });
    w.start();
    await until(async () => expect((await w.api.seen()).at(-1)!.status).toBe(0));
    await w.source![Symbol.asyncDispose]();
    expect(w.heard.failures).toEqual([]);
  });
});
