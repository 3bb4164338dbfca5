import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { kubeAccess } from "../../agent/mesh/kube-access.ts";
import { createKubernetesSource, type KubernetesSourceOptions } from "../../agent/mesh/kubernetes-source.ts";
import type { Endpoint } from "../../agent/mesh/source.ts";
import { ApiServerProcess, makeCertificates } from "../support/api-server-process.ts";

let api: ApiServerProcess;
let source: AsyncDisposable | undefined;
let heard: { lists: (readonly Endpoint[])[]; synced: number; failures: string[] };

beforeEach(async () => {
  api = await ApiServerProcess.start();
  heard = { lists: [], synced: 0, failures: [] };
});
afterEach(async () => {
  await source?.[Symbol.asyncDispose]();
  source = undefined;
  await api[Symbol.asyncDispose]();
});

function start(changes: Partial<KubernetesSourceOptions> = {}): void {
  source = createKubernetesSource({
    namespace: "monitoring",
    service: "internode",
    idleTimeoutMs: 60_000,
    backoff: { baseMs: 10, capMs: 50 },
    access: kubeAccess({ env: api.podEnvironment, serviceAccountDirectory: api.directory }),
    ...changes,
  }).start({
    endpoints: (list) => heard.lists.push(list),
    synced: () => (heard.synced += 1),
    failed: (error) => heard.failures.push(error.message),
  });
}

const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 20 });
const names = () => heard.lists.at(-1)?.map((e) => e.node.name);
const untilNames = (...expected: string[]) => until(() => expect(names()).toEqual(expected));
const watching = () => until(async () => expect(await api.openWatches()).toBe(1));
const requests = async (kind: "list" | "watch") => (await api.seen()).filter((r) => r.kind === kind);

const pod = (node: string, address: string, rest: object = {}) => ({
  addresses: [address],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: node,
  zone: "zone-a",
  targetRef: { kind: "Pod", name: `internode-${node}`, namespace: "monitoring", uid: `uid-${node}` },
  ...rest,
});

describe("list, then watch", () => {
  test("lists the endpoints of the one Service and follows what is added, changed and deleted", async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"), pod("node-2", "10.0.0.2"));
    await api.applySlice("other", { service: "something-else", endpoints: [pod("node-9", "10.0.0.9")] });
    start();
    await untilNames("node-1", "node-2");
    expect(heard.lists[0]![0]).toEqual({
      node: { name: "node-1", zone: "zone-a" },
      id: "uid-node-1",
      podAddresses: { ipv4: "10.0.0.1" },
      nodeAddresses: {},
      serving: true,
      terminating: false,
    });
    await watching();
    await api.apply("internode-2", pod("node-3", "10.0.0.3"));
    await untilNames("node-1", "node-2", "node-3");
    await api.apply(
      "internode-1",
      pod("node-1", "10.0.0.1"),
      pod("node-2", "10.0.0.2", { conditions: { ready: true, serving: true, terminating: true } }),
    );
    await until(() => expect(heard.lists.at(-1)![1]).toMatchObject({ terminating: true }));
    await api.delete("internode-2");
    await untilNames("node-1", "node-2");
    expect(heard.failures).toEqual([]);
  });

  test("asks as the API wants to be asked", async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    start();
    await watching();
    const [list] = await requests("list");
    expect(list).toMatchObject({
      path: "/apis/discovery.k8s.io/v1/namespaces/monitoring/endpointslices",
      query: { labelSelector: "kubernetes.io/service-name=internode", limit: "500", resourceVersion: "0" },
      authorization: "Bearer token-1",
    });
    const [watch] = await requests("watch");
    expect(watch!.query).toMatchObject({
      labelSelector: "kubernetes.io/service-name=internode",
      allowWatchBookmarks: "true",
      resourceVersion: String(await api.resourceVersion()),
    });
    expect(Number(watch!.query["timeoutSeconds"])).toBeGreaterThanOrEqual(300);
    expect(Number(watch!.query["timeoutSeconds"])).toBeLessThanOrEqual(600);
  });

  test("a list in pages is one list", async () => {
    await api.behave({ pageSlices: 2 });
    for (let i = 1; i <= 5; i += 1) await api.apply(`internode-${i}`, pod(`node-${i}`, `10.0.0.${i}`));
    start();
    await untilNames("node-1", "node-2", "node-3", "node-4", "node-5");
    expect(heard.lists).toHaveLength(1);
    expect(await requests("list")).toHaveLength(3);
  });

  test("a continue token that expired begins the list anew, and half a list is never told", async () => {
    await api.behave({ pageSlices: 1, expireContinue: true });
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    await api.apply("internode-2", pod("node-2", "10.0.0.2"));
    start();
    await until(async () => expect((await requests("list")).filter((r) => r.status === 410).length).toBeGreaterThan(1));
    expect(heard.lists).toEqual([]);
    await api.behave({});
    await untilNames("node-1", "node-2");
  });

  test("one pod in slices of both families is one endpoint with two addresses", async () => {
    await api.apply("internode-v4", pod("node-1", "10.0.0.1"), pod("node-2", "10.0.0.2"));
    await api.applySlice("internode-v6", { addressType: "IPv6", endpoints: [pod("node-1", "fd00::1")] });
    await api.applySlice("internode-fqdn", { addressType: "FQDN", endpoints: [pod("node-7", "node-7.example")] });
    start();
    await untilNames("node-1", "node-2");
    expect(heard.lists[0]!.map((e) => e.podAddresses)).toEqual([
      { ipv4: "10.0.0.1", ipv6: "fd00::1" },
      { ipv4: "10.0.0.2" },
    ]);
  });

  test("changes that come together are told as one list", async () => {
    for (let i = 1; i <= 4; i += 1) await api.apply(`internode-${i}`, pod(`node-${i}`, `10.0.0.${i}`));
    start();
    await watching();
    const before = heard.lists.length;
    await Promise.all([1, 2, 3].map((i) => api.delete(`internode-${i}`)));
    await untilNames("node-4");
    expect(heard.lists.length - before).toBeLessThanOrEqual(2);
  });

  test("a Service without a slice is explained, and what was known before it vanished is not withdrawn", async () => {
    start();
    await until(() =>
      expect(heard.failures[0]).toMatch(
        /no EndpointSlice of a Service internode in namespace monitoring.*discovery\.service/,
      ),
    );
    expect(heard.lists).toEqual([]);
    expect(heard.synced).toBe(0);
    await watching();
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    await untilNames("node-1");
    const { synced } = heard;
    expect(synced).toBeGreaterThan(0);
    await api.delete("internode-1");
    await until(() => expect(heard.failures).toHaveLength(2));
    expect(names()).toEqual(["node-1"]);
  });
});

