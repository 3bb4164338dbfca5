import { beforeEach, expect, test } from "vitest";
import { tcpProber } from "../../agent/probes/tcp.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork, type TcpFate } from "../support/fake-network.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";

const PORT = 7_843;
const peer = testSlot({ protocol: "tcp", address: "10.0.0.2" });
const other = testSlot({ protocol: "tcp", address: "10.0.0.3" });

let clock: FakeClock;
let network: FakeNetwork;
let kernel: FakeKernel;
let sink: RecordingSink;
let conntrack: "full" | "not-full";
let prober: Prober;

beforeEach(() => {
  clock = new FakeClock();
  network = new FakeNetwork(clock);
  kernel = new FakeKernel(network, ["10.0.0.1"]);
  new FakeKernel(network, ["10.0.0.2"]).listening.add(PORT);
  new FakeKernel(network, ["10.0.0.3"]).listening.add(PORT);
  sink = new RecordingSink();
  conntrack = "not-full";
  prober = tcpProber({ kernel, clock, sink, settings: { timeoutMs: 4_000, port: PORT }, conntrack: () => conntrack });
  prober.open(peer);
  prober.open(other);
});

function fateOf(address: string, fate: TcpFate): void {
  network.tcpRule((to) => (to.ip === address ? fate : undefined));
}

/** The tick, as the schedule runs it. */
function runFor(ms: number, everyMs = 10): void {
  for (let passed = 0; passed < ms; passed += everyMs) {
    clock.advanceMs(everyMs);
    prober.drain();
    prober.expire();
  }
}

test("a handshake is answered with the kernel's own round-trip time, whenever it is drained", () => {
  fateOf(peer.address, { kind: "establish", rttNs: 731_000 });
  prober.send([peer]);
  expect(prober.outstanding).toBe(1);
  clock.advanceMs(900);
  prober.drain();
  expect(sink.outcomes(peer)).toEqual([{ kind: "answered", rttNs: 731_000, clock: "kernel" }]);
  expect(sink.retransmitCounts(peer)).toEqual([]);
  expect(prober.outstanding).toBe(0);
  expect(kernel.handshakes.size).toBe(0);
});

test("a handshake that needed a second SYN is answered without a delay, and the SYN is counted", () => {
  fateOf(peer.address, { kind: "establish", lostSyns: 1 });
  prober.send([peer]);
  runFor(2_000);
  expect(sink.outcomes(peer)).toEqual([{ kind: "answered", rttNs: undefined, clock: "kernel" }]);
  expect(sink.retransmitCounts(peer)).toEqual([1]);
  expect(sink.events.map((e) => e.kind)).toEqual(["retransmits", "record"]);
});

test("a handshake nobody answers fails after the timeout with every SYN counted", () => {
  fateOf(peer.address, { kind: "hang" });
  prober.send([peer]);
  runFor(4_000);
  expect(sink.outcomes(peer)).toEqual([]);
  runFor(20);
  expect(sink.outcomes(peer)).toEqual([{ kind: "failed", reason: "timeout" }]);
  expect(sink.retransmitCounts(peer)).toEqual([2]);
  expect(kernel.handshakes.size).toBe(0);
});

test("an answer in time stays an answer when the agent was stopped past the timeout", () => {
  fateOf(peer.address, { kind: "establish", rttNs: 2_000_000 });
  fateOf(other.address, { kind: "establish", lostSyns: 1, rttNs: 2_000_000 });
  prober.send([peer, other]);
  clock.advanceMs(30_000);
  prober.drain();
  prober.expire();
  expect(sink.outcomes(peer)).toEqual([{ kind: "answered", rttNs: 2_000_000, clock: "kernel" }]);
  expect(sink.outcomes(other)).toEqual([{ kind: "answered", rttNs: undefined, clock: "kernel" }]);
});

test("an answer that was overlooked by a sparing drain is found before its probe expires", () => {
  fateOf(peer.address, { kind: "establish", rttNs: 3_999_000_000 });
  prober.send([peer]);
  runFor(3_990);
  clock.advanceMs(15);
  prober.expire();
  expect(sink.outcomes(peer)).toEqual([{ kind: "answered", rttNs: 3_999_000_000, clock: "kernel" }]);
});

