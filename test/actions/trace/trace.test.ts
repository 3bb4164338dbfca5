// A trace on a network that is described packet by packet: which routers answer for which source port, how often, and
// what comes through to the target.
import { beforeEach, describe, expect, test } from "vitest";
import { PathProbes } from "../../../agent/actions/path/path-probes.ts";
import { Trace } from "../../../agent/actions/trace/trace.ts";
import { udpReflector, type UdpReflector } from "../../../agent/reflector/udp-reflector.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeKernel } from "../../support/fake-kernel.ts";
import { FakeNetwork, type FakePacket, type Fault } from "../../support/fake-network.ts";

const SETTINGS = { count: 2, ports: 8, intervalMs: 750, maxHops: 30 };
const TARGET = "10.2.0.2";
const PORT = 7_843;

let clock: FakeClock;
let network: FakeNetwork;
let near: FakeKernel;
let far: FakeKernel;
let reflector: UdpReflector | undefined;

beforeEach(() => {
  clock = new FakeClock();
  network = new FakeNetwork(clock);
  near = new FakeKernel(network, ["10.1.0.1"]);
  far = new FakeKernel(network, [TARGET]);
  network.hops = 2;
  reflector = undefined;
});

function reflect(): void {
  reflector = udpReflector({
    kernel: far,
    clock,
    port: PORT,
    listen: [{ family: "ipv4" }],
    incarnation: "ffeeddccbbaa9988",
    maxPacketBytes: 9_000,
    isFrom: () => true,
    nodeOf: () => undefined,
  });
}

/** Routers by hop, or by hop and source port; undefined: that one sends no errors. */
function route(routerOf: (hop: number, packet: FakePacket) => string | undefined): void {
  network.rule((packet): Fault | undefined => {
    if (packet.destination.ip !== TARGET || packet.ttl > network.hops) return undefined;
    const from = routerOf(packet.ttl, packet);
    return from === undefined ? { kind: "drop" } : { kind: "icmp", type: 11, code: 0, from };
  });
}

function run(settings = SETTINGS) {
  const probes = new PathProbes({
    kernel: near,
    clock,
    key: undefined,
    source: "node-1",
    to: { address: TARGET, port: PORT },
    network: "pod",
    family: "ipv4",
    ports: settings.ports,
    timeoutMs: 1_000,
  });
  const trace = new Trace(settings, (probe) => probes.send(probe));
  for (let turns = 0; !trace.isOver && turns < 10_000; turns++) {
    reflector?.drain();
    probes.tick();
    trace.tick(clock.monotonicNs());
    clock.advanceMs(10);
  }
  expect(trace.isOver).toBe(true);
  return { ...trace.report(), sourcePorts: probes.sourcePorts };
}