describe("a watch that ends", () => {
  beforeEach(async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
  });

  test("that the server ended in time is resumed from the last bookmark, without a list", async () => {
    await api.behave({ bookmarkEveryMs: 50 });
    start({ watchSeconds: { from: 1, to: 1 } });
    await watching();
    await api.applySlice("elsewhere", { namespace: "default", endpoints: [] });
    const version = String(await api.resourceVersion());
    await until(async () => expect((await requests("watch")).length).toBeGreaterThan(1));
    expect((await requests("watch")).at(-1)!.query["resourceVersion"]).toBe(version);
    expect(await requests("list")).toHaveLength(1);
    expect(heard.failures).toEqual([]);
  });

  test("that was cut is resumed where it was, and what happened meanwhile is not missed", async () => {
    start();
    await watching();
    await api.silenceWatches();
    await api.apply("internode-2", pod("node-2", "10.0.0.2"));
    await api.cutWatches();
    await untilNames("node-1", "node-2");
    expect(await requests("list")).toHaveLength(1);
  });

  test.each(["status", "event"] as const)(
    "whose history is gone (told by %s) is begun with a new list of the newest",
    async (goneAs) => {
      start();
      await watching();
      await api.silenceWatches();
      await api.apply("internode-2", pod("node-2", "10.0.0.2"));
      await api.delete("internode-1");
      await api.compact();
      await api.behave({ goneAs });
      await api.cutWatches();
      await untilNames("node-2");
      const lists = await requests("list");
      expect(lists).toHaveLength(2);
      expect(lists[1]!.query["resourceVersion"]).toBeUndefined();
      await watching();
      expect(
        await requests("watch"),
        "the one that was cut, the one told that history is gone, the one that goes on",
      ).toHaveLength(3);
      expect(heard.failures.filter((failure) => !failure.includes("other side closed"))).toEqual([]);
    },
  );

  test("that went silent is given up after the idle time, told, and resumed", async () => {
    start({ idleTimeoutMs: 1_000 });
    await watching();
    await api.behave({ bookmarkEveryMs: 200 });
    await api.silenceWatches();
    await api.apply("internode-2", pod("node-2", "10.0.0.2"));
    await untilNames("node-1", "node-2");
    expect(heard.failures).toEqual([expect.stringMatching(/no byte for 1 s.*discovery\.idleTimeoutMs/)]);
    expect(await requests("list")).toHaveLength(1);
  });

  test("of a server that froze is given up, and found again when it goes on", async () => {
    start({ idleTimeoutMs: 1_000 });
    await watching();
    api.freeze();
    await until(() => expect(heard.failures.at(-1)).toContain("no byte for 1 s"));
    expect(names()).toEqual(["node-1"]);
    api.thaw();
    await watching();
    await api.apply("internode-2", pod("node-2", "10.0.0.2"));
    await untilNames("node-1", "node-2");
  });

  test("that has bookmarks stays open past the idle time", async () => {
    await api.behave({ bookmarkEveryMs: 100 });
    start({ idleTimeoutMs: 1_000 });
    await watching();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await requests("watch")).toHaveLength(1);
    expect(heard.failures).toEqual([]);
    expect(heard.synced).toBeGreaterThan(5);
  });

  test("at once, again and again, is not begun again in a hot loop", async () => {
    await api.behave({ endWatches: true });
    start({ backoff: { baseMs: 200, capMs: 2_000 } });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const count = (await api.seen()).length;
    expect(count).toBeGreaterThan(2);
    expect(count).toBeLessThan(60);
  });

  test("when the server's history went back (restored from a backup) it is listed anew", async () => {
    start();
    await watching();
    await api.writeToWatches(
      `${JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: "999999" } } })}\n`,
    );
    await api.cutWatches();
    await until(async () => expect(await requests("list")).toHaveLength(2));
    await watching();
    expect(heard.failures).toContainEqual(expect.stringContaining("Too large resource version"));
  });
});

