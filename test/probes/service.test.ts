import { expect, test } from "vitest";
import type { ServicePath } from "../../agent/model/service.ts";
import { openServiceProber, type ServiceProberOptions, type ServiceTarget } from "../../agent/probes/service.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork, type TcpFate } from "../support/fake-network.ts";

const AGENTS: ServiceTarget = {
  service: "agents",
  hosts: ["internode-agents"],
  port: 7_843,
  intervalMs: 5_000,
  timeoutMs: 4_000,
};
const API_SERVER: ServiceTarget = {
  service: "kubernetes",
  hosts: ["10.96.0.1"],
  port: 443,
  intervalMs: 30_000,
  timeoutMs: 4_000,
};
const notFound = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
const dnsIsDown = Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN" });

async function setUp(options: Partial<ServiceProberOptions> = {}) {
  const clock = new FakeClock({ baseSeconds: 1_000, startNs: 0, realtimeOffsetNs: 0 });
  const network = new FakeNetwork(clock);
  const kernel = new FakeKernel(network, ["10.0.0.1", "fd00::1"]);
  const connected: { readonly ip: string; readonly port: number; readonly atMs: number }[] = [];
  const state = { fate: { kind: "establish", rttNs: 300_000 } as TcpFate, dns: ["10.96.0.7"] as string[] | Error };
  network.tcpRule((to) => {
    connected.push({ ip: to.ip, port: to.port, atMs: Math.round(clock.monotonicNs() / 1e6) });
    return state.fate;
  });
  const told: unknown[] = [];
  const name = ({ service, address }: ServicePath) => `${service} ${address}`;
  const prober = await openServiceProber({
    clock,
    engine: { kind: "kernel", kernel },
    targets: [AGENTS],
    phase: () => 0.5,
    node: "node-1",
    conntrack: () => "not-full",
    lookUp: () => (Array.isArray(state.dns) ? Promise.resolve(state.dns) : Promise.reject(state.dns)),
    sink: {
      opened: (path) => told.push(["opened", name(path)]),
      closed: (path) => told.push(["closed", name(path)]),
      record: (path, outcome) => told.push([name(path), outcome]),
      localError: (path, errno) => told.push(["local", name(path), errno]),
      looked: (service, trouble) => told.push(["looked", service, trouble]),
    },
    ...options,
  });
  const runFor = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 20) {
      clock.advanceMs(20);
      prober.tick();
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  const toldOf = (what: string) => told.filter((entry) => (entry as unknown[])[0] === what);
  return { clock, kernel, connected, state, told, toldOf, prober, runFor };
}

test("a Service is probed once an interval at its phase, by a handshake with its address and port", async () => {
  const { connected, toldOf, runFor, kernel } = await setUp();
  await runFor(20_000);
  expect(connected).toEqual([2_500, 7_500, 12_500, 17_500].map((atMs) => ({ ip: "10.96.0.7", port: 7_843, atMs })));
  expect(toldOf("agents 10.96.0.7").map((entry) => (entry as unknown[])[1])).toEqual(
    Array.from({ length: 4 }, () => ({ kind: "answered", rttNs: 300_000, clock: "kernel" })),
  );
  expect(kernel.handshakes.size).toBe(0);
});

test("every address family that the Service has is probed", async () => {
  const { state, connected, runFor } = await setUp();
  state.dns = ["fd00:96::7", "10.96.0.7", "10.96.0.8"];
  await runFor(5_000);
  expect(connected.map(({ ip }) => ip)).toEqual(["10.96.0.7", "fd00:96::7"]);
});

test("the API server's Service has its own port and interval, and an address needs no DNS", async () => {
  const { connected, state, runFor } = await setUp({ targets: [AGENTS, API_SERVER] });
  state.dns = notFound;
  await runFor(60_000);
  expect(connected).toEqual([5_000, 35_000].map((atMs) => ({ ip: "10.96.0.1", port: 443, atMs })));
});

test("a handshake whose SYN was sent again is answered without a delay", async () => {
  const { state, told, runFor } = await setUp();
  state.fate = { kind: "establish", lostSyns: 1 };
  await runFor(5_000);
  expect(told.at(-1)).toEqual([
    "agents 10.96.0.7",
    { kind: "answered", rttNs: undefined, clock: "kernel", retransmits: 1 },
  ]);
});

