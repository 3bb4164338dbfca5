import { expect, test } from "vitest";
import { podEndpoint, until, watchedSource } from "../../support/watched-source.ts";
import { needs } from "../../support/needs.ts";

const { describe } = await needs("openssl");

const w = watchedSource();

describe("invalid answers", () => {
  const slice = (changes: object, metadata: object = {}) => ({
    metadata: {
      name: "s",
      namespace: "monitoring",
      resourceVersion: "5",
      labels: { "kubernetes.io/service-name": "internode" },
      ...metadata,
    },
    addressType: "IPv4",
    endpoints: [],
    ...changes,
  });
  const list = (...items: unknown[]) =>
    JSON.stringify({ kind: "EndpointSliceList", metadata: { resourceVersion: "5" }, items });

  test.each([
    ["no JSON", "<html>login</html>"],
    ["another kind", '{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}'],
    ["no version", '{"kind":"EndpointSliceList","metadata":{},"items":[]}'],
    ["a list of numbers", list(1, 2)],
    ["endpoints of a wrong type", list(slice({ endpoints: [{ addresses: "10.0.0.1" }] }))],
    [
      "more endpoints than a slice can have",
      list(slice({ endpoints: Array.from({ length: 1_001 }, () => ({ addresses: ["10.0.0.1"] })) })),
    ],
    ["a slice of another Service", list(slice({}, { labels: { "kubernetes.io/service-name": "victim" } }))],
    ["a slice of another namespace", list(slice({}, { namespace: "kube-system" }))],
    ["half an answer", list(slice({})).slice(0, 80)],
    [
      "a list without end",
      JSON.stringify({ kind: "EndpointSliceList", metadata: { resourceVersion: "5", continue: "again" }, items: [] }),
    ],
  ])("a list that is %s is a counted failure, and the last good stays", async (_, listBody) => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    w.start();
    await w.watching();
    await w.api.behave({ listBody });
    await w.api.compact();
    await w.api.cutWatches();
    await until(() => expect(w.heard.failures.at(-1)).toContain("is invalid"));
    expect(w.names()).toEqual(["node-1"]);
    await w.api.behave({});
    await w.watching();
    expect(w.names()).toEqual(["node-1"]);
  });

  test.each([
    ["no JSON", "hello\n"],
    ["an unknown type", '{"type":"EXPLODED","object":{}}\n'],
    ["a slice that is none", '{"type":"ADDED","object":{"metadata":{}}}\n'],
    ["a bookmark without a version", '{"type":"BOOKMARK","object":{}}\n'],
    [
      "somebody else's slice",
      `${JSON.stringify({ type: "ADDED", object: slice({}, { namespace: "kube-system" }) })}\n`,
    ],
    ["a line without end", "x".repeat(9 * 1024 * 1024)],
  ])("a watch event that is %s is a counted failure, and the mesh is listed anew", async (_, text) => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    w.start();
    await w.watching();
    await w.api.writeToWatches(text);
    await until(() => expect(w.heard.failures.at(-1)).toContain("is invalid"));
    await until(async () => expect(await w.requests("list")).toHaveLength(2));
    await w.watching();
    expect(w.names()).toEqual(["node-1"]);
  });

  test("an ERROR event that is not about history is told and tried again", async () => {
    await w.api.apply("internode-1", podEndpoint("node-1", "10.0.0.1"));
    w.start();
    await w.watching();
    await w.api.writeToWatches('{"type":"ERROR","object":{"kind":"Status","code":500,"message":"boom"}}\n');
    await until(() => expect(w.heard.failures).toEqual([expect.stringMatching(/answered 500.*boom/)]));
    await until(async () => expect((await w.requests("watch")).length).toBe(2));
  });
});
