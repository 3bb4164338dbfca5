// From a laptop by a kubeconfig: a real agent's API behind each pod, some of them out of reach of the others.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { delimiter, dirname } from "node:path";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Snapshot } from "../../agent/model/snapshot.ts";
import { AgentUnreachable } from "../../agent/cli/mesh-client.ts";
import { openCluster } from "../../agent/cli/cluster/connection.ts";
import { UsageError } from "../../agent/cli/command.ts";
import { reachMesh, readReach } from "../../agent/cli/reach.ts";
import { startAgent, type RunningAgent } from "../api/api-mesh.ts";
import type { KubeFront } from "../support/kube-front.ts";
import { sampleNodes } from "../support/sample-mesh.ts";
import { podOf, startClusterMesh } from "./cluster-mesh.ts";

const MESH = { nodes: 4, zones: 2 };
const NODES = sampleNodes(MESH);
const NOWHERE = { host: "127.0.0.1", port: 9 };

let opened: AsyncDisposableStack;
let front: KubeFront;
let agents: RunningAgent[];
beforeEach(async () => {
  opened = new AsyncDisposableStack();
  ({ front, agents } = await startClusterMesh(MESH, opened));
});
afterEach(() => opened.disposeAsync());

interface Config {
  clusters: { name: string; cluster: { server: string } }[];
  users: { name: string; user: { token?: string } }[];
  contexts: { name: string }[];
  "current-context"?: string;
}
function edit(change: (config: Config) => void, file = front.kubeconfig): void {
  const config = JSON.parse(readFileSync(front.kubeconfig, "utf8")) as Config;
  change(config);
  writeFileSync(file, JSON.stringify(config));
}

type Choice = Partial<Record<"namespace" | "context", string>>;
const askMesh = (more: Choice = {}) =>
  reachMesh(
    { kind: "cluster", kubeconfig: front.kubeconfig, namespace: undefined, context: undefined, ...more },
    new AbortController().signal,
  );
const ask = async (more: Choice = {}): Promise<Snapshot> => (await askMesh(more)).snapshot;
const sources = ({ rows }: Snapshot) => rows.map((row) => row.source.name);

/** Nobody of the mesh reaches this agent; the API server does. */
function cutOff(name: string): void {
  for (const { agent } of agents)
    agent.apis = agent.apis.map((api) => (api.node.name === name ? { ...api, url: "http://127.0.0.9:9" } : api));
}

test("one agent is asked for the whole mesh and for the verdict, through port-forwards to it alone", async () => {
  const snapshot = await ask();
  expect(sources(snapshot)).toEqual(["node-1", "node-2", "node-3", "node-4"]);
  expect(front.asked).toEqual(["list-all", "forward internode-node-1", "forward internode-node-1"]);
});

test("the verdict is a judge's by way of the asked agent, or else what the rows show", async () => {
  expect((await askMesh()).verdict).toEqual(
    expect.objectContaining({
      by: { name: "node-1", zone: expect.any(String) as string },
      at: "2026-11-23T17:02:11.408Z",
    }),
  );
});

test("a row that no agent can get comes through a port-forward to its own, marked", async () => {
  cutOff("node-4");
  const snapshot = await ask();
  expect(sources(snapshot)).toEqual(["node-1", "node-2", "node-3", "node-4"]);
  expect(snapshot.missing).toEqual([]);
  expect(snapshot.relayed).toMatchObject([{ node: { name: "node-4" }, by: ["the API server"], trust: "forwarded" }]);
});

test("an agent that nobody reaches is missing, with what its pod says", async () => {
  cutOff("node-3");
  cutOff("node-4");
  front.pods = front.pods.map((pod) =>
    pod.node === "node-3" ? { ...pod, ready: false } : pod.node === "node-4" ? { ...pod, at: NOWHERE } : pod,
  );
  const { missing } = await ask();
  expect(missing.find((m) => m.node.name === "node-3")!.reason).toMatch(/; its pod is CrashLoopBackOff$/);
  expect(missing.find((m) => m.node.name === "node-4")!.reason).toMatch(/; by way of the API server: .*ECONNREFUSED/);
});

test("an agent that does not answer is passed over for the next", async () => {
  front.pods = front.pods.map((pod, i) => (i === 0 ? { ...pod, at: NOWHERE } : pod));
  expect((await ask()).by.name).toBe("node-2");
});

test("at most 32 port-forwards are open at once", async () => {
  const [first] = agents;
  first!.agent.apis = [];
  const many = Array.from({ length: 60 }, (_, i) => ({
    ...podOf(agents[1]!),
    name: `internode-x-${i}`,
    node: `node-${i + 2}`,
  }));
  front.pods = [podOf(first!), ...many];
  const large = await startAgent({ nodes: 61, zones: 1 }, { name: "node-1", zone: "zone-a" }, "127.0.0.1", {
    deadlineMs: 100,
  });
  opened.use(large.api);
  front.pods = [podOf(large), ...many];
  await ask();
  expect(front.mostForwards).toBeGreaterThan(8);
  expect(front.mostForwards).toBeLessThanOrEqual(32);
});