test.each<[string, TcpFate, unknown]>([
  ["nobody answers", { kind: "hang" }, { kind: "failed", reason: "timeout", retransmits: 2 }],
  ["the proxy knows nobody behind it", { kind: "refuse" }, { kind: "refused" }],
  [
    "a policy rejects it",
    { kind: "icmp", type: 3, code: 13, errno: "EHOSTUNREACH" },
    { kind: "failed", reason: "blocked" },
  ],
  ["there is no route", { kind: "errno", errno: "ENETUNREACH" }, { kind: "failed", reason: "unreachable" }],
])("when %s, that is told", async (_, fate, outcome) => {
  const { state, toldOf, runFor, prober } = await setUp();
  state.fate = fate;
  await runFor(7_000);
  expect(toldOf("agents 10.96.0.7")).toEqual([["agents 10.96.0.7", outcome]]);
  expect(prober.busy).toBe(false);
});

test("what this machine itself cannot do is no probe", async () => {
  const { state, told, runFor } = await setUp();
  state.fate = { kind: "errno", errno: "EMFILE" };
  await runFor(5_000);
  expect(told.at(-1)).toEqual(["local", "agents 10.96.0.7", "EMFILE"]);
});

test("while DNS does not answer, the last known address is probed: failing DNS is no failing service path", async () => {
  const { state, connected, told, runFor } = await setUp();
  await runFor(5_000);
  state.dns = dnsIsDown;
  await runFor(60_000);
  expect(connected).toHaveLength(13);
  expect(told.filter((entry) => (entry as unknown[])[0] === "closed")).toEqual([]);
  expect(told).toContainEqual(["looked", "agents", "internode-agents cannot be looked up: getaddrinfo EAI_AGAIN"]);
});

test("an agent that starts while DNS does not answer probes nothing, tells why, and begins when it answers", async () => {
  const { state, connected, toldOf, runFor } = await setUp();
  state.dns = dnsIsDown;
  await runFor(25_000);
  expect(connected).toEqual([]);
  state.dns = ["10.96.0.7"];
  await runFor(15_000);
  expect(connected.length).toBeGreaterThan(0);
  expect(toldOf("looked")).toEqual([
    ["looked", "agents", "its name has not been looked up yet"],
    ["looked", "agents", "internode-agents cannot be looked up: getaddrinfo EAI_AGAIN"],
    ["looked", "agents", undefined],
  ]);
});

test("a Service that was made anew is probed at its new address, one that is gone no more", async () => {
  const { state, connected, told, runFor } = await setUp();
  await runFor(5_000);
  state.dns = ["10.96.0.99"];
  await runFor(35_000);
  expect(connected.at(-1)?.ip).toBe("10.96.0.99");
  expect(told).toContainEqual(["closed", "agents 10.96.0.7"]);
  state.dns = notFound;
  await runFor(35_000);
  const count = connected.length;
  await runFor(20_000);
  expect(connected).toHaveLength(count);
  expect(told.at(-1)).toEqual(["looked", "agents", "DNS knows no internode-agents"]);
});

test("an address that is never probed is refused, whoever names it", async () => {
  const { state, connected, told, runFor } = await setUp();
  state.dns = ["169.254.169.254", "127.0.0.1"];
  await runFor(10_000);
  expect(connected).toEqual([]);
  expect(told.at(-1)).toEqual([
    "looked",
    "agents",
    "169.254.169.254 is the metadata service of most clouds and is never probed; 127.0.0.1 is loopback and is never probed",
  ]);
});

test("a prober that is closed while it looks a name up and has a handshake open does nothing more", async () => {
  const { state, told, prober, runFor, kernel } = await setUp();
  state.fate = { kind: "hang" };
  await runFor(3_000);
  expect(prober.busy).toBe(true);
  prober[Symbol.dispose]();
  expect(told.at(-1)).toEqual(["closed", "agents 10.96.0.7"]);
  const count = told.length;
  await runFor(1_000);
  expect(kernel.handshakes.size).toBe(0);
  expect(told).toHaveLength(count);
});
