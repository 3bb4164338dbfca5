// Two agents from the image, each in a container as Kubernetes makes it, on a cable: what they measure there is what users see.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ConfigInput } from "../../../agent/config/schema.ts";
import { enterNamespace } from "../../support/enter-namespace.ts";
import { SLOWER_BY } from "../../support/slower.ts";
import { vethPair, type VethPair } from "../../support/veth.ts";
import { mountCgroups, startContainer, type Container, type ContainerOptions } from "./container.ts";

const MEMORY_BYTES = 256 << 20;
/** Nothing before this counts: an emulated agent takes tens of seconds to start, and its peer fails until then. */
const START_LIMIT_MS = 420_000;

type Limits = Partial<Pick<ContainerOptions, "memoryBytes" | "capabilities" | "user">>;
interface Agents extends Disposable {
  readonly near: Container;
  readonly far: Container;
  /** Sum of the near agent's series with these labels. */
  count(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

let pair: VethPair;
beforeAll(() => mountCgroups());
beforeEach(() => {
  pair = vethPair({ datagramIcmp: false });
});
afterEach(() => pair[Symbol.dispose]());

const pingGroups = (range: string) => {
  for (const side of [pair.near, pair.far]) pair.run(side, "sysctl", "-qw", `net.ipv4.ping_group_range=${range}`);
};

async function startAgents(settings: Partial<ConfigInput> = {}, limits: Limits = {}): Promise<Agents> {
  const nodes = [
    { name: "near", zone: "a", podAddresses: [pair.nearIp] },
    { name: "far", zone: "b", podAddresses: [pair.farIp] },
  ];
  const start = (side: "near" | "far") => {
    const agent: ConfigInput = {
      node: { ...nodes.find(({ name }) => name === side)! },
      discovery: { kind: "static", file: "/config/mesh.json" },
      dns: { enabled: false },
      ...settings,
    };
    return startContainer({
      name: side,
      namespace: pair[side],
      arguments: ["agent", "--config", "/config/agent.json"],
      files: { "agent.json": agent, "mesh.json": { nodes } },
      memoryBytes: MEMORY_BYTES,
      ...limits,
    });
  };
  const far = await start("far");
  const near = await start("near");
  const count: Agents["count"] = async (name, labels = {}) => {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return (await scrape(pair.near))
      .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  return {
    near,
    far,
    count,
    [Symbol.dispose]() {
      near[Symbol.dispose]();
      far[Symbol.dispose]();
    },
  };
}

async function scrape(namespace: string): Promise<readonly string[]> {
  using inside = enterNamespace(namespace);
  const response = fetch("http://127.0.0.1:9843/metrics", { headers: { connection: "close" } });
  const text = await (await response).text();
  void inside;
  return text.split("\n").filter((line) => !line.startsWith("#"));
}

/** Ten more answers of each protocol than when all had begun, and what became of the probes meanwhile. */
async function measure(agents: Agents, protocols: readonly string[]) {
  const counts = async (protocol: string) => ({
    probes: await agents.count("internode_probes_total", { protocol }),
    failures: await agents.count("internode_probe_failures_total", { protocol }),
  });
  const all = async () =>
    Object.fromEntries(await Promise.all(protocols.map(async (p) => [p, await counts(p)] as const)));
  const until = async (what: string, done: () => Promise<boolean>) => {
    const endMs = performance.now() + START_LIMIT_MS;
    while (!(await done().catch(() => false))) {
      if (performance.now() > endMs) throw new Error(`never came: ${what}\n${agents.near.log()}\n${agents.far.log()}`);
      await sleep(1_000);
    }
  };
  await until("answers of every protocol", async () =>
    Object.values(await all()).every(({ probes, failures }) => probes - failures >= 2),
  );
  const before = await all();
  await until("ten more probes", async () =>
    Object.entries(await all()).every(([protocol, { probes }]) => probes >= before[protocol]!.probes + 10),
  );
  const after = await all();
  return Object.fromEntries(
    protocols.map((protocol) => [protocol, after[protocol]!.failures - before[protocol]!.failures]),
  );
}

const NONE_FAILED = { icmp: 0, tcp: 0, udp: 0 };
const ALL = Object.keys(NONE_FAILED);
/** As often as an emulated agent can: slower than ICMP's own pace, and faster than that of the others. */
const EACH = { intervalMs: 1_000 * SLOWER_BY, timeoutMs: 800 * SLOWER_BY };
const FAST = { icmp: EACH, tcp: EACH, udp: EACH };

describe("the image's agent, without a capability, under the default seccomp profile", () => {
  test("measures every protocol by the kernel's clock, and the path MTU", async () => {
    pingGroups("0 2147483647");
    using agents = await startAgents({ ...FAST, pathMtu: { intervalMs: 10_000 } });
    expect(await measure(agents, ALL)).toEqual(NONE_FAILED);
    expect(await agents.count("internode_timestamps_total", { clock: "kernel" })).toBeGreaterThan(20);
    expect(await agents.count("internode_timestamps_total", { clock: "user" })).toBe(0);
    expect(await agents.count("internode_local_errors_total")).toBe(0);
    expect(await agents.count("internode_path_mtu_bytes")).toBe(1_500);
    expect(await agents.count("internode_path_mtu_shortfall_bytes")).toBe(0);
    expect(pair.run(pair.near, "cat", `/proc/${agents.near.pid}/status`)).toMatch(/^Seccomp:\t2$/m);
    expect(pair.run(pair.near, "cat", `/proc/${agents.near.pid}/status`)).toMatch(/^CapEff:\t0+$/m);
  });

  test("where no group may open ICMP sockets says so, and TCP and UDP go on", async () => {
    pingGroups("1 0");
    using agents = await startAgents(FAST);
    expect(await measure(agents, ["tcp", "udp"])).toEqual({ tcp: 0, udp: 0 });
    expect(await agents.count("internode_protocol_available", { protocol: "icmp" })).toBe(0);
    expect(agents.near.log()).toContain("ping_group_range");
  });

  test("keeps measuring with a fifth of a processor, and stays within its memory", async () => {
    pingGroups("0 2147483647");
    using agents = await startAgents(FAST);
    await measure(agents, ALL);
    // Only now: to start takes an emulated processor long enough as it is.
    for (const agent of [agents.near, agents.far]) agent.limitCpu(0.2);
    expect(await measure(agents, ALL)).toEqual(NONE_FAILED);
    const throttled = Number(/^nr_throttled (\d+)$/m.exec(agents.near.cgroup("cpu.stat"))?.[1]);
    expect(throttled).toBeGreaterThan(0);
    expect(await agents.count("internode_timestamps_total", { clock: "user" })).toBe(0);
    expect(Number(agents.near.cgroup("memory.max"))).toBe(MEMORY_BYTES);
    expect(Number(agents.near.cgroup("memory.current"))).toBeLessThan(MEMORY_BYTES);
    expect(agents.near.cgroup("memory.events")).toMatch(/^oom_kill 0$/m);
  });
});

test("the userspace engine measures as root with NET_RAW alone, as the chart runs it, by its own clock", async () => {
  pingGroups("1 0");
  using agents = await startAgents({ ...FAST, engine: "userspace" }, { user: 0, capabilities: ["CAP_NET_RAW"] });
  expect(await measure(agents, ALL)).toEqual(NONE_FAILED);
  expect(await agents.count("internode_timestamps_total", { clock: "kernel" })).toBe(0);
});
