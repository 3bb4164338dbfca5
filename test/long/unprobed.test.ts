// What an agent cannot probe, or must not measure as its peer, on a real network with real agents.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, onTestFinished } from "vitest";
import type { ConfigInput } from "../../agent/config/schema.ts";
import { ApiServerProcess } from "../support/api-server-process.ts";
import { getProgram } from "../support/get-program.ts";
import { needs } from "../support/needs.ts";
import { vethPair, type VethPair } from "../support/veth.ts";
import { podEndpoint } from "../support/watched-source.ts";

const { describe, test } = await needs("namespaces");

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));

let pair: VethPair;
let directory: string;
beforeEach(() => {
  pair = vethPair();
  directory = mkdtempSync(join(tmpdir(), "internode-unprobed-"));
});
afterEach(() => {
  pair[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

const fast = { intervalMs: 200, timeoutMs: 150 };

/** Starts the agent of `name`; it ends with the pair. */
function start(namespace: string, name: string, config: Partial<ConfigInput>, env: readonly string[] = []): void {
  const file = join(directory, `${name}.json`);
  writeFileSync(file, JSON.stringify({ node: { name }, dns: { enabled: false }, ...config }));
  pair.start(namespace, "env", ...env, process.execPath, MAIN, "agent", "--config", file);
}

/** A static mesh of these nodes, as `discovery`. */
function mesh(name: string, nodes: Readonly<Record<string, string>>): ConfigInput["discovery"] {
  const file = join(directory, `${name}.mesh`);
  const listed = Object.entries(nodes).map(([node, address]) => ({ name: node, podAddresses: [address] }));
  writeFileSync(file, JSON.stringify({ nodes: listed }));
  return { kind: "static", file };
}

const get = (path: string, port = 8_843): string =>
  pair.run(pair.near, ...getProgram(`http://127.0.0.1:${port}${path}`));
const metric = (line: RegExp): number =>
  get("/metrics", 9_843)
    .split("\n")
    .filter((said) => line.test(said))
    .reduce((sum, said) => sum + Number(said.split(" ").at(-1)), 0);

async function until<T>(what: string, look: () => T | undefined): Promise<T> {
  let last: unknown;
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      const seen = look();
      if (seen !== undefined) return seen;
    } catch (err) {
      last = err;
    }
    await sleep(500);
  }
  throw new Error(`never seen: ${what}`, { cause: last });
}

const answeredOver = (network: string): Promise<true> =>
  until(`answers of every protocol over the ${network} network`, () => {
    const answered = (protocol: string) =>
      metric(new RegExp(`^internode_rtt_seconds_count.*network="${network}",protocol="${protocol}"`));
    return ["icmp", "tcp", "udp"].every((protocol) => answered(protocol) > 2) ? true : undefined;
  });

describe("another node answers at a peer's address", { concurrent: false, retry: 1 }, () => {
  test("nothing of it is measured as that peer; API, metric, row and readiness say why", async () => {
    start(pair.far, "node-2", { discovery: mesh("node-2", { "node-2": pair.farIp }) });
    start(pair.near, "node-1", {
      discovery: mesh("node-1", { "node-1": pair.nearIp, "node-3": pair.farIp }),
      icmp: { networks: ["pod"], ...fast },
    });
    await until("the reason", () => {
      const { peers } = JSON.parse(get("/api/v1/peers")) as {
        peers: { probed: boolean; unprobed: { reason: string }[] }[];
      };
      return peers[0]!.unprobed[0]?.reason === "identity" ? true : undefined;
    });
    const text = `node-2 answers at its pod address ${pair.farIp}`;
    expect(JSON.parse(get("/api/v1/peers"))).toMatchObject({
      extent: { nodes: 2, probed: 0 },
      peers: [{ node: { name: "node-3" }, probed: false, unprobed: [{ network: "pod", reason: "identity", text }] }],
    });
    expect(metric(/^internode_peers_unprobed\{source_node="node-1",reason="identity"\}/)).toBe(1);
    expect(metric(/^internode_peers\{source_node="node-1",state="unprobed"\}/)).toBe(1);
    const row = JSON.parse(get("/api/v1/pairs")) as { pairs: unknown[] };
    expect(row).toMatchObject({ pairs: [], unprobed: [{ destination: { name: "node-3" }, reason: "identity", text }] });
    expect(() => get("/readyz")).toThrow(text);
  });
});

describe("pods in 240.0.0.0/4", { concurrent: false, retry: 1 }, () => {
  test("are probed by every protocol", async () => {
    for (const [namespace, n] of [
      [pair.near, 1],
      [pair.far, 2],
    ] as const)
      pair.run(namespace, "ip", "addr", "add", `240.7.0.${n}/24`, "dev", "veth0");
    const nodes = { "node-1": "240.7.0.1", "node-2": "240.7.0.2" };
    const config = { icmp: { networks: ["pod" as const], ...fast }, tcp: fast, udp: fast };
    start(pair.far, "node-2", { discovery: mesh("node-2", nodes), ...config });
    start(pair.near, "node-1", { discovery: mesh("node-1", nodes), ...config });
    await answeredOver("pod");
    expect(metric(/^internode_peers\{source_node="node-1",state="serving"\}/)).toBe(1);
  });
});

describe("only port 7843 is open between nodes", { concurrent: false, retry: 1 }, () => {
  const onNode = { networks: ["node" as const], ...fast };

  /** An agent that finds its peers by an API server, and one that answers it and is not to be asked who it is. */
  async function startBoth(podAddresses: readonly string[]): Promise<void> {
    pair.nft(pair.far, "table inet closed { chain in { type filter hook input priority 0; tcp dport 8843 drop; }; }");
    // A mesh has one configuration: the far reflector answers within the timeout that it has itself.
    const discovered = mesh("node-2", { "node-2": pair.farIp, "node-1": pair.nearIp });
    start(pair.far, "node-2", { discovery: discovered, icmp: fast, tcp: fast, udp: fast });
    const api = await ApiServerProcess.start({ namespace: pair.near });
    onTestFinished(() => api[Symbol.asyncDispose]());
    await api.apply("internode-1", podEndpoint("node-1", pair.nearIp), podEndpoint("node-2", pair.farIp));
    const kubeconfig = join(directory, "kubeconfig");
    const cluster = {
      server: `https://127.0.0.1:${api.port}`,
      "certificate-authority": join(api.directory, "ca.crt"),
    };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        "current-context": "here",
        contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
        clusters: [{ name: "c", cluster }],
        users: [{ name: "u", user: { token: "token-1" } }],
      }),
    );
    const node = { name: "node-1", podAddresses: [...podAddresses], nodeAddresses: [pair.nearIp] };
    const discovery = { kind: "kubernetes" as const, namespace: "monitoring", service: "internode" };
    start(pair.near, "node-1", { node, discovery, icmp: onNode, tcp: onNode, udp: onNode }, [
      `KUBECONFIG=${kubeconfig}`,
    ]);
  }

  test("with hostNetwork that is enough, since the slices have the nodes' addresses", async () => {
    await startBoth([pair.nearIp]);
    await answeredOver("node");
    expect(metric(/^internode_peers_unprobed/)).toBe(0);
    expect(get("/readyz")).toBe("ready\n");
  });

  test("without it no node address is known: nothing is measured, and that is said", async () => {
    await startBoth(["10.98.0.1"]);
    await until("the reason", () =>
      metric(/^internode_peers_unprobed\{source_node="node-1",reason="node_address"\}/) === 1 ? true : undefined,
    );
    expect(() => get("/readyz")).toThrow(
      /the only peer.*node's address is not known, because asking it failed: 10\.99\.0\.2:8843: no answer within 3 s/,
    );
  });
});
