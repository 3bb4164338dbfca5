// The host view on pod networks of the field: what a process without rights sees of a node, who is let in by which door,
// and that `internode doctor` tells the entry of the kernel that is wrong, by its node, as the cause of what is lost.
import { request } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TOKEN_HEADER } from "../../../agent/base/token-header.ts";
import { nodeViewSchema, type NodeView } from "../../../agent/model/node-view.ts";
import { until } from "../../cluster/until.ts";
import { BGP_LIMIT_MS, namesKernelCauses } from "./kernel-causes.ts";
import { causedBy, on, whileBroken } from "./named-cause.ts";
import { CniMesh, NODES, PORTS } from "./mesh.ts";
import { namesSharedCauses } from "./shared-causes.ts";

const NAMESPACE = "internode";
const VALUES = { hostView: { enabled: true }, config: { pathMtu: { intervalMs: 10_000 } } };
const PORT = 8844;

type Headers = Readonly<Record<string, string>>;
interface Pod {
  readonly namespace: string;
  readonly name: string;
}

let mesh: CniMesh;

/** By the image's own Node.js: it has nothing else. */
const inPod = ({ namespace, name }: Pod, program: string, ...words: readonly string[]): Promise<string> =>
  mesh.target.kubectl(["exec", name, "--namespace", namespace, "--", "/nodejs/bin/node", "-e", program, ...words]);

/** `200 body`, as a pod is answered. */
const ASK = `const [url, headers] = process.argv.slice(1);
require("node:http").get(url, { headers: JSON.parse(headers) }, (response) => {
  let text = response.statusCode + " ";
  response.on("data", (part) => (text += part)).on("end", () => console.log(text));
}).on("error", (err) => console.log(err.code));`;
const ask = (pod: Pod, url: string, headers: Headers = {}): Promise<string> =>
  inPod(pod, ASK, url, JSON.stringify(headers));

const agentOf = async (node: string): Promise<Pod> =>
  (await mesh.release.agents()).find((agent) => agent.node === node)!;

/** Through the agent of another node, at its loopback, as the command line asks. */
async function viewOf(node: string): Promise<NodeView> {
  const answer = await ask(
    await agentOf("node-3"),
    `http://127.0.0.1:${PORTS.http}/api/v1/node?of=${node}&namespace=host`,
  );
  expect(answer).toMatch(/^200 /);
  return nodeViewSchema.parse(JSON.parse(answer.slice(4)));
}

