import { describe, expect, test } from "vitest";
import { phase } from "../../agent/base/hash.ts";
import {
  dnsProber,
  dnsServers,
  resolvConfServers,
  type DnsProberOptions,
  type DnsServer,
} from "../../agent/probes/dns.ts";
import { srvName } from "../../agent/probes/dns-pods.ts";
import type { LookupOptions, LookupOutcome } from "../../agent/probes/dns-lookup.ts";
import { FakeClock } from "../support/fake-clock.ts";

const POD: DnsServer = { label: "pod", address: "10.96.0.10" };
const CLUSTER: DnsServer = { label: "cluster", address: "10.96.0.11" };
const RESOLVED: LookupOutcome = { kind: "resolved", durationNs: 1_000, addresses: ["192.0.2.1"] };

function setUp(options: Partial<DnsProberOptions> = {}) {
  const clock = new FakeClock({ baseSeconds: 1_000, startNs: 0, realtimeOffsetNs: 0 });
  const asked: (LookupOptions & { readonly atMs: number })[] = [];
  const told: unknown[] = [];
  const opened: string[] = [];
  const troubles: unknown[] = [];
  const prober = dnsProber({
    clock,
    node: "node-1",
    servers: [POD],
    settings: { intervalMs: 10_000, timeoutMs: 5_000, names: ["a.test"] },
    phase: () => 0.25,
    sink: {
      opened: (server) => opened.push(`+${server.label}/${server.address}`),
      closed: (server) => opened.push(`-${server.label}/${server.address}`),
      looked: (trouble) => troubles.push(trouble),
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
  /** As `runFor`, letting promises settle after every tick. */
  const runSlowlyFor = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advanceMs(100);
      prober.tick();
      for (let i = 0; i < 5; i++) await Promise.resolve();
    }
  };
  return { clock, asked, told, opened, troubles, prober, runFor, runSlowlyFor };
}

test("each lookup has its phase on the wall clock and comes once an interval", () => {
  const { asked, runFor } = setUp();
  runFor(40_000);
  expect(asked.map((a) => a.atMs)).toEqual([2_500, 12_500, 22_500, 32_500]);
});

test("every name is looked up at every server, told with both", async () => {
  const { told, opened, runFor } = setUp({
    servers: [POD, CLUSTER],
    settings: { intervalMs: 10_000, timeoutMs: 5_000, names: ["a.test", "b.test"] },
  });
  expect(opened).toEqual(["+pod/10.96.0.10", "+cluster/10.96.0.11"]);
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

test("without configured servers those of resolv.conf are asked, as cluster, at most three", () => {
  const text =
    "# nameserver 1.1.1.1\nsearch default.svc.cluster.local\nnameserver 10.96.0.11\nnameserver\tfd00::a # comment\nnameserver nonsense\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
  expect(resolvConfServers(text)).toEqual(["10.96.0.11", "fd00::a", "10.0.0.3"]);
  expect(dnsServers([], () => text)[0]).toEqual(CLUSTER);
  expect(dnsServers([POD], () => text)).toEqual([POD]);
  expect(
    dnsServers([], () => {
      throw new Error("ENOENT");
    }),
  ).toEqual([]);
});

test("a link-local server in resolv.conf is the node's own cache", () => {
  expect(dnsServers([], () => "nameserver 169.254.20.10\n")).toEqual([
    { label: "nodelocal", address: "169.254.20.10" },
  ]);
});

describe("the pods behind cluster DNS", () => {
  const setUpPods = (options: Partial<DnsProberOptions> & { readonly list: () => Promise<readonly string[]> }) =>
    setUp({
      servers: [CLUSTER],
      pods: { host: "dns-pods.kube-system.svc", port: 5_353 },
      phase: (name) => name.length / 100,
      lookUpPods: options.list,
      lookUpPort: () => Promise.resolve(undefined),
      ...options,
    });

  test("are asked each for itself at their own port, and are followed when they change", async () => {
    let pods = ["10.244.1.2", "10.244.2.2"];
    const { asked, opened, runSlowlyFor } = setUpPods({ list: () => Promise.resolve(pods) });
    await runSlowlyFor(10_000);
    expect(asked.map(({ server, port }) => `${server} ${port}`).toSorted()).toEqual([
      "10.244.1.2 5353",
      "10.244.2.2 5353",
      "10.96.0.11 undefined",
    ]);
    pods = ["10.244.2.2", "10.244.3.9"];
    await runSlowlyFor(31_000);
    expect(opened).toEqual([
      "+cluster/10.96.0.11",
      "+pod/10.244.1.2",
      "+pod/10.244.2.2",
      "-pod/10.244.1.2",
      "+pod/10.244.3.9",
    ]);
  });

  test("are asked at the port that DNS tells, also when it changes", async () => {
    let port = 1_053;
    const { asked, opened, runSlowlyFor } = setUpPods({
      list: () => Promise.resolve(["10.244.1.2"]),
      lookUpPort: () => Promise.resolve(port),
    });
    await runSlowlyFor(10_000);
    expect(asked.find(({ server }) => server === "10.244.1.2")).toMatchObject({ port: 1_053 });
    port = 2_053;
    await runSlowlyFor(31_000);
    expect(opened).toEqual(["+cluster/10.96.0.11", "+pod/10.244.1.2", "-pod/10.244.1.2", "+pod/10.244.1.2"]);
    expect(asked.findLast(({ server }) => server === "10.244.1.2")).toMatchObject({ port: 2_053 });
  });

  test.each([
    [
      "a-dns.kube-system.svc",
      "search a.svc.cluster.local svc.cluster.local cluster.local",
      "a-dns.kube-system.svc.cluster.local",
    ],
    ["a-dns.kube-system.svc", "search svc.prod.example\nnameserver 10.96.0.10", "a-dns.kube-system.svc.prod.example"],
    ["dns.example.org", "search svc.cluster.local", "dns.example.org"],
    ["a-dns.kube-system.svc", "nameserver 10.96.0.10", "a-dns.kube-system.svc"],
  ])("of %s with '%s' have their port at %s", (host, resolvConf, name) => {
    expect(srvName(host, resolvConf)).toBe(`_dns._udp.${name}`);
  });

  test("are looked up again at once when one of them fails, and not more often than every five seconds", async () => {
    let times = 0;
    const { runSlowlyFor } = setUpPods({
      list: () => (times++, Promise.resolve(["10.244.1.2"])),
      lookup: ({ server }) =>
        Promise.resolve(
          server === "10.244.1.2" ? { kind: "failed", reason: "timeout", unanswered: ["A", "AAAA"] } : RESOLVED,
        ),
    });
    await runSlowlyFor(60_000);
    expect(times).toBeGreaterThan(4);
    expect(times).toBeLessThanOrEqual(12);
  });

  test("stay while DNS does not answer, are forgotten when it knows none, and both is told", async () => {
    const answers = ["found", "EAI_AGAIN", "ENOTFOUND"];
    const { opened, troubles, runSlowlyFor } = setUpPods({
      list: () => {
        const answer = answers.shift() ?? "ENOTFOUND";
        if (answer === "found") return Promise.resolve(["10.244.1.2"]);
        return Promise.reject(Object.assign(new Error(answer), { code: answer }));
      },
    });
    await runSlowlyFor(33_000);
    expect(opened).toEqual(["+cluster/10.96.0.11", "+pod/10.244.1.2"]);
    expect(troubles).toEqual(["dns-pods.kube-system.svc cannot be looked up: EAI_AGAIN"]);
    await runSlowlyFor(10_000);
    expect(opened.at(-1)).toBe("-pod/10.244.1.2");
    expect(troubles.at(-1)).toBe("DNS knows no dns-pods.kube-system.svc");
  });

  test("are eight at most, and not the same eight for every node", async () => {
    const list = () => Promise.resolve(Array.from({ length: 100 }, (_, i) => `10.244.${i}.2`));
    const chosen = await Promise.all(
      ["node-1", "node-2"].map(async (node) => {
        const { opened, runSlowlyFor } = setUpPods({ node, list, phase });
        await runSlowlyFor(1_000);
        return opened.filter((one) => one.startsWith("+pod"));
      }),
    );
    expect(chosen.map((pods) => pods.length)).toEqual([8, 8]);
    expect(chosen[0]).not.toEqual(chosen[1]);
  });

  test("at addresses that are never probed are not asked, and it is told", async () => {
    const { opened, troubles, runSlowlyFor } = setUpPods({ list: () => Promise.resolve(["127.0.0.1"]) });
    await runSlowlyFor(1_000);
    expect(opened).toEqual(["+cluster/10.96.0.11"]);
    expect(troubles).toEqual(["127.0.0.1 is loopback and is never probed"]);
  });
});
