// The search for the largest packet on networks described packet by packet, and what is said of it.
import { beforeEach, describe, expect, test } from "vitest";
import { concludeMtu } from "../../../agent/actions/mtu/conclude.ts";
import { Ladder } from "../../../agent/actions/mtu/ladder.ts";
import { explainOverhead, type PodPath } from "../../../agent/actions/mtu/overhead.ts";
import type { MtuReport } from "../../../agent/actions/mtu/report.ts";
import { PathProbes } from "../../../agent/actions/path/path-probes.ts";
import { udpReflector, type UdpReflector } from "../../../agent/reflector/udp-reflector.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeKernel } from "../../support/fake-kernel.ts";
import { FakeNetwork, type FakePacket, type Fault } from "../../support/fake-network.ts";

const TARGET = "10.2.0.2";
const PORT = 7_843;
const HOPS = 2;

let clock: FakeClock;
let network: FakeNetwork;
let near: FakeKernel;
let reflector: UdpReflector | undefined;
/** Behind a router. */
let links: Map<number, { readonly mtu: number; readonly says: "says so" | "is silent" }>;

beforeEach(() => {
  clock = new FakeClock();
  network = new FakeNetwork(clock);
  near = new FakeKernel(network, ["10.1.0.1"]);
  const far = new FakeKernel(network, [TARGET]);
  network.hops = HOPS;
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
  links = new Map();
  network.rule((packet): Fault | undefined => {
    if (!isOurs(packet)) return undefined;
    for (let hop = 1; hop <= HOPS; hop++) {
      const from = `10.0.0.${hop}`;
      const link = links.get(hop);
      // In a router's order: the hop limit first.
      if (packet.ttl === hop) return { kind: "icmp", type: 11, code: 0, from };
      if (link && packet.ipBytes > link.mtu)
        return link.says === "says so" ? { kind: "icmp", type: 3, code: 4, info: link.mtu, from } : { kind: "drop" };
    }
    return undefined;
  });
});

const isOurs = ({ destination }: FakePacket) => destination.ip === TARGET;
/** The link behind this router carries no more. */
const narrow = (hop: number, mtu: number, says: "says so" | "is silent") => void links.set(hop, { mtu, says });

function search(port = PORT): MtuReport {
  const probes = new PathProbes({
    kernel: near,
    clock,
    key: undefined,
    source: "node-1",
    to: { address: TARGET, port },
    network: "pod",
    family: "ipv4",
    ports: 1,
    timeoutMs: 700,
    dontFragment: true,
  });
  const believedBytes = near.believedMtu(near.socketAddress(TARGET, port));
  const ladder = new Ladder({
    send: (probe) => probes.send(probe),
    believedBytes,
    smallestBytes: probes.smallestBytes,
  });
  for (let turns = 0; !ladder.isOver && turns < 10_000; turns++) {
    reflector?.drain();
    probes.tick();
    ladder.tick(clock.monotonicNs());
    clock.advanceMs(10);
  }
  expect(ladder.isOver).toBe(true);
  const path = { from: "node-1", to: "node-2", network: "pod", family: "ipv4", address: TARGET } as const;
  return { ...path, believedBytes, ...ladder.report() };
}

