// Design §2.6, row by row: a real kernel produces the event, each protocol of the kernel engine gives the outcome.
import { readdirSync } from "node:fs";
import koffi from "koffi";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Outcome } from "../../agent/model/outcome.ts";
import type { IpFamily, Protocol } from "../../agent/model/peer.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import type { ConntrackState } from "../../agent/probes/kernel-events.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import { tcpProber } from "../../agent/probes/tcp.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { userspaceIcmpProber } from "../../agent/probes/userspace/icmp.ts";
import { enterNamespace } from "../support/enter-namespace.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { routedNetwork, type RoutedNetwork } from "../support/routed.ts";
import { SLOWER_BY } from "../support/slower.ts";
import { testSlot } from "../support/test-slot.ts";
import { until } from "../probes/contract.ts";
import { PROBE_PORT, realNetwork, realWorld, type RealNetwork } from "./real-worlds.ts";
import { needs } from "../support/needs.ts";

const { describe, test } = await needs("namespaces");
const { describe: senderDescribe } = await needs("namespaces", "any ping group", "raw-socket");

const REFUSED: Outcome = { kind: "refused" };
const failed = (reason: "timeout" | "unreachable" | "blocked"): Outcome => ({ kind: "failed", reason });
const ALL: readonly Protocol[] = ["icmp", "tcp", "udp"];
const TIMEOUT_MS = 400 * SLOWER_BY;

let network: RealNetwork;
let undo: (() => void)[] = [];
beforeAll(async () => {
  network = await realNetwork();
});
afterEach(() => {
  for (const step of undo.toReversed()) step();
  undo = [];
  network.mend();
});
afterAll(() => network[Symbol.asyncDispose]());

interface ProbeOptions {
  readonly address?: string;
  readonly port?: number;
  readonly timeoutMs?: number;
  readonly conntrack?: ConntrackState;
  /** How many slots to the same address, probed at once. */
  readonly slots?: number;
}

/** Sends one probe a slot and waits until all have come to something. */
async function probe(protocol: Protocol, options: ProbeOptions = {}): Promise<RecordingSink> {
  const {
    address = network.pair.farIp,
    port = PROBE_PORT,
    timeoutMs = TIMEOUT_MS,
    conntrack = "not-full",
    slots = 1,
  } = options;
  const { kernel, clock } = network;
  const common = { kernel, clock, families: ["ipv4"], conntrack: () => conntrack } as const;
  const make: Readonly<Record<Protocol, (sink: RecordingSink) => Prober>> = {
    icmp: (sink) => icmpProber({ ...common, sink, settings: { timeoutMs, sizeBytes: 64 } }),
    tcp: (sink) => tcpProber({ ...common, sink, settings: { timeoutMs, port } }),
    udp: (sink) =>
      udpProber({
        ...common,
        sink,
        settings: { timeoutMs, sizeBytes: 512, port },
        source: "node-1",
        incarnation: "00112233445566aa",
      }),
  };
  const sink = new RecordingSink();
  using prober = make[protocol](sink);
  const world = await realWorld(network, { protocol, timeoutMs, prober: () => prober });
  const all: Slot[] = Array.from({ length: slots }, () => testSlot({ protocol, address }));
  for (const slot of all) prober.open(slot);
  prober.send(all);
  await until(world, () => prober.outstanding === 0);
  return sink;
}

const near = (...command: readonly string[]) => network.pair.run(network.pair.near, ...command);
const far = (...command: readonly string[]) => network.pair.run(network.pair.far, ...command);
/** A setting of the near side, put back after the test. */
function setting(name: string, value: string): void {
  const before = near("sysctl", "-n", name).trim();
  near("sysctl", "-qw", `${name}=${value}`);
  undo.push(() => near("sysctl", "-qw", `${name}=${before}`));
}
function route(kind: string): void {
  near("ip", "route", "add", kind, `${network.pair.farIp}/32`);
  undo.push(() => near("ip", "route", "del", kind, `${network.pair.farIp}/32`));
}

/** RLIMIT_NOFILE of this process; from inside, as no program can be started without descriptors. */
function descriptorLimit(soft: number): Disposable & { readonly now: number } {
  const RLIMIT_NOFILE = 7;
  const libc = koffi.load("libc.so.6");
  const get = libc.func("int getrlimit(int, void *)") as (what: number, limits: BigUint64Array) => number;
  const set = libc.func("int setrlimit(int, const void *)") as (what: number, limits: BigUint64Array) => number;
  const before = new BigUint64Array(2);
  get(RLIMIT_NOFILE, before);
  set(RLIMIT_NOFILE, new BigUint64Array([BigInt(soft), before[1]!]));
  const now = new BigUint64Array(2);
  get(RLIMIT_NOFILE, now);
  return { now: Number(now[0]), [Symbol.dispose]: () => void set(RLIMIT_NOFILE, before) };
}