describe("an API server that is away", () => {
  test("keeps what is known, says so, and is found again", async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    start();
    await watching();
    await api.down();
    await until(() => expect(heard.failures.length).toBeGreaterThan(2));
    expect(heard.failures.at(-1)).toMatch(
      /discovery of Service internode in namespace monitoring.*ECONNREFUSED.*last known peers stay/s,
    );
    expect(heard.lists).toHaveLength(1);
    const { synced } = heard;
    await api.up();
    await watching();
    await until(() => expect(heard.synced).toBeGreaterThan(synced));
    await api.apply("internode-2", pod("node-2", "10.0.0.2"));
    await untilNames("node-1", "node-2");
  });

  test("from the start is waited for", async () => {
    await api.down();
    start();
    await until(() => expect(heard.failures.length).toBeGreaterThan(1));
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    await api.up();
    await untilNames("node-1");
  });

  test("and comes back slow is waited for too", async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    await api.behave({ delayMs: 800 });
    start();
    await untilNames("node-1");
    expect(heard.failures).toEqual([]);
  });
});

describe("credentials", () => {
  beforeEach(async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
  });

  test("a token that rotated is read again", async () => {
    start();
    await watching();
    await api.behave({ tokens: ["token-2"] });
    await api.cutWatches();
    await until(() => expect(heard.failures.at(-1)).toMatch(/answered 401.*Unauthorized.*token is not valid/));
    api.writeToken("token-2\n");
    await watching();
    expect((await requests("watch")).at(-1)).toMatchObject({ authorization: "Bearer token-2", status: 200 });
  });

  test("a missing token file is an error with its path, not a crash", async () => {
    start({ access: kubeAccess({ env: api.podEnvironment, serviceAccountDirectory: join(api.directory, "nowhere") }) });
    await until(() => expect(heard.failures[0]).toMatch(/nowhere\/token.*automountServiceAccountToken/));
  });

  test("a server with another authority's certificate is not talked to, until ca.crt is the right one", async () => {
    const other = join(api.directory, "other");
    makeCertificates(other);
    writeFileSync(join(other, "token"), "token-1");
    start({ access: kubeAccess({ env: api.podEnvironment, serviceAccountDirectory: other }) });
    await until(() => expect(heard.failures[0]).toContain("certificate is not of the authority in ca.crt"));
    expect(await api.seen()).toEqual([]);
    writeFileSync(join(other, "ca.crt"), readFileSync(join(api.directory, "ca.crt")));
    await untilNames("node-1");
  });

  test("outside of a cluster a kubeconfig with a client certificate is used", async () => {
    const kubeconfig = join(api.directory, "kubeconfig");
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        "current-context": "here",
        contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
        clusters: [
          {
            name: "c",
            cluster: {
              server: `https://127.0.0.1:${api.port}`,
              "certificate-authority": join(api.directory, "ca.crt"),
            },
          },
        ],
        users: [
          {
            name: "u",
            user: {
              "client-certificate": join(api.directory, "client.crt"),
              "client-key": join(api.directory, "client.key"),
            },
          },
        ],
      }),
    );
    vi.stubEnv("KUBECONFIG", kubeconfig);
    try {
      start({ access: kubeAccess({ env: { KUBECONFIG: kubeconfig } }) });
      await untilNames("node-1");
      expect((await requests("list"))[0]).toMatchObject({ clientCertificate: "an engineer" });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("refusals", () => {
  test.each([
    [
      403,
      "endpointslices.discovery.k8s.io is forbidden",
      /answered 403 to listing the EndpointSlices of Service internode.*is forbidden.*verbs list and watch on endpointslices.*Role/s,
    ],
    [404, "not found", /answered 404.*discovery\.k8s\.io\/v1 is not served/s],
    [429, "too many requests", /answered 429.*overloaded/s],
    [500, "etcdserver: leader changed", /answered 500.*leader changed.*waits and tries again/s],
    [302, "elsewhere", /answered 302.*address is that of a Kubernetes API server/s],
  ])("%i is told with its cure, and tried again", async (code, message, expected) => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    await api.behave({ status: { code, message } });
    start();
    await until(() => expect(heard.failures.length).toBeGreaterThan(1));
    expect(heard.failures[0]).toMatch(expected);
    await api.behave({});
    await untilNames("node-1");
  });
});

