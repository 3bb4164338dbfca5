// What `internode config` accepts, `internode agent` runs: every option at its edges, as the schema says them.
import { createServer, type AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { pino } from "pino";
import { startAgent } from "../../agent/agent.ts";
import { ConfigError, loadConfig } from "../../agent/config/load.ts";
import { OPTIONS, type Option } from "../../agent/config/options.ts";
import type { Config } from "../../agent/config/schema.ts";
import { edgeValues } from "./edge-values.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "internode-edges-"));
  // Nobody but this node: what is tried here sends no probe anywhere.
  writeFileSync(join(directory, "mesh.json"), JSON.stringify({ nodes: [{ name: "a", podAddresses: ["127.0.0.1"] }] }));
  writeFileSync(join(directory, "key"), "a key");
  // An API server that is not there.
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "127.0.0.1").stubEnv("KUBERNETES_SERVICE_PORT", "1");
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** One option at one value. */
interface Edge {
  readonly option: Option;
  readonly value: unknown;
}

/** Paths are tried with a file that is there too. */
const PATHS: Readonly<Record<string, readonly string[]>> = { "discovery.file": ["mesh.json"], "udp.keyFile": ["key"] };

const edgesOf = (option: Option): Edge[] =>
  [...edgeValues(option.schema), ...(PATHS[option.path] ?? []).map((name) => join(directory, name))].map((value) => ({
    option,
    value,
  }));

/** The settings of the edges over those of an agent that can run here, as a file; the later win. */
function settings(edges: readonly Edge[], ports: Config["ports"]): Record<string, unknown> {
  const kind = edges.find(({ option }) => option.kind !== undefined)?.option.kind ?? "static";
  const flat: Record<string, unknown> = {
    "node.name": "a",
    "discovery.kind": kind,
    ...(kind === "static"
      ? { "discovery.file": join(directory, "mesh.json") }
      : { "discovery.namespace": "monitoring", "discovery.service": "internode" }),
    engine: "userspace",
    listen: ["127.0.0.1"],
    "dns.servers": [{ label: "pod", address: "127.0.0.1" }],
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [`ports.${name}`, port])),
    ...Object.fromEntries(edges.map(({ option, value }) => [option.path, value])),
  };
  const root: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split(".");
    const last = keys.pop()!;
    let at = root;
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
    at[last] = value;
  }
  return root;
}

const load = (edges: readonly Edge[], ports: Config["ports"]): Config =>
  loadConfig({
    argv: ["--config=edges.json"],
    env: {},
    readFile: (path) =>
      path === "edges.json"
        ? JSON.stringify(settings(edges, ports))
        : path === join(directory, "key")
          ? "a key"
          : notThere(path),
  }).config;

function notThere(path: string): never {
  throw new Error(`ENOENT: ${path}`);
}

function isAccepted(edges: readonly Edge[]): boolean {
  try {
    load(edges, { metrics: 20_001, probe: 20_002, http: 20_003, hostView: 20_004 });
    return true;
  } catch (err) {
    if (err instanceof ConfigError) return false;
    throw err;
  }
}

/** An address, a port or a kernel that this machine does not have says nothing of the configuration. */
function lacksTheMachine(edges: readonly Edge[], message: string): boolean {
  const own = new Set(Object.values(networkInterfaces()).flatMap((all) => all!.map(({ address }) => address)));
  return edges.some(({ option, value }) => {
    if (option.path.startsWith("ports.")) return /EACCES|EADDRINUSE/.test(message);
    if (option.path === "engine") return process.platform !== "linux"; // the kernel engine is Linux's
    if (option.path === "families") return message.includes("EAFNOSUPPORT");
    if (option.path !== "listen") return false;
    const absent = (value as string[]).filter((address) => !own.has(address));
    return absent.some((address) => message.includes(address) && message.includes("EADDRNOTAVAIL"));
  });
}

/** Undefined when the agent runs. A port that was free a moment ago may be somebody's now. */
async function whyItDies(edges: readonly Edge[], tries = 3): Promise<string | undefined> {
  try {
    await using _ = await startAgent(load(edges, await freePorts()), pino({ level: "silent" }));
    return undefined;
  } catch (err) {
    const { message } = err as Error;
    if (lacksTheMachine(edges, message)) return undefined;
    return message.includes("EADDRINUSE") && tries > 1 ? whyItDies(edges, tries - 1) : message;
  }
}

async function freePorts(): Promise<Config["ports"]> {
  const servers = await Promise.all(
    [1, 2, 3, 4].map(async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const [metrics, probe, http, hostView] = servers.map((server) => (server.address() as AddressInfo).port) as [
    number,
    number,
    number,
    number,
  ];
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return { metrics, probe, http, hostView };
}

/** Edges of different options that are accepted together run together: one agent tries dozens. */
function batches(edges: readonly Edge[]): Edge[][] {
  const all: Edge[][] = [];
  for (const edge of edges) {
    const home = all.find(
      (batch) => batch.every(({ option }) => option.path !== edge.option.path) && isAccepted([...batch, edge]),
    );
    if (home) home.push(edge);
    else all.push([edge]);
  }
  return all;
}

describe("every option at its edges", () => {
  test("is refused by a list of faults or accepted, and what is accepted runs", async () => {
    const accepted = OPTIONS.flatMap(edgesOf).filter((edge) => isAccepted([edge]));
    expect(accepted.length).toBeGreaterThan(2 * OPTIONS.length);
    const dead: string[] = [];
    for (const batch of batches(accepted)) {
      if ((await whyItDies(batch)) === undefined) continue;
      for (const edge of batch) {
        const why = await whyItDies([edge]);
        if (why !== undefined) dead.push(`${edge.option.path} = ${JSON.stringify(edge.value)}: ${why}`);
      }
    }
    expect(dead).toEqual([]);
  });
});