describe.each(ALL)("%s", (protocol) => {
  test("a reply in time is answered", async () => {
    expect((await probe(protocol)).outcomes()).toMatchObject([{ kind: "answered", clock: "kernel" }]);
  });

  test("no reply is a timeout", async () => {
    network.farInput("drop");
    expect((await probe(protocol)).outcomes()).toEqual([failed("timeout")]);
  });

  test("ICMP port unreachable from the target itself is a refusal", async () => {
    network.farInput("reject with icmp type port-unreachable");
    expect((await probe(protocol)).outcomes()).toEqual([REFUSED]);
  });

  test.each(["net-unreachable", "host-unreachable"])("ICMP %s is unreachable", async (type) => {
    network.farInput(`reject with icmp type ${type}`);
    expect((await probe(protocol)).outcomes()).toEqual([failed("unreachable")]);
  });

  test.each(["admin-prohibited", "net-prohibited", "host-prohibited"])("ICMP %s is blocked", async (type) => {
    network.farInput(`reject with icmp type ${type}`);
    expect((await probe(protocol)).outcomes()).toEqual([failed("blocked")]);
  });

  test("TTL exceeded on the way is unreachable", async () => {
    far("sysctl", "-qw", "net.ipv4.ip_forward=1");
    far("ip", "route", "add", "10.98.0.0/24", "via", network.pair.nearIp);
    undo.push(() => far("ip", "route", "del", "10.98.0.0/24"));
    near("ip", "route", "add", "10.98.0.0/24", "via", network.pair.farIp);
    undo.push(() => near("ip", "route", "del", "10.98.0.0/24"));
    setting("net.ipv4.ip_default_ttl", "1");
    expect((await probe(protocol, { address: "10.98.0.2" })).outcomes()).toEqual([failed("unreachable")]);
  });

  test("ENETUNREACH, no route at all, is unreachable", async () => {
    expect((await probe(protocol, { address: "203.0.113.1" })).outcomes()).toEqual([failed("unreachable")]);
  });

  test("EHOSTUNREACH of an unreachable route is unreachable", async () => {
    route("unreachable");
    expect((await probe(protocol)).outcomes()).toEqual([failed("unreachable")]);
  });

  test("a neighbour that answers no ARP is unreachable", async () => {
    expect((await probe(protocol, { address: "10.99.200.200", timeoutMs: 10_000 * SLOWER_BY })).outcomes()).toEqual([
      failed("unreachable"),
    ]);
  });

  test("EACCES of a prohibit route is blocked", async () => {
    route("prohibit");
    expect((await probe(protocol)).outcomes()).toEqual([failed("blocked")]);
  });

  test("EINVAL of a blackhole route is local: no packet was made", async () => {
    route("blackhole");
    const sink = await probe(protocol);
    expect(sink.outcomes()).toEqual([]);
    expect(sink.localErrors()).toEqual(["EINVAL"]);
  });
});

describe.each(["icmp", "udp"] as const)("%s", (protocol) => {
  test("EPERM of our own output policy is blocked", async () => {
    network.nearOutput("drop");
    expect((await probe(protocol)).outcomes()).toEqual([failed("blocked")]);
  });

  test("EPERM with a full conntrack table is local", async () => {
    // The table's size is machine-wide, so its state is given here; that a full one drops with EPERM is nf_conntrack_in.
    network.nearOutput("drop");
    const sink = await probe(protocol, { conntrack: "full" });
    expect(sink.outcomes()).toEqual([]);
    expect(sink.localErrors()).toEqual(["EPERM"]);
  });

  test("ENOBUFS of a full device queue is local", async () => {
    near("tc", "qdisc", "add", "dev", "veth0", "root", "bfifo", "limit", "1");
    undo.push(() => near("tc", "qdisc", "del", "dev", "veth0", "root"));
    const sink = await probe(protocol);
    expect(sink.outcomes()).toEqual([]);
    expect(sink.localErrors()).toEqual(["ENOBUFS"]);
  });
});

describe("tcp", () => {
  test("a reset is a refusal, whether by a closed port or by a policy", async () => {
    expect((await probe("tcp", { port: PROBE_PORT + 1 })).outcomes()).toEqual([REFUSED]);
    network.farInput("meta l4proto tcp reject with tcp reset");
    expect((await probe("tcp")).outcomes()).toEqual([REFUSED]);
  });

  test("what our own output policy drops silently looks like a timeout: TCP hides the EPERM and sends again", async () => {
    network.nearOutput("drop");
    expect((await probe("tcp")).outcomes()).toEqual([failed("timeout")]);
  });

  test("silence with a full conntrack table is local", async () => {
    network.nearOutput("drop");
    const sink = await probe("tcp", { conntrack: "full" });
    expect(sink.outcomes()).toEqual([]);
    expect(sink.localErrors()).toEqual(["EPERM"]);
  });

  test("EADDRNOTAVAIL, no source port left, is local for those that got none", async () => {
    setting("net.ipv4.ip_local_port_range", "40000 40003");
    network.farInput("drop");
    const sink = await probe("tcp", { slots: 6 });
    expect(sink.outcomes()).toEqual([failed("timeout"), failed("timeout"), failed("timeout"), failed("timeout")]);
    expect(sink.localErrors()).toEqual(["EADDRNOTAVAIL", "EADDRNOTAVAIL"]);
  });

  test("EMFILE, no descriptor left, is local", async () => {
    const highest = Math.max(...readdirSync("/proc/self/fd").map(Number));
    const world = await realWorld(network, {
      protocol: "tcp",
      timeoutMs: TIMEOUT_MS,
      prober: ({ sink, timeoutMs }) =>
        tcpProber({ kernel: network.kernel, clock: network.clock, sink, settings: { timeoutMs, port: PROBE_PORT } }),
    });
    const slots = Array.from({ length: highest + 10 }, () =>
      testSlot({ protocol: "tcp", address: network.pair.farIp }),
    );
    for (const slot of slots) world.prober.open(slot);
    {
      using limit = descriptorLimit(highest + 5);
      expect(limit.now).toBe(highest + 5);
      world.prober.send(slots);
    }
    await until(world, () => world.prober.outstanding === 0);
    expect(new Set(world.sink.localErrors())).toEqual(new Set(["EMFILE"]));
    expect(world.sink.localErrors().length + world.sink.outcomes().length).toBe(slots.length);
    expect(world.sink.outcomes().every((o) => o.kind === "answered")).toBe(true);
    world.prober[Symbol.dispose]();
  });
});