describe("answers that make no sense", () => {
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
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    start();
    await watching();
    await api.behave({ listBody });
    await api.compact();
    await api.cutWatches();
    await until(() => expect(heard.failures.at(-1)).toContain("makes no sense"));
    expect(names()).toEqual(["node-1"]);
    await api.behave({});
    await watching();
    expect(names()).toEqual(["node-1"]);
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
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    start();
    await watching();
    await api.writeToWatches(text);
    await until(() => expect(heard.failures.at(-1)).toContain("makes no sense"));
    await until(async () => expect(await requests("list")).toHaveLength(2));
    await watching();
    expect(names()).toEqual(["node-1"]);
  });

  test("an ERROR event that is not about history is told and tried again", async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    start();
    await watching();
    await api.writeToWatches('{"type":"ERROR","object":{"kind":"Status","code":500,"message":"boom"}}\n');
    await until(() => expect(heard.failures).toEqual([expect.stringMatching(/answered 500.*boom/)]));
    await until(async () => expect((await requests("watch")).length).toBe(2));
  });

  test("readiness is what serving says, or ready where serving is not told; what is not told at all is ready", async () => {
    const conditions = [{ ready: true, serving: false }, { ready: false, serving: true }, { ready: false }, {}];
    await api.apply(
      "internode-1",
      ...conditions.map((condition, i) => pod(`node-${i}`, `10.0.0.${i + 1}`, { conditions: condition })),
      pod("node-4", "10.0.0.5", { conditions: undefined }),
    );
    start();
    await until(() => expect(heard.lists.at(-1)?.map((e) => e.serving)).toEqual([false, true, false, true, true]));
    expect(heard.lists[0]!.every((e) => !e.terminating)).toBe(true);
  });

  test("endpoints without a node, with a bad name or without an address are left out, and the rest is taken", async () => {
    await api.apply(
      "internode-1",
      { addresses: ["10.0.0.8"] },
      pod("node one", "10.0.0.7"),
      pod("node-3", "10.0.0.3", { addresses: [] }),
      pod("node-2", "10.0.0.2", { zone: "a zone" }),
    );
    start();
    await untilNames("node-2");
    expect(heard.lists[0]![0]!.node).toEqual({ name: "node-2", zone: "" });
  });
});

describe("the end", () => {
  test("disposing while a watch is open, while waiting and twice is quick and quiet", async () => {
    await api.apply("internode-1", pod("node-1", "10.0.0.1"));
    start();
    await watching();
    await source![Symbol.asyncDispose]();
    await source![Symbol.asyncDispose]();
    await until(async () => expect(await api.openWatches()).toBe(0));
    await api.behave({ mute: true });
    start();
    await until(async () => expect((await api.seen()).at(-1)!.status).toBe(0));
    await source![Symbol.asyncDispose]();
    expect(heard.failures).toEqual([]);
  });
});
