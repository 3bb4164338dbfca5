import { expect, test } from "vitest";
import {
  dnsProber,
  dnsServers,
  resolvConfServers,
  type DnsProberOptions,
  type DnsServer,
} from "../../agent/probes/dns.ts";
import type { LookupOptions, LookupOutcome } from "../../agent/probes/dns-lookup.ts";
import { FakeClock } from "../support/fake-clock.ts";

const POD: DnsServer = { label: "pod", address: "10.96.0.10" };
const CLUSTER: DnsServer = { label: "cluster", address: "10.96.0.11" };
const RESOLVED: LookupOutcome = { kind: "resolved", durationNs: 1_000, addresses: ["192.0.2.1"] };

function setUp(options: Partial<DnsProberOptions> = {}) {
  const clock = new FakeClock({ baseSeconds: 1_000, startNs: 0, realtimeOffsetNs: 0 });
  const asked: (LookupOptions & { readonly atMs: number })[] = [];
  const told: unknown[] = [];
  const prober = dnsProber({
    clock,
    node: "node-1",
    servers: [POD],
    settings: { intervalMs: 10_000, timeoutMs: 5_000, names: ["a.test"] },
    phase: () => 0.25,
    sink: {
      lookup: (server, name, outcome) => told.push([server.label, name, outcome]),
      localError: (server, name, errno) => told.push([server.label, name, errno]),
    },
    lookup: (o) => {
      asked.push({ ...o, atMs: clock.monotonicNs() / 1e6 });
      return Promise.resolve(RESOLVED);
    },
    ...options,
  });
  const runFor = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 20) {
      clock.advanceMs(20);
      prober.tick();
    }
  };
  return { clock, asked, told, prober, runFor };
}

test("each lookup has its phase on the wall clock and comes once an interval", () => {
  const { asked, runFor } = setUp();
  runFor(40_000);
  expect(asked.map((a) => a.atMs)).toEqual([2_500, 12_500, 22_500, 32_500]);
});

test("every name is looked up at every server, told with both", async () => {
  const { told, prober, runFor } = setUp({
    servers: [POD, CLUSTER],
    settings: { intervalMs: 10_000, timeoutMs: 5_000, names: ["a.test", "b.test"] },
  });
  expect(prober.lookups).toHaveLength(4);
  runFor(10_000);
  await Promise.resolve();
  await Promise.resolve();
  expect(told).toEqual([
    ["pod", "a.test", RESOLVED],
    ["pod", "b.test", RESOLVED],
    ["cluster", "a.test", RESOLVED],
    ["cluster", "b.test", RESOLVED],
  ]);
});

test("lookups of different nodes, servers and names are spread by their names", () => {
  const names: string[] = [];
  setUp({ servers: [POD, CLUSTER], phase: (name) => (names.push(name), 0) });
  expect(names).toEqual(["node-1>pod/10.96.0.10/a.test", "node-1>cluster/10.96.0.11/a.test"]);
});

test("after a pause the missed lookups are not made up for", () => {
  const { asked, clock, prober, runFor } = setUp();
  clock.advanceMs(95_000);
  prober.tick();
  expect(asked).toHaveLength(1);
  runFor(7_480);
  expect(asked).toHaveLength(1);
  runFor(20);
  expect(asked).toHaveLength(2);
});

test("our own machine's fault is told apart from a lookup", async () => {
  const { told, runFor } = setUp({ lookup: () => Promise.resolve({ kind: "local", errno: "EMFILE" }) });
  runFor(3_000);
  await Promise.resolve();
  await Promise.resolve();
  expect(told).toEqual([["pod", "a.test", "EMFILE"]]);
});

test("disposed, twice even, it asks nothing more and tells nothing more", async () => {
  const { asked, told, prober, runFor } = setUp();
  runFor(2_500);
  prober[Symbol.dispose]();
  prober[Symbol.dispose]();
  await Promise.resolve();
  await Promise.resolve();
  runFor(20_000);
  expect(asked).toHaveLength(1);
  expect(told).toEqual([]);
});

test("a name that DNS cannot carry is refused at the start", () => {
  expect(() => setUp({ settings: { intervalMs: 10_000, timeoutMs: 5_000, names: ["a..test"] } })).toThrow("a..test");
});

test("without configured servers those of resolv.conf are asked, as pod, at most three", () => {
  const text =
    "# nameserver 1.1.1.1\nsearch default.svc.cluster.local\nnameserver 10.96.0.10\nnameserver\tfd00::a # comment\nnameserver nonsense\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
  expect(resolvConfServers(text)).toEqual(["10.96.0.10", "fd00::a", "10.0.0.3"]);
  expect(dnsServers([], () => text)[0]).toEqual(POD);
  expect(dnsServers([CLUSTER], () => text)).toEqual([CLUSTER]);
  expect(
    dnsServers([], () => {
      throw new Error("ENOENT");
    }),
  ).toEqual([]);
});