test("udp: a port nobody listens on is a refusal", async () => {
  expect((await probe("udp", { port: PROBE_PORT + 1 })).outcomes()).toEqual([REFUSED]);
});

senderDescribe("the sender of ICMP port unreachable decides", () => {
  let path: RoutedNetwork;
  let inside: Disposable;
  beforeAll(() => {
    path = routedNetwork();
    // The first IPv6 packets of a network that has just been laid wait for its neighbours longer than a probe does.
    for (const ip of [path.farIp, path.farIp6]) network.pair.run(path.near, "ping", "-c", "1", "-W", "10", ip);
    inside = enterNamespace(path.near);
  });
  afterEach(() => path.mend());
  afterAll(() => {
    inside[Symbol.dispose]();
    path[Symbol.dispose]();
  });

  interface Case {
    readonly name: string;
    readonly protocol: Protocol;
    readonly family: IpFamily;
    readonly open: (common: { readonly sink: RecordingSink }) => Prober | Promise<Prober>;
  }
  const timeoutMs = TIMEOUT_MS;
  const port = PROBE_PORT;
  const cases = (["ipv4", "ipv6"] as const).flatMap((family): Case[] => {
    const parts = () => ({
      kernel: network.kernel,
      clock: network.clock,
      families: [family],
      conntrack: () => "not-full" as const,
    });
    const echo = { timeoutMs, sizeBytes: 64 };
    return [
      {
        name: `ICMP over ${family}, a datagram socket`,
        protocol: "icmp",
        family,
        open: (common) => {
          sysctl("net.ipv4.ping_group_range=0 2147483647");
          return icmpProber({ ...parts(), ...common, settings: echo });
        },
      },
      {
        name: `ICMP over ${family}, a raw socket`,
        protocol: "icmp",
        family,
        open: (common) => {
          sysctl("net.ipv4.ping_group_range=1 0");
          return icmpProber({ ...parts(), ...common, settings: echo });
        },
      },
      {
        name: `ICMP over ${family}, the userspace engine`,
        protocol: "icmp",
        family,
        open: (common) => userspaceIcmpProber({ ...parts(), ...common, settings: echo }),
      },
      {
        name: `TCP over ${family}`,
        protocol: "tcp",
        family,
        open: (common) => tcpProber({ ...parts(), ...common, settings: { timeoutMs, port } }),
      },
      {
        name: `UDP over ${family}`,
        protocol: "udp",
        family,
        open: (common) =>
          udpProber({
            ...parts(),
            ...common,
            settings: { timeoutMs, sizeBytes: 512, port },
            source: "node-1",
            incarnation: "00112233445566aa",
          }),
      },
    ];
  });
  const sysctl = (setting: string) => network.pair.run(path.near, "sysctl", "-qw", setting);

  async function probeFar({ protocol, family, open }: Case): Promise<readonly Outcome[]> {
    const sink = new RecordingSink();
    using prober = await open({ sink });
    const world = await realWorld(network, { protocol, timeoutMs, prober: () => prober });
    const slot = testSlot({ protocol, address: family === "ipv4" ? path.farIp : path.farIp6 });
    prober.open(slot);
    prober.send([slot]);
    await until(world, () => prober.outstanding === 0);
    return sink.outcomes();
  }

  test.each(cases)("$name: from a policy on the way it is blocked", async (protocol) => {
    path.reject("middle");
    expect(await probeFar(protocol)).toEqual([failed("blocked")]);
  });

  test.each(cases)("$name: from the target itself it is a refusal", async (protocol) => {
    path.reject("far");
    expect(await probeFar(protocol)).toEqual([REFUSED]);
  });

  test.each(cases.filter(({ protocol }) => protocol !== "icmp"))(
    "$name: a closed port is a refusal",
    async (protocol) => {
      expect(await probeFar(protocol)).toEqual([REFUSED]);
    },
  );
});