describe("the search for the largest packet", () => {
  test("is over at once where the size that the kernel believes in passes", () => {
    const report = search();
    expect(report).toMatchObject({ passesBytes: 1_500, steps: [{ bytes: 1_500, came: "passes" }], told: [] });
    expect(concludeMtu(report)).toEqual({
      isFault: false,
      text: "1,500 bytes pass, which is what the kernel believes.",
    });
  });

  test("finds a black hole to the byte, and the link that it is on", () => {
    narrow(1, 1_450, "is silent");
    const report = search();
    expect(report).toMatchObject({
      passesBytes: 1_450,
      told: [],
      vanishes: { reached: { hop: 1, address: "10.0.0.1" }, missed: { hop: 2, address: "10.0.0.2" } },
    });
    expect(concludeMtu(report)).toEqual({
      isFault: true,
      text: "The kernel believes in 1,500 bytes, only 1,450 bytes pass, and nobody says so: larger packets vanish between hop 1 (10.0.0.1) and hop 2 (10.0.0.2). Connections hang as soon as they send much.",
    });
  });

  test("finds one on the last link: behind the last router", () => {
    narrow(2, 1_400, "is silent");
    const report = search();
    expect(report).toMatchObject({ passesBytes: 1_400, vanishes: { reached: { hop: 2, address: "10.0.0.2" } } });
    expect(concludeMtu(report).text).toContain("larger packets vanish behind hop 2 (10.0.0.2)");
  });

  test("hears who says what fits: discovery works, and that is no fault", () => {
    narrow(1, 1_400, "says so");
    const report = search();
    expect(report).toMatchObject({ passesBytes: 1_400, told: [{ by: "10.0.0.1", mtu: 1_400 }] });
    expect(report.steps).toEqual([
      { bytes: 1_500, came: "told" },
      { bytes: 1_400, came: "passes" },
    ]);
    expect(concludeMtu(report)).toEqual({
      isFault: false,
      text: "1,400 bytes pass; the kernel believed in 1,500 bytes. 10.0.0.1 says 1,400 bytes, to whoever sends more: path MTU discovery works.",
    });
  });

  test("finds a black hole behind a router that tells the truth of its own link", () => {
    narrow(1, 1_450, "says so");
    narrow(2, 1_300, "is silent");
    const report = search();
    expect(report).toMatchObject({ passesBytes: 1_300, vanishes: { reached: { hop: 2 } } });
    expect(concludeMtu(report).text).toBe(
      "10.0.0.1 says 1,450 bytes, but even of those only 1,300 bytes pass, and nobody says so: larger packets vanish behind hop 2 (10.0.0.2). Connections hang as soon as they send much.",
    );
  });

  test("works against a target that refuses, within the one refusal a second that a kernel sends", () => {
    reflector?.[Symbol.dispose]();
    reflector = undefined;
    narrow(2, 1_450, "is silent");
    const refusedNs: number[] = [];
    network.rule((packet) => {
      if (isOurs(packet) && packet.ttl === 64 && packet.ipBytes <= 1_450) refusedNs.push(clock.monotonicNs());
      return [];
    });
    expect(search()).toMatchObject({ passesBytes: 1_450, isSilent: false });
    const burst = 6;
    for (const [i, ns] of refusedNs.entries()) expect(i + 1).toBeLessThanOrEqual(burst + (ns - refusedNs[0]!) / 1e9);
  });

  test("says nothing of large packets where small ones are lost too", () => {
    network.detach(TARGET);
    const report = search();
    expect(report).toMatchObject({ isSilent: true, steps: [] });
    expect(concludeMtu(report)).toMatchObject({ isFault: true, text: expect.stringContaining("no small packets") });
  });

  test("takes loss of some small packets for loss, not for a size", () => {
    let n = 0;
    network.rule((packet) => (isOurs(packet) && (packet.ipBytes > 1_000 || n++ % 2 === 0) ? { kind: "drop" } : []));
    const report = search();
    expect(report.passesBytes).toBeUndefined();
    expect(concludeMtu(report).text).toContain("some are lost whatever their size");
  });
});

describe("what a tunnel takes", () => {
  const explain = (podBytes: number, nodeBytes: number | undefined, more: Partial<PodPath> = {}) =>
    explainOverhead({ podBytes, nodeBytes, nodeFamily: "ipv4", isBlackHole: false, ...more });

  test("is told by what the node network carries more", () => {
    expect(explain(1_450, 1_500)).toBe(
      "The 1,450 bytes of the pod network are 50 fewer than the 1,500 bytes of the node network, which is what VXLAN or Geneve takes (20 IPv4 + 8 UDP + 8 header + 14 Ethernet).",
    );
    expect(explain(8_930, 9_000, { nodeFamily: "ipv6" })).toContain("VXLAN or Geneve takes (40 IPv6");
  });

  test("is told by the size of a usual link where the pod's own interface stops both networks", () => {
    expect(explain(1_450, 1_450)).toContain(
      "50 fewer than the usual 1,500 bytes of a link, which is what VXLAN or Geneve",
    );
    expect(explain(1_480, undefined)).toContain("IP in IP");
    expect(explain(8_950, 8_950)).toContain("VXLAN");
    expect(explain(1_500, 1_500)).toContain("no tunnel takes anything");
    expect(explain(65_535, 65_535)).toBeUndefined();
  });

  test("is the cause of a black hole that is exactly as large, with the cure", () => {
    expect(explain(1_450, 1_500, { isBlackHole: true })).toContain(
      "pods are set up as if there was no tunnel. Set the CNI's MTU to 1450.",
    );
    expect(explain(1_300, 1_450, { isBlackHole: true })).toBeUndefined();
  });

  test("is called too much where no tunnel takes it", () => {
    expect(explain(1_400, 1_500)).toContain(
      "with WireGuard, with room for IPv6 (80) 20 bytes of every packet go unused, so the CNI's MTU may be lower",
    );
    expect(explain(1_490, 1_500)).toContain("no tunnel takes as little");
  });
});
