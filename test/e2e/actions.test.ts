// Actions on a real cluster: what the pages of their commands show, every door to them, and the life of their token.
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { load } from "js-yaml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACTIONS } from "../../agent/actions/actions.ts";
import type { MtuReport } from "../../agent/actions/mtu/report.ts";
import type { ThroughputReport } from "../../agent/actions/throughput/report.ts";
import type { TraceReport } from "../../agent/actions/trace/report.ts";
import { LIVE_PAGES, outputsOf, shapeOf } from "../../scripts/live-pages.ts";
import { WHY_NOT_FOREIGN } from "./arguments.ts";
import { internode } from "./internode.ts";
import { Release, type Agent } from "./release.ts";
import { helms, IS_FOREIGN, report, Target } from "./target.ts";

const NAMESPACE = "internode";
const SECRET = "internode-token";
const ACTIONS_ON = { config: { actions: { enabled: true } } };
/** The kubelet brings a changed Secret to its pods within about a minute. */
const TOKEN_ARRIVES_MS = 180_000;
const SETTLED_MS = 120_000;

const examples = LIVE_PAGES.flatMap(({ command, examples }) => {
  const outputs = outputsOf(readFileSync(new URL(`../../docs/cli/${command}.md`, import.meta.url), "utf8"));
  return examples.flatMap(({ when, words }, i) =>
    when === "acting" ? [{ line: words.join(" "), shape: seenIn(outputs[i]!) }] : [],
  );
});

/** Without what `matrix` says of a machine that is busy with other things as well. */
function seenIn(output: string): readonly string[] {
  return shapeOf(output).filter((line) => !line.startsWith("- Of NODE in the last minute"));
}

