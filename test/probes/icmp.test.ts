import { describe, expect, test } from "vitest";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { FakeBatch } from "../support/fake-batch.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork } from "../support/fake-network.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";

const MS = 1e6;

function setup(address = "10.0.0.2", family: "ipv4" | "ipv6" = "ipv4") {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const own = family === "ipv4" ? "10.0.0.1" : "fd00::1";
  const kernel = new FakeKernel(network, [own]);
  const peer = new FakeKernel(network, [address]);
  const sink = new RecordingSink();
  const prober = icmpProber({
    kernel,
    clock,
    sink,
    settings: { timeoutMs: 800, sizeBytes: 64 },
    families: [family],
    conntrack: () => "not-full",
  });
  const slot = testSlot({ protocol: "icmp", address });
  prober.open(slot);
  const tick = (ms: number) => {
    clock.advanceMs(ms);
    prober.drain();
    prober.expire();
  };
  return { clock, network, kernel, peer, sink, prober, slot, tick };
}

describe("an ICMP probe", () => {
  test("tells how far its answer travelled, once for each answer in time", () => {
    const { network, prober, slot, sink, tick } = setup();
    network.hops = 3;
    network.rule((packet) => (packet.bytes[0] === 0 ? { kind: "duplicate" } : undefined));
    prober.send([slot]);
    tick(100);
    expect(sink.ways).toEqual([{ slot, ttl: 61, sourcePort: undefined }]);
  });

  test.each([
    ["10.0.0.2", "ipv4"],
    ["fd00::2", "ipv6"],
  ] as const)("is answered with the delay between the two kernel stamps (%s)", (address, family) => {
    const { sink, prober, slot, tick } = setup(address, family);
    prober.send([slot]);
    expect(prober.outstanding).toBe(1);
    tick(20);
    expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: 2 * MS, clock: "kernel" }]);
    expect(prober.outstanding).toBe(0);
  });

  test("answered in time but read late, because the process was stopped, keeps its delay", () => {
    const { sink, prober, slot, tick } = setup();
    prober.send([slot]);
    tick(5_000);
    expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: 2 * MS, clock: "kernel" }]);
  });

  test("without an answer fails after the timeout, not before, and once", () => {
    const { network, sink, prober, slot, tick } = setup();
    network.detach("10.0.0.2");
    prober.send([slot]);
    tick(799);
    expect(sink.events).toEqual([]);
    tick(2);
    tick(5_000);
    expect(sink.events).toEqual([{ kind: "record", slot, outcome: { kind: "failed", reason: "timeout" } }]);
  });

  test("answered after the timeout has failed, and the late reply is counted apart", () => {
    const { network, sink, prober, slot, tick } = setup();
    network.rule(() => ({ kind: "delay", ns: 500 * MS }));
    prober.send([slot]);
    tick(900);
    tick(900);
    expect(sink.outcomes()).toEqual([{ kind: "failed", reason: "timeout" }]);
    expect(sink.anomalies()).toEqual(["late"]);
  });

  test("that is late by its stamp has failed even when both are read in one go", () => {
    const { network, sink, prober, slot, tick } = setup();
    network.rule(() => ({ kind: "delay", ns: 500 * MS }));
    prober.send([slot]);
    tick(3_000);
    expect(sink.outcomes()).toEqual([{ kind: "failed", reason: "timeout" }]);
    expect(sink.anomalies()).toEqual(["late"]);
  });

  test("answered twice is answered once, with a duplicate", () => {
    const { network, sink, prober, slot, tick } = setup();
    network.rule((packet) => (packet.bytes[0] === 0 ? { kind: "duplicate" } : undefined));
    prober.send([slot]);
    tick(20);
    expect(sink.outcomes()).toHaveLength(1);
    expect(sink.anomalies()).toEqual(["duplicate"]);
  });

  test("whose reply has a flipped bit is not answered by it", () => {
    const { network, sink, prober, slot, tick } = setup();
    network.rule((packet) => (packet.bytes[0] === 0 ? { kind: "corrupt", at: 40 } : undefined));
    prober.send([slot]);
    tick(20);
    tick(1_000);
    expect(sink.outcomes()).toEqual([{ kind: "failed", reason: "timeout" }]);
    expect(sink.anomalies()).toEqual(["corrupt"]);
  });

  test("to an unreachable host has failed as unreachable; prohibited by a filter, as blocked", () => {
    for (const [code, reason] of [
      [1, "unreachable"],
      [13, "blocked"],
    ] as const) {
      const { network, sink, prober, slot, tick } = setup();
      network.rule((packet) => (packet.bytes[0] === 8 ? { kind: "icmp", type: 3, code, quoteBytes: 8 } : undefined));
      prober.send([slot]);
      tick(20);
      expect(sink.outcomes()).toEqual([{ kind: "failed", reason }]);
    }
  });

  test("to a healthy peer is sent and answered while another peer's errors are pending", () => {
    const { network, kernel, sink, prober, slot, tick } = setup();
    const healthy = testSlot({ protocol: "icmp", address: "10.0.0.3" });
    const other = new FakeKernel(network, ["10.0.0.3"]);
    expect(other.addresses).toEqual(["10.0.0.3"]);
    prober.open(healthy);
    network.rule((packet) => (packet.destination.ip === "10.0.0.2" ? { kind: "icmp", type: 3, code: 1 } : undefined));
    for (let i = 0; i < 50; i++) {
      prober.send([slot, healthy]);
      tick(20);
    }
    expect(sink.outcomes(healthy)).toHaveLength(50);
    expect(sink.outcomes(healthy).every((o) => o.kind === "answered")).toBe(true);
    expect(sink.outcomes(slot).every((o) => o.kind === "failed" && o.reason === "unreachable")).toBe(true);
    expect(kernel.sockets.size).toBe(1);
  });

  test("our own machine could not send is no probe", () => {
    const { network, sink, prober, slot, tick } = setup();
    network.rule(() => ({ kind: "errno", errno: "ENOBUFS" }));
    prober.send([slot]);
    tick(2_000);
    expect(sink.outcomes()).toEqual([]);
    expect(sink.localErrors()).toEqual(["ENOBUFS"]);
    expect(prober.outstanding).toBe(0);
  });

  test("refused by our own policy has failed as blocked", () => {
    const { network, sink, prober, slot } = setup();
    network.rule(() => ({ kind: "errno", errno: "EPERM" }));
    prober.send([slot]);
    expect(sink.outcomes()).toEqual([{ kind: "failed", reason: "blocked" }]);
  });

  test("on a device that stamps nothing is measured by our own clock, and says so", () => {
    const { kernel, sink, prober, slot, tick } = setup();
    kernel.stamps = { transmit: false, receive: true };
    prober.send([slot]);
    tick(20);
    expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: 2 * MS, clock: "user" }]);
  });

  test("across a step of the wall clock is answered without a delay", () => {
    for (const step of [2_000, -2_000]) {
      const { clock, sink, prober, slot, tick } = setup();
      prober.send([slot]);
      clock.advanceMs(0.5);
      clock.stepRealtimeMs(step);
      tick(20);
      prober.send([slot]);
      tick(20);
      expect(sink.outcomes()).toEqual([
        { kind: "answered", rttNs: undefined, clock: "user" },
        { kind: "answered", rttNs: 2 * MS, clock: "kernel" },
      ]);
    }
  });

  test("across a step of the wall clock in the middle of a drain is answered without a delay, not late", () => {
    for (const step of [2_000, -2_000, 300]) {
      const { clock, kernel, sink, prober, slot, tick } = setup();
      prober.send([slot]);
      clock.advanceMs(1.5);
      const [socket] = kernel.sockets;
      const receiveErrors = socket!.receiveErrors.bind(socket);
      socket!.receiveErrors = (batch) => {
        socket!.receiveErrors = receiveErrors;
        clock.stepRealtimeMs(step);
        clock.advanceMs(1);
        return receiveErrors(batch);
      };
      tick(0);
      tick(20);
      expect(sink.events).toEqual([
        { kind: "record", slot, outcome: { kind: "answered", rttNs: undefined, clock: "user" } },
      ]);
    }
  });

  test("answered in time is not lost when another peer's ICMP error cuts the reading of a stopped process short", () => {
    const { clock, network } = setup();
    const kernel = new FakeKernel(network, ["10.0.0.9"]);
    // A batch of one: every reading is as short as can be.
    kernel.createBatch = (_capacity, packetBytes) => new FakeBatch(1, packetBytes);
    const sink = new RecordingSink();
    using prober = icmpProber({
      kernel,
      clock,
      sink,
      settings: { timeoutMs: 800, sizeBytes: 64 },
      families: ["ipv4"],
      conntrack: () => "not-full",
    });
    const slot = testSlot({ protocol: "icmp", address: "10.0.0.2" });
    prober.open(slot);
    for (let i = 0; i < 3; i++) prober.send([slot]);
    clock.advanceMs(5_000);
    prober.drain();
    prober.expire();
    expect(sink.outcomes().map((o) => o.kind)).toEqual(["answered", "answered", "answered"]);
  });

  test("answered by somebody else is not answered", () => {
    const { network, kernel, sink, prober, slot, tick } = setup();
    network.rule((packet) => (packet.bytes[0] === 0 ? { kind: "drop" } : undefined));
    prober.send([slot]);
    const request = network.sent[0]!;
    const bytes = request.bytes.slice();
    bytes[0] = 0;
    const forged = {
      ...request,
      source: { ip: "10.6.6.6", port: 0 },
      destination: { ip: kernel.addresses[0]!, port: 0 },
      bytes,
    };
    kernel.deliver(forged, { atNs: 0, stamped: true });
    tick(1_000);
    expect(sink.outcomes()).toEqual([{ kind: "failed", reason: "timeout" }]);
    expect(sink.anomalies()).toEqual([]);
  });

  test("on a slot that has been closed is forgotten, neither answered nor lost", () => {
    const { sink, prober, slot, tick } = setup();
    prober.send([slot]);
    prober.close(slot);
    expect(prober.outstanding).toBe(0);
    tick(2_000);
    expect(sink.events).toEqual([]);
  });
});

test("70,000 probes, more than there are sequence numbers, are each accounted for exactly once", () => {
  const { network, sink, prober, slot, tick } = setup();
  let n = 0;
  network.rule((packet) => (packet.bytes[0] === 8 && n++ % 7 === 0 ? { kind: "drop" } : undefined));
  for (let i = 0; i < 1_400; i++) {
    prober.send(Array.from({ length: 50 }, () => slot));
    tick(20);
  }
  tick(2_000);
  expect(sink.outcomes()).toHaveLength(70_000);
  expect(sink.outcomes().filter((o) => o.kind === "failed")).toHaveLength(10_000);
  expect(sink.anomalies()).toEqual([]);
});