describe("without the right to forward ports", () => {
  beforeEach(() => void front.forbidden.add("forward"));

  test("the plain rows come through the proxy, and the zones from them", async () => {
    const snapshot = await ask();
    expect(sources(snapshot)).toEqual(["node-1", "node-2", "node-3", "node-4"]);
    expect(snapshot.nodes).toEqual(NODES);
    expect(snapshot.by.name).toBe("the API server");
    expect(front.asked.filter((what) => what.startsWith("proxy"))).toHaveLength(4);
  });

  test("and some agents gone, those rows are missing with the reason and the zone that others tell", async () => {
    front.pods = front.pods.map((pod) => (pod.node === "node-4" ? { ...pod, at: NOWHERE } : pod));
    const { missing, nodes } = await ask();
    expect(missing).toEqual([{ node: node("node-4"), reason: expect.stringContaining("HTTP 503") as string }]);
    expect(nodes).toEqual(NODES);
  });

  test("nor to the proxy, it says which rule allows it", async () => {
    front.forbidden.add("proxy");
    await expect(ask()).rejects.toThrow(
      /port-forward.*resources: \["pods\/portforward"\], verbs: \["create"\].*HTTP 403/s,
    );
  });
});

const node = (name: string) => NODES.find((n) => n.name === name)!;

describe("finding the agents", () => {
  test("without the right to look everywhere looks where they usually are", async () => {
    front.forbidden.add("list-all");
    expect(sources(await ask())).toHaveLength(4);
    expect(front.asked).toEqual(expect.arrayContaining(["list-all", "list default", "list internode"]));
  });

  test("without any right says which rule allows it", async () => {
    front.forbidden.add("list-all").add("list");
    await expect(ask()).rejects.toThrow(/HTTP 403 .*resources: \["pods"\], verbs: \["list"\].*--namespace/);
  });

  test.each<[string, () => void, Parameters<typeof ask>[0], RegExp]>([
    ["none", () => (front.pods = []), {}, /there is no agent in the namespaces .* name theirs with --namespace/],
    ["none there", () => {}, { namespace: "other" }, /there is no agent in namespace other/],
    [
      "two installations",
      () => (front.pods = front.pods.map((p, i) => (i === 0 ? { ...p, daemonSet: "second" } : p))),
      {},
      /internode\/internode and internode\/second: choose one/,
    ],
    ["only the pod of a test", () => (front.pods = []), {}, /there is no agent/],
    [
      "credentials that are not accepted",
      () => edit((config) => void (config.users = [{ name: "me", user: { token: "expired" } }])),
      {},
      /^the API server does not accept the credentials of user 'me' of the kubeconfig \(HTTP 401\).*renew them/,
    ],
    [
      "a server that is no URL",
      () => edit((config) => void (config.clusters[0]!.cluster.server = "kube:6443/ /")),
      {},
      /cannot|is no URL/,
    ],
  ])("%s is said plainly", async (_what, change, more, said) => {
    change();
    await expect(ask(more)).rejects.toThrow(said);
    await expect(ask(more)).rejects.toThrow(AgentUnreachable);
  });
});

describe("which agent is meant", () => {
  const read = (options: Record<string, string>, env = {}) => readReach({ options }, env);

  test.each([
    [{ url: "http://127.0.0.1:1" }, {}, { kind: "url", url: "http://127.0.0.1:1" }],
    [{ namespace: "a" }, { INTERNODE_CONFIG: "/etc/x" }, { kind: "cluster", namespace: "a" }],
    [{}, { INTERNODE_CONFIG: "/nowhere" }, { kind: "url", url: "http://127.0.0.1:8843" }],
    [{}, {}, { kind: "nearest" }],
  ])("%j in %j", (options, env, reach) => {
    expect(read(options as Record<string, string>, env)).toMatchObject(reach);
  });

  test.each([[{ url: "http://a", context: "b" }], [{ url: "no url" }]])("%j is no choice", (options) => {
    expect(() => read(options as Record<string, string>)).toThrow(UsageError);
  });
});