describe.skipIf(IS_FOREIGN)(`actions on a cluster (${WHY_NOT_FOREIGN})`, () => {
  let target: Target;
  let release: Release;
  let agents: readonly Agent[];
  let folder: string;
  beforeAll(async () => {
    const [helm] = await helms();
    folder = await mkdtemp(join(tmpdir(), "internode-actions-"));
    target = await Target.open({ zones: 3 });
    release = await Release.install(target, { helm: helm!, namespace: NAMESPACE }, ACTIONS_ON);
    agents = await release.agents();
  });
  afterAll(async () => {
    await target?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (...words: readonly string[]) => internode(words, { kubeconfig: target.kubeconfig });
  const token = async () => {
    const { data } = await target.get<{ data: { token: string } }>(["secret", SECRET, "--namespace", NAMESPACE]);
    return Buffer.from(data.token, "base64").toString();
  };
  const connectWith = (secret: string) => {
    const file = join(folder, "token");
    writeFileSync(file, secret);
    return ask("connect", "node-1", "node-2", "7843", "--token-file", file);
  };

  test.each(examples)("$line prints what its page shows", async ({ line, shape }) => {
    let seen: readonly string[] = [];
    const deadline = performance.now() + SETTLED_MS;
    do {
      const { out } = await ask(...line.split(" "));
      seen = seenIn(out);
      if (JSON.stringify(seen) !== JSON.stringify(shape)) await sleep(2_000);
    } while (JSON.stringify(seen) !== JSON.stringify(shape) && performance.now() < deadline);
    expect(seen).toEqual(shape);
  });

  test("a command in an agent's pod has that agent's token, and acts from every node", async () => {
    const said = await release.internode("connect", "node-3", "node-1", "7843", "--network", "pod");
    expect(said).toMatch(/^node-3 to node-1, pod network, .*: open/);
  });

  test("the agents that act are user 65532 and have no capability", async () => {
    const program = 'console.log(require("fs").readFileSync("/proc/1/status", "utf8"))';
    for (const { name } of agents) {
      const inPod = ["exec", name, "--namespace", NAMESPACE, "--"];
      const status = await target.kubectl([...inPod, "/nodejs/bin/node", "-e", program]);
      expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
      for (const set of ["Inh", "Prm", "Eff", "Bnd", "Amb"])
        expect(status).toMatch(new RegExp(`^Cap${set}:\t0{16}$`, "m"));
    }
  });

  const json = async <T>(...words: string[]): Promise<T> => {
    const { code, out, err } = await ask(...words, "-o", "json");
    expect([code, err]).toEqual([0, ""]);
    return JSON.parse(out) as T;
  };

  test("a trace reaches the other node on both networks, and knows the nodes on the way", async () => {
    const { traces } = await json<{ traces: readonly TraceReport[] }>("trace", "node-1", "node-3");
    expect(traces.map(({ from, network }) => `${from} ${network}`)).toEqual([
      "node-1 pod",
      "node-1 node",
      "node-3 pod",
      "node-3 node",
    ]);
    for (const { ends } of traces)
      expect(ends.reduce((sum, { answered, refused }) => sum + answered + refused, 0)).toBeGreaterThan(0);
  });

  test("the largest packet that passes the pod network is what the kernel believes, both ways", async () => {
    const { paths } = await json<{ paths: readonly MtuReport[] }>("mtu", "node-1", "node-3");
    const pod = paths.filter(({ network }) => network === "pod");
    expect(pod.map(({ from, believedBytes, passesBytes }) => [from, believedBytes, passesBytes])).toEqual([
      ["node-1", 1_450, 1_450],
      ["node-3", 1_450, 1_450],
    ]);
  });

  test.each(["tcp", "udp"])("a path carries what is sent by %s, once somebody has agreed to it", async (protocol) => {
    const words = ["throughput", "node-1", "node-3", "--protocol", protocol, "--rate", "20", "-t", "2"];
    const refused = await ask(...words);
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringContaining("There is no terminal to ask at: add --yes"),
    ]);
    const { runs } = await json<{ runs: readonly ThroughputReport[] }>(...words, "--yes");
    expect(runs).toEqual([expect.objectContaining({ network: "pod", received: expect.anything() })]);
    const [{ sent, received, lost = 0 }] = runs as [ThroughputReport];
    const mbps = (sent!.bytes * 8) / 2 / 1e6;
    report(`throughput by ${protocol} at 20 Mbit/s: ${mbps.toFixed(1)} sent, ${lost} packets lost`);
    expect(mbps).toBeGreaterThan(15);
    expect(received!.bytes).toBe(sent!.bytes - lost * runs[0]!.messageBytes);
  });

  test("no token is in the agents' environment, and no agent may read the Secret", async () => {
    const account = `system:serviceaccount:${NAMESPACE}:internode`;
    const may = ["auth", "can-i", "get", `secret/${SECRET}`, "--namespace", NAMESPACE, "--as", account];
    const answer = await target.kubectl(may).catch((err: unknown) => (err as Error).message);
    expect(answer).toMatch(/\bno\b/);
    const pods = await target.kubectl(["get", "pods", "--namespace", NAMESPACE, "--output=yaml"]);
    expect(pods).not.toContain(await token());
  });

  test("through the API server's proxy the right token is refused, and reads are answered", async () => {
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(target.kubeconfig);
    const [{ name }] = agents as [Agent];
    const through = (method: string, path: string, headers: Readonly<Record<string, string>>): Promise<string> =>
      new Promise((resolve, reject) => {
        const proxy = `/api/v1/namespaces/${NAMESPACE}/pods/${name}:8843/proxy${path}`;
        const url = new URL(kubeconfig.getCurrentCluster()!.server + proxy);
        const options = { method, headers };
        kubeconfig.applyToHTTPSOptions(options).then(() => {
          const asked = request(url, options, (response) => {
            let text = `${response.statusCode} `;
            response.on("data", (part: Buffer) => (text += part.toString("utf8"))).on("end", () => resolve(text));
          });
          asked.on("error", reject).end(method === "POST" ? '{"target":"node-2","port":7843}' : undefined);
        }, reject);
      });
    const headers = { "Content-Type": "application/json", "X-Internode-Token": await token() };
    expect(await through("GET", "/api/v1/pairs", {})).toMatch(/^200 /);
    for (const path of [...ACTIONS.map((action) => `/api/v1/actions/${action}`), "/api/v1/claims"])
      expect([path, await through("POST", path, headers)]).toEqual([
        path,
        expect.stringMatching(/^403 .*only for the agents/),
      ]);
  });

  test("another pod is refused with the right token", async () => {
    const { address } = agents[0]!;
    const paths = [...ACTIONS.map((action) => `actions/${action}`), "claims"];
    const program = `Promise.all(${JSON.stringify(paths)}.map((path) =>
      fetch("http://${address}:8843/api/v1/" + path, {
        method: "POST", body: "{}",
        headers: { "Content-Type": "application/json", "X-Internode-Token": process.env.TOKEN },
      }).then(async (response) => console.log(path, response.status, await response.text()))))`;
    const { spec } = await target.get<{ spec: { containers: { image: string }[] } }>([
      "pod",
      agents[0]!.name,
      "--namespace",
      NAMESPACE,
    ]);
    const container = {
      name: "stranger",
      image: spec.containers[0]!.image,
      command: ["/nodejs/bin/node", "-e", program],
      env: [{ name: "TOKEN", value: await token() }],
    };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "stranger", namespace: "default" },
      spec: { restartPolicy: "Never", containers: [container] },
    };
    await target.kubectl(["create", "-f", "-"], { input: JSON.stringify(pod) });
    const done = ["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/stranger", "--timeout=90s"];
    await target.kubectl([...done, "--namespace", "default"]);
    const said = await target.kubectl(["logs", "stranger", "--namespace", "default"]);
    for (const path of paths) expect(said).toMatch(new RegExp(`^${path} 403 .*only for the agents of this mesh`, "m"));
    await target.kubectl(["delete", "pod", "stranger", "--namespace", "default", "--wait=false"]);
  });

  test("somebody who may not read the Secret is told the rule, and may give the token", async () => {
    await target.kubectl(["create", "serviceaccount", "caller", "--namespace", "default"]);
    const rules = ["--verb=list,create,get", "--resource=pods,pods/portforward"];
    await target.kubectl(["create", "role", "caller", "--namespace", NAMESPACE, ...rules]);
    const binding = ["--role=caller", "--serviceaccount=default:caller"];
    await target.kubectl(["create", "rolebinding", "caller", "--namespace", NAMESPACE, ...binding]);
    const own = (await target.kubectl(["create", "token", "caller", "--namespace", "default"])).trim();
    const config = load(readFileSync(target.kubeconfig, "utf8")) as { users: { user: object }[] };
    const kubeconfig = join(folder, "caller.yaml");
    writeFileSync(kubeconfig, JSON.stringify({ ...config, users: [{ ...config.users[0], user: { token: own } }] }));
    const words = ["connect", "node-1", "node-2", "7843", "--network", "pod", "-n", NAMESPACE];
    const refused = await internode(words, { kubeconfig });
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toContain('resources: ["secrets"], verbs: ["get"]');
    const file = join(folder, "given");
    writeFileSync(file, await token());
    expect((await internode([...words, "--token-file", file], { kubeconfig })).code).toBe(0);
  });

  test("the token is kept over an upgrade, and a new one counts without a restart", async () => {
    const before = await token();
    await release.upgradeTo({ ...ACTIONS_ON, podAnnotations: { "example.com/note": "again" } });
    await release.rolledOut();
    expect(await token()).toBe(before);
    const rotated = "a-new-token-of-the-release";
    const data = { token: Buffer.from(rotated).toString("base64") };
    await target.kubectl(["patch", "secret", SECRET, "--namespace", NAMESPACE, "--patch", JSON.stringify({ data })]);
    await expect
      .poll(async () => (await connectWith(rotated)).code, { timeout: TOKEN_ARRIVES_MS, interval: 5_000 })
      .toBe(0);
    const old = await connectWith(before);
    expect(old).toMatchObject({ code: 1, err: expect.stringContaining("not the token of these agents") });
  });

  test("switched off, they are refused with the way to switch them on, and the Secret goes", async () => {
    await release.upgradeTo({ config: { actions: { enabled: false } } });
    await release.rolledOut();
    const { code, err } = await ask("ping", "node-1", "node-2", "-c", "1");
    expect(code).toBe(1);
    expect(err).toContain("config.actions.enabled=true");
    expect(await target.kubectl(["get", "secrets", "--namespace", NAMESPACE, "--output=name"])).not.toContain(SECRET);
  });
});