describe("a trace to a target whose reflector answers", () => {
  test("shows every router, and every port's own end", () => {
    reflect();
    route((hop) => `10.0.0.${hop}`);
    const { hops, ends, refusals } = run();
    expect(
      hops.map(({ hop, sent, answered, routers }) => [hop, sent, answered, routers.map((r) => r.address)]),
    ).toEqual([
      [1, 16, 16, ["10.0.0.1"]],
      [2, 16, 16, ["10.0.0.2"]],
    ]);
    expect(hops[0]!.routers[0]!.ports).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(ends[0]!.rtt!.meanNs / 1e6, "there and back, less what it stayed there").toBeCloseTo(2, 1);
    expect(ends.every(({ sent, answered, hops }) => sent >= 20 && sent === answered && hops === 3)).toBe(true);
    expect(refusals).toEqual([]);
  });

  test("asks each router no more than once an interval, and sends nothing beyond the target", () => {
    reflect();
    route((hop) => `10.0.0.${hop}`);
    run();
    const sent = network.sent.filter(({ destination }) => destination.ip === TARGET);
    expect(new Set(sent.map(({ ttl }) => ttl))).toEqual(new Set([1, 2, 64]));
    expect(sent.filter(({ ttl }) => ttl === 1)).toHaveLength(16);
  });

  test("tells the routers of some ports from those of others, and which ports lose", () => {
    reflect();
    const isBad = ({ source }: FakePacket) => source.port % 4 === 0;
    route((hop, packet) => (hop === 2 && isBad(packet) ? "10.0.1.2" : `10.0.0.${hop}`));
    network.rule((packet) =>
      packet.ttl === 64 && packet.destination.ip === TARGET && isBad(packet) ? { kind: "drop" } : [],
    );
    const { hops, ends, sourcePorts } = run();
    const bad = sourcePorts.flatMap((port, i) => (port % 4 === 0 ? [i] : []));
    expect(bad).toHaveLength(2);
    expect(hops[1]!.routers.map(({ address, ports }) => [address, ports.length])).toEqual([
      ["10.0.0.2", 6],
      ["10.0.1.2", 2],
    ]);
    expect(hops[1]!.routers[1]!.ports).toEqual(bad);
    expect(ends.flatMap(({ answered }, i) => (answered === 0 ? [i] : []))).toEqual(bad);
  });

  test("a router that sends no errors is a hop without an answer, and what is behind it is seen", () => {
    reflect();
    route((hop) => (hop === 1 ? undefined : "10.0.0.2"));
    const { hops, ends } = run();
    expect(hops.map(({ hop, answered }) => [hop, answered])).toEqual([
      [1, 0],
      [2, 16],
    ]);
    expect(ends.every(({ sent, answered }) => sent === answered)).toBe(true);
  });

  test("a router that quotes no more than 8 bytes is known all the same", () => {
    reflect();
    network.rule((packet) =>
      packet.ttl <= 2 && packet.destination.ip === TARGET
        ? { kind: "icmp", type: 11, code: 0, from: `10.0.0.${packet.ttl}`, quoteBytes: 0 }
        : [],
    );
    const { hops } = run();
    expect(hops.map(({ answered, routers }) => [answered, routers.length])).toEqual([
      [16, 1],
      [16, 1],
    ]);
  });

  test("of a neighbour without a router there are no hops, and the ports are probed all the same", () => {
    reflect();
    network.hops = 0;
    const { hops, ends } = run();
    expect(hops).toEqual([]);
    expect(ends.every(({ sent, answered, hops }) => sent === 20 && answered === 20 && hops === 1)).toBe(true);
  });
});

describe("a trace to a target without a reflector", () => {
  test("is at its end where the target itself refuses, asked once a second", () => {
    // A target refuses what reaches it, whatever is left of the hop limit.
    route((hop) => `10.0.0.${hop}`);
    const { hops, ends } = run();
    expect(hops.map(({ hop }) => hop)).toEqual([1, 2]);
    expect(ends.every(({ sent, refused }) => sent >= 2 && sent === refused)).toBe(true);
    const whole = network.sent.filter(({ ttl, source }) => ttl === 64 && source.ip === "10.1.0.1");
    expect(whole.length).toBeLessThanOrEqual(20);
  });

  test("is asked again from ports of which a probe was lost, and from no others", () => {
    let bad: number | undefined;
    route((hop) => `10.0.0.${hop}`);
    network.rule((packet) => {
      if (packet.ttl !== 64 || packet.destination.ip !== TARGET) return [];
      bad ??= packet.source.port + 3;
      return packet.source.port === bad ? { kind: "drop" } : [];
    });
    const { ends, sourcePorts } = run({ ...SETTINGS, count: 1 });
    expect(ends.map(({ sent, refused }) => [sent, refused])).toEqual(
      sourcePorts.map((port) => (port === bad ? [3, 0] : [1, 1])),
    );
  });

  test("of which nothing comes back ends at the last router that answers", () => {
    network.detach(TARGET);
    route((hop) => (hop === 2 ? undefined : "10.0.0.1"));
    const { hops, ends } = run();
    expect(hops.map(({ hop, answered }) => [hop, answered])).toEqual([[1, 16]]);
    expect(ends.every(({ sent, answered, refused }) => sent >= 4 && answered + refused === 0)).toBe(true);
  });

  test("says who rejects", () => {
    network.rule((packet) =>
      packet.ttl > 1 && packet.destination.ip === TARGET
        ? { kind: "icmp", type: 3, code: 13, from: "10.0.0.1" }
        : packet.destination.ip === TARGET
          ? { kind: "icmp", type: 11, code: 0, from: "10.0.0.1" }
          : [],
    );
    const { hops, refusals } = run();
    expect(hops.map(({ routers }) => routers[0]!.address)).toEqual(["10.0.0.1"]);
    expect(refusals).toEqual([{ kind: "blocked", by: "10.0.0.1", count: expect.any(Number) as number }]);
  });
});