describe("an exec plugin of the kubeconfig", () => {
  /** Its command prints this, or fails; what it prints is read from the environment, so that no shell sees it. */
  function withPlugin(command: string): void {
    const config = JSON.parse(readFileSync(front.kubeconfig, "utf8")) as { users: { user: { token?: string } }[] };
    const status = { token: config.users[0]!.user.token };
    const apiVersion = "client.authentication.k8s.io/v1";
    const exec = {
      apiVersion,
      command,
      args: ["CREDENTIAL"],
      env: [{ name: "CREDENTIAL", value: JSON.stringify({ apiVersion, kind: "ExecCredential", status }) }],
      interactiveMode: "Never",
    };
    writeFileSync(front.kubeconfig, JSON.stringify({ ...config, users: [{ name: "me", user: { exec } }] }));
  }

  test("signs requests and port-forwards", async () => {
    withPlugin("printenv");
    expect(sources(await ask())).toHaveLength(4);
    expect(front.asked).toContain("forward internode-node-1");
  });

  test.each([
    ["/nowhere/plugin", /the exec plugin '\/nowhere\/plugin' of user 'me' .* gives no credentials: .*ENOENT/],
    ["false", /the exec plugin 'false' of user 'me' .* gives no credentials: it failed without a word; run it/],
  ])("that is %s is named, and not the API server", async (command, said) => {
    withPlugin(command);
    await expect(ask()).rejects.toThrow(said);
    await expect(ask()).rejects.toThrow(AgentUnreachable);
  });
});

test("a port-forward that neither opens nor is refused ends by itself", async () => {
  front.silent.add("internode-node-2");
  const cluster = await openCluster({ kubeconfig: front.kubeconfig, context: undefined });
  const pod = { namespace: "internode", name: "internode-node-2", port: 8843 };
  await expect(cluster.forward(pod, 50)).rejects.toThrow(
    "no port-forward to pod internode/internode-node-2: no answer within 0.05 s",
  );
});

describe("the kubeconfig", () => {
  const never = new AbortController().signal;
  const none = { kubeconfig: undefined, context: undefined };

  test.each([
    [{ kubeconfig: "/nowhere/config" }, /^the kubeconfig cannot be read: ENOENT/],
    [{ context: "there" }, /^the kubeconfig has no context 'there'; it has here$/],
  ])("that was typed and is not there is bad usage: %j", async (typed, said) => {
    const asked = openCluster({ ...none, kubeconfig: front.kubeconfig, ...typed }, {});
    await expect(asked).rejects.toThrow(UsageError);
    await expect(asked).rejects.toThrow(said);
  });

  test("of several files is read as kubectl does: the first word counts, and a file that is not there is passed over", async () => {
    const other = `${front.kubeconfig}-other`;
    edit((config) => {
      config["current-context"] = "elsewhere";
      config.contexts.push({ ...config.contexts[0]!, name: "elsewhere" });
      config.users = [{ name: "me", user: { token: "of somebody else" } }];
    }, other);
    const env = { KUBECONFIG: ["", "/nowhere/config", front.kubeconfig, other].join(delimiter) };
    await expect((await openCluster(none, env)).get("/api/v1/pods", never)).resolves.toBeDefined();
    await expect(
      (await openCluster({ ...none, context: "elsewhere" }, env)).get("/api/v1/pods", never),
    ).resolves.toBeDefined();
  });

  test("that is nowhere is said, before any server of this machine is asked", async () => {
    vi.stubEnv("HOME", dirname(front.kubeconfig));
    onTestFinished(() => void vi.unstubAllEnvs());
    for (const env of [{}, { KUBECONFIG: "" }])
      await expect(openCluster({ ...none, context: "there" }, env)).rejects.toThrow(
        /^there is no kubeconfig: name one/,
      );
    await expect(openCluster(none, { KUBECONFIG: "/nowhere/config" })).rejects.toThrow(
      "the kubeconfig cannot be read: KUBECONFIG names /nowhere/config, and no such file is there",
    );
  });

  test("whose server is behind a proxy of the environment is asked through it, port-forwards too", async () => {
    const { port } = new URL((await openCluster({ ...none, kubeconfig: front.kubeconfig }, {})).server);
    const tunnels: string[] = [];
    const proxy = createServer().on("connect", (request: IncomingMessage, socket: Duplex) => {
      tunnels.push(request.url!);
      const far = connect(Number(port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        far.pipe(socket).pipe(far);
      });
      far.on("error", () => socket.destroy());
      socket.on("error", () => far.destroy());
    });
    await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
    opened.defer(() => void proxy.close());
    edit((config) => void (config.clusters[0]!.cluster.server = `http://kube.example:${port}`));
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(sources(await ask())).toHaveLength(4);
    expect(front.asked).toContain("forward internode-node-1");
    expect(new Set(tunnels)).toEqual(new Set([`kube.example:${port}`]));
  });

  test("names the proxy when nobody answers there, without its password", async () => {
    const env = { HTTP_PROXY: "http://me:secret@127.0.0.1:9" };
    edit((config) => void (config.clusters[0]!.cluster.server = "http://kube.example"));
    const asked = (await openCluster({ ...none, kubeconfig: front.kubeconfig }, env)).get("/version", never);
    await expect(asked).rejects.toThrow(
      /^the API server at http:\/\/kube\.example cannot be asked by way of the proxy 127\.0\.0\.1:9: .*ECONNREFUSED/,
    );
  });
});