test("an answer after the timeout is a late reply and a failure, retried SYN or not", () => {
  fateOf(peer.address, { kind: "establish", rttNs: 4_100_000_000 });
  fateOf(other.address, { kind: "establish", lostSyns: 2, rttNs: 1_200_000_000 });
  prober.send([peer, other]);
  clock.advanceMs(60_000);
  prober.drain();
  for (const slot of [peer, other]) {
    expect(sink.outcomes(slot)).toEqual([{ kind: "failed", reason: "timeout" }]);
    expect(sink.anomalies(slot)).toEqual(["late"]);
  }
  expect(sink.retransmitCounts(other)).toEqual([2]);
});

test("a reset is a refusal, and SYNs sent again before it are counted", () => {
  fateOf(peer.address, { kind: "refuse" });
  fateOf(other.address, { kind: "refuse", lostSyns: 1 });
  prober.send([peer, other]);
  runFor(2_000);
  expect(sink.outcomes(peer)).toEqual([{ kind: "refused" }]);
  expect(sink.outcomes(other)).toEqual([{ kind: "refused" }]);
  expect(sink.retransmitCounts(other)).toEqual([1]);
});

test.each([
  { what: "port unreachable", type: 3, code: 3, errno: "ECONNREFUSED", outcome: { kind: "refused" } },
  {
    what: "host unreachable",
    type: 3,
    code: 1,
    errno: "EHOSTUNREACH",
    outcome: { kind: "failed", reason: "unreachable" },
  },
  {
    what: "administratively prohibited",
    type: 3,
    code: 13,
    errno: "EHOSTUNREACH",
    outcome: { kind: "failed", reason: "blocked" },
  },
  {
    what: "TTL exceeded",
    type: 11,
    code: 0,
    errno: "EHOSTUNREACH",
    outcome: { kind: "failed", reason: "unreachable" },
  },
])("ICMP $what is told by its code, not by its errno", ({ type, code, errno, outcome }) => {
  fateOf(peer.address, { kind: "icmp", type, code, errno });
  prober.send([peer]);
  runFor(50);
  expect(sink.outcomes(peer)).toEqual([outcome]);
});

test("an unreachable route known at once is a failed probe", () => {
  fateOf(peer.address, { kind: "errno", errno: "ENETUNREACH" });
  prober.send([peer, other]);
  runFor(50);
  expect(sink.outcomes(peer)).toEqual([{ kind: "failed", reason: "unreachable" }]);
  expect(sink.outcomes(other)).toMatchObject([{ kind: "answered" }]);
});

test.each(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM", "EAGAIN"])(
  "%s is our own fault and not a probe",
  (errno) => {
    fateOf(peer.address, { kind: "errno", errno });
    prober.send([peer]);
    runFor(50);
    expect(sink.outcomes(peer)).toEqual([]);
    expect(sink.localErrors(peer)).toEqual([errno]);
    expect(prober.outstanding).toBe(0);
  },
);

test("with a full connection tracking table silence is our own fault, without one it is loss", () => {
  fateOf(peer.address, { kind: "hang" });
  prober.send([peer]);
  conntrack = "full";
  runFor(4_100);
  expect(sink.outcomes(peer)).toEqual([]);
  expect(sink.localErrors(peer)).toEqual(["EPERM"]);
  conntrack = "not-full";
  prober.send([peer]);
  runFor(4_100);
  expect(sink.outcomes(peer)).toEqual([{ kind: "failed", reason: "timeout" }]);
});

test("a slot with a handshake outstanding is skipped and not probed twice", () => {
  fateOf(peer.address, { kind: "hang" });
  prober.send([peer]);
  prober.send([peer]);
  expect(sink.skips(peer)).toBe(1);
  expect(prober.outstanding).toBe(1);
});

test("a thousand silent peers are not asked at every tick", () => {
  network.tcpRule(() => ({ kind: "hang" }));
  let asked = 0;
  const connect = kernel.connect.bind(kernel);
  kernel.connect = (to) => {
    const handshake = connect(to);
    if ("errno" in handshake) return handshake;
    return { poll: () => (asked++, handshake.poll()), [Symbol.dispose]: () => handshake[Symbol.dispose]() };
  };
  const slots = Array.from({ length: 1_000 }, (_, i) =>
    testSlot({ protocol: "tcp", address: `10.1.${i >> 8}.${i & 255}` }),
  );
  for (const slot of slots) prober.open(slot);
  prober.send(slots);
  runFor(4_020);
  expect(sink.outcomes()).toHaveLength(1_000);
  expect(asked / 1_000).toBeLessThan(40);
});