describe("with Flannel", () => {
  beforeAll(async () => {
    mesh = await CniMesh.open({ cni: "flannel-vxlan", level: "privileged" }, VALUES);
    await mesh.release.kubectl(["rollout", "status", `daemonset/${mesh.release.name}-host-view`, "--timeout=60s"]);
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  const hostViewOf = async (node: string): Promise<Pod> => {
    const selector = ["--selector=app.kubernetes.io/component=host-view", `--field-selector=spec.nodeName=${node}`];
    const found = await mesh.release.kubectl([
      "get",
      "pods",
      ...selector,
      "--output=jsonpath={.items[0].metadata.name}",
    ]);
    return { namespace: NAMESPACE, name: found };
  };

  test("user 65532 without a capability sees all of a node's network that docs/host-view.md lists", async () => {
    const read = `console.log(require("node:fs").readFileSync("/proc/1/status", "utf8"))`;
    const status = await inPod(await hostViewOf("node-1"), read);
    expect(status).toMatch(/^Uid:\t65532\t65532\t/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    for (const node of NODES) {
      const { namespace, sysctls, ...view } = await viewOf(node);
      expect(namespace).toBe("host");
      const hidden = Object.entries(view).filter(
        ([, part]) => typeof part === "object" && "visible" in part && !part.visible,
      );
      expect(hidden).toEqual([]);
      expect(sysctls["net.ipv4.ip_forward"]).toBe("1");
      // As the node's own root does.
      const routes = JSON.parse(await on(mesh, node, "ip -json route show")) as { dst: string }[];
      const seen = view.routes.visible
        ? view.routes.items.filter(({ table, family }) => table === "main" && family === "ipv4")
        : [];
      const whole = (range: string) =>
        range === "default" ? "0.0.0.0/0" : range.includes("/") ? range : `${range}/32`;
      expect(seen.map(({ destination }) => destination).sort()).toEqual(routes.map(({ dst }) => whole(dst)).sort());
    }
  });

  test("its door opens to the token alone, whoever asks: an agent, a stranger's pod, the API server's proxy", async () => {
    const { data } = await mesh.target.get<{ data: { token: string } }>([
      "secret",
      "internode-token",
      "--namespace",
      NAMESPACE,
    ]);
    const right = { [TOKEN_HEADER]: Buffer.from(data.token, "base64").toString() };
    const wrong = { [TOKEN_HEADER]: "not-the-token-of-this-installation" };
    const agent = await agentOf("node-1");
    const { spec } = await mesh.target.get<{ spec: { containers: { image: string }[] } }>([
      "pod",
      agent.name,
      "--namespace",
      NAMESPACE,
    ]);
    const stranger = { namespace: "default", name: "stranger" };
    const container = {
      name: "stranger",
      image: spec.containers[0]!.image,
      command: ["/nodejs/bin/node", "-e", "setInterval(() => {}, 1e6)"],
    };
    await mesh.target.kubectl(["create", "-f", "-"], {
      input: JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: stranger,
        spec: { nodeName: "node-1", containers: [container], terminationGracePeriodSeconds: 0 },
      }),
    });
    await mesh.target.kubectl([
      "wait",
      "--for=condition=Ready",
      "pod/stranger",
      "--namespace",
      "default",
      "--timeout=60s",
    ]);
    const url = `http://10.100.0.102:${PORT}/api/v1/node`;
    for (const pod of [agent, stranger]) {
      expect(await ask(pod, url)).toMatch(/^401 .*wants the token/);
      expect(await ask(pod, url, wrong)).toMatch(/^403 .*not the token/);
      expect(await ask(pod, url, { ...right, host: "evil.example" })).toMatch(/^403 .*Host header/);
      expect(await ask(pod, url, right)).toMatch(/^200 .*"namespace":"host"/);
      expect(await ask(pod, `http://10.100.0.102:${PORT}/metrics`, right)).toMatch(/^404 .*nothing else/);
    }
    // The agents ask with their token for who is at their loopback, and for nobody else.
    const relayed = `:${PORTS.http}/api/v1/node?of=node-2&namespace=host`;
    const { address } = (await mesh.release.agents()).find(({ node }) => node === "node-3")!;
    for (const pod of [agent, stranger]) expect(await ask(pod, `http://${address}${relayed}`)).toMatch(/^403 /);
    expect(await ask(agent, `http://127.0.0.1${relayed}`, { host: "evil.example" })).toMatch(/^403 .*Host header/);

    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(mesh.target.kubeconfig);
    const proxied = (pod: Pod, port: number, path: string, headers: Headers = {}): Promise<string> =>
      new Promise((resolve, reject) => {
        const { server } = kubeconfig.getCurrentCluster()!;
        const options = { headers };
        kubeconfig.applyToHTTPSOptions(options).then(() => {
          const asked = request(
            `${server}/api/v1/namespaces/${pod.namespace}/pods/${pod.name}:${port}/proxy${path}`,
            options,
            (response) => {
              let text = `${response.statusCode} `;
              response.on("data", (part: Buffer) => (text += part.toString("utf8"))).on("end", () => resolve(text));
            },
          );
          asked.on("error", reject).end();
        }, reject);
      });
    const hostView = await hostViewOf("node-2");
    expect(await proxied(hostView, PORT, "/api/v1/node")).toMatch(/^401 .*wants the token/);
    expect(await proxied(hostView, PORT, "/api/v1/node", wrong)).toMatch(/^403 .*not the token/);
    expect(await proxied(hostView, PORT, "/api/v1/node", right)).toMatch(/^200 .*"namespace":"host"/);
    expect(await proxied(agent, PORTS.http, "/api/v1/node?of=node-2&namespace=host", right)).toMatch(/^403 /);
    await mesh.target.kubectl(["delete", "pod", "stranger", "--namespace", "default", "--wait=false"]);
  });

  test("doctor names the deleted route", async () => {
    await whileBroken(
      mesh,
      {
        broken: "ip route del 10.244.2.0/24",
        healed: "ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
      },
      async () => {
        const { next } = await causedBy(
          mesh,
          /^node-1 has no route to 10\.244\.2\.0\/24 of node-2 \(node-3 has one, by 10\.244\.2\.0\)/,
        );
        expect(next).toBe("internode routes node-1 node-2");
      },
    );
  });

  test("doctor names the forwarding entry that leads to another node", async () => {
    const [{ address: mac }] = JSON.parse(await on(mesh, "node-2", "ip -json link show flannel.1")) as [
      { address: string },
    ];
    const point = (address: string): string => `bridge fdb replace ${mac} dev flannel.1 dst ${address} self permanent`;
    await whileBroken(mesh, { broken: point("10.100.0.103"), healed: point("10.100.0.102") }, async () => {
      const { next } = await causedBy(
        mesh,
        /^node-1 sends what is for node-2 by flannel\.1 to 10\.100\.0\.103, which is node-3 \(the far end is 10\.100\.0\.102\)/,
      );
      expect(next).toBe("internode neighbours node-1 node-2");
    });
  });

  namesKernelCauses(() => mesh);
  namesSharedCauses(() => mesh);

  test("doctor names the tunnel address that Flannel announces of a node, and is wrong", async () => {
    const overwrite = "flannel.alpha.coreos.com/public-ip-overwrite";
    const flannel = (...args: readonly string[]) => mesh.target.kubectl(["--namespace", "kube-flannel", ...args]);
    const restart = async (): Promise<void> => {
      await flannel("delete", "pod", "--field-selector=spec.nodeName=node-2", "--wait");
      await flannel("rollout", "status", "daemonset/kube-flannel-ds", "--timeout=60s");
    };
    await mesh.target.kubectl(["annotate", "node", "node-2", `${overwrite}=10.100.0.199`]);
    await restart();
    try {
      const { next } = await causedBy(
        mesh,
        /^2 of 2 other nodes send what is for node-2 by flannel\.1 to 10\.100\.0\.199, which is no address of a node/,
        { node: "node-2" },
      );
      expect(next).toBe("internode neighbours node-2");
    } finally {
      await mesh.target.kubectl(["annotate", "node", "node-2", `${overwrite}-`]);
      await restart();
    }
    await mesh.allHealthy();
  });
});

describe("with kube-router", () => {
  beforeAll(async () => {
    mesh = await CniMesh.open({ cni: "kube-router", level: "privileged" }, VALUES);
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  test("doctor names the route of BGP that one node lost", async () => {
    const route = (await on(mesh, "node-1", "ip route show 10.244.2.0/24")).trim();
    await whileBroken(mesh, { broken: "ip route del 10.244.2.0/24", healed: `ip route replace ${route}` }, async () => {
      const { next } = await causedBy(
        mesh,
        /^node-1 has no route to 10\.244\.2\.0\/24 of node-2 \(node-3 has one, by 10\.100\.0\.102\)/,
        // kube-router lays it again within a minute.
        { again: () => on(mesh, "node-1", "ip route del 10.244.2.0/24 2> /dev/null || true") },
      );
      expect(next).toBe("internode routes node-1 node-2");
    });
  });

  namesKernelCauses(() => mesh);
  namesSharedCauses(() => mesh);

  test("doctor names the node whose routes are gone everywhere, though its own kernel cannot be asked", async () => {
    const routes = (node: string, pods: string): Promise<boolean> =>
      on(mesh, node, "ip route").then((all) => all.includes(pods));
    const firewall = `table inet nobgp {
      chain out { type filter hook output priority 0; tcp dport 179 reject with tcp reset; tcp sport 179 reject with tcp reset; }
    }`;
    await on(mesh, "node-2", "nft -f -", firewall);
    try {
      const limit = { timeoutMs: BGP_LIMIT_MS, intervalMs: 1_000 };
      await until(
        "the routes to be withdrawn",
        async () => !(await routes("node-1", "10.244.2.0/24")) && !(await routes("node-3", "10.244.2.0/24")),
        limit,
      );
      const { next } = await causedBy(
        mesh,
        /^2 of 2 nodes that can be seen have no route to 10\.244\.2\.\d+, a pod of node-2 \(node-1 and node-3\)/,
        { node: "node-2" },
      );
      expect(next).toBe("internode routes node-2");
    } finally {
      await on(mesh, "node-2", "nft delete table inet nobgp");
    }
    await until("the routes to come back", () => routes("node-1", "10.244.2.0/24"), {
      timeoutMs: BGP_LIMIT_MS,
      intervalMs: 1_000,
    });
    await mesh.allHealthy();
  });
});
