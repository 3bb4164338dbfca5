import { describe, expect, it } from "vitest";
import type { Clock } from "../../agent/base/clock.ts";
import { SOURCE_PORTS } from "../../agent/probes/udp-session.ts";
import { StampFormat } from "../../agent/wire/stamp.ts";
import { testSlot } from "../support/test-slot.ts";
import { isForward, isReverse, PROBE_PORT, udpPair } from "../support/udp-pair.ts";

const TIMEOUT = { kind: "failed", reason: "timeout" };

describe("a UDP probe", () => {
  it.each(["ipv4", "ipv6"] as const)(
    "measures the path alone over %s: the reflector's residence is taken out",
    (family) => {
      const { round, sink, reflector } = udpPair({ family });
      round();
      const [outcome] = sink.outcomes();
      // 1 ms each way; the reflector only looked 9 ms after the packet came, and guesses 2.5 us for its own send.
      expect(outcome).toMatchObject({ kind: "answered", clock: "kernel" });
      expect(Math.abs((outcome as { rttNs: number }).rttNs - 2_000_000)).toBeLessThan(2_600);
      expect(reflector.counts).toMatchObject({ answered: 1, faults: {} });
    },
  );

  it.each(["ipv4", "ipv6"] as const)(
    "tells over %s how far it travelled there and its answer back, and from which address the far end saw it come",
    (family) => {
      const { round, sink, network } = udpPair({ family });
      network.hops = 2;
      round();
      round();
      const address = family === "ipv4" ? "10.0.0.1" : "fd00::1";
      const way = { ttl: 62, there: { ttl: 62, seenAs: address } };
      expect(sink.ways).toMatchObject([way, way]);
      expect(sink.ways[1]!.sourcePort).toBe((sink.ways[0]!.sourcePort! + 1) % SOURCE_PORTS);
    },
  );

  it("is answered with a shared key at both ends, and not with a key at one of them", () => {
    const key = Buffer.from("secret");
    const both = udpPair({ prober: { key }, reflector: { key } });
    both.round();
    expect(both.sink.outcomes()).toMatchObject([{ kind: "answered", clock: "kernel" }]);
    const other = udpPair({ prober: { key }, reflector: { key: Buffer.from("not the same") } });
    other.round();
    expect(other.sink.outcomes()).toEqual([TIMEOUT]);
    expect(other.reflector.counts).toMatchObject({ answered: 0, faults: { key: 1 } });
    expect(other.reflector.received()).toEqual([]);
  });

  it("over a path shorter than a reflector without transmit stamps can tell has no delay rather than a wrong one", () => {
    const { round, sink, network, b } = udpPair();
    b.stamps = { transmit: false, receive: true };
    network.delayNs = 0;
    for (let i = 0; i < 3; i++) round();
    expect(sink.outcomes()).toEqual([1, 2, 3].map(() => ({ kind: "answered", rttNs: undefined, clock: "kernel" })));
    expect(sink.delays()).toEqual([]);
  });

  it("goes out from eight ports in turn, each session with its own sequence, and the ports stay the same", () => {
    const { round, network, sink } = udpPair();
    for (let i = 0; i < 3 * SOURCE_PORTS; i++) round();
    const sent = network.sent.filter(isForward);
    const ports = sent.map((p) => p.source.port);
    expect(new Set(ports).size).toBe(8);
    expect(ports.slice(8)).toEqual(ports.slice(0, -8));
    expect(sent.map((p) => Buffer.from(p.bytes).readUInt32BE(0))).toEqual(
      [0, 1, 2].flatMap((n) => Array.from({ length: 8 }, () => n)),
    );
    expect(sink.outcomes().every((o) => o.kind === "answered")).toBe(true);
  });

  it("is judged by stamps: neither a stopped prober nor a stopped reflector makes it late or slow", () => {
    const { prober, reflector, clock, slot, sink } = udpPair();
    prober.send([slot]);
    clock.advanceMs(300);
    reflector.drain(); // 299 ms after it came
    clock.advanceMs(5_000);
    prober.drain();
    prober.expire();
    expect(sink.outcomes()).toMatchObject([{ kind: "answered" }]);
    expect(Math.abs((sink.outcomes()[0] as { rttNs: number }).rttNs - 2_000_000)).toBeLessThan(2_600);
  });

  it("has failed when its reply came after the timeout by the stamps, even if both are seen together", () => {
    const { prober, reflector, clock, slot, sink, network } = udpPair();
    network.rule((p) => (isReverse(p) ? { kind: "delay", ns: 600_000_000 } : undefined));
    prober.send([slot]);
    clock.advanceMs(5);
    reflector.drain();
    clock.advanceMs(2_000);
    prober.drain();
    prober.expire();
    expect(sink.outcomes()).toEqual([TIMEOUT]);
    expect(sink.anomalies()).toEqual(["late"]);
  });

  it("falls back to this process's clock where a device does not stamp, and says so", () => {
    const { a, round, sink } = udpPair();
    a.stamps = { transmit: false, receive: true };
    round();
    a.stamps = { transmit: true, receive: false };
    round();
    a.stamps = { transmit: false, receive: false };
    round();
    round();
    expect(sink.outcomes()).toMatchObject([1, 2, 3, 4].map(() => ({ kind: "answered", clock: "user" })));
    expect(sink.delays()).toHaveLength(3);
    for (const delay of sink.delays()) expect(delay).toMatchObject({ clock: "user", rttNs: expect.any(Number) });
  });

  it("is marked as user time when the reflector has no receive stamp", () => {
    const { b, round, sink } = udpPair();
    b.stamps = { transmit: true, receive: false };
    round();
    expect(sink.outcomes()).toMatchObject([{ kind: "answered", clock: "user" }]);
  });

  it("uses a transmit stamp that reaches the error queue after the reply", () => {
    const { network, prober, reflector, clock, slot, sink } = udpPair();
    network.rule((p) => (isForward(p) ? { kind: "slow-stamp", ns: 30_000_000 } : undefined));
    prober.send([slot]);
    clock.advanceMs(2);
    reflector.drain();
    clock.advanceMs(30);
    prober.drain();
    expect(sink.outcomes()).toMatchObject([{ kind: "answered", clock: "kernel" }]);
  });

  it.each([2_000, -2_000, 3])(
    "is answered without a delay when the wall clock stepped by %i ms in flight, and the next one has a delay again",
    (stepMs) => {
      const { prober, reflector, clock, slot, sink, run, round } = udpPair();
      prober.send([slot]);
      clock.advanceMs(3);
      reflector.drain();
      clock.stepRealtimeMs(stepMs);
      run(20);
      expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: undefined, clock: "user" }]);
      run(1_000);
      round();
      round();
      expect(Math.abs(sink.delays()[0]!.rttNs - 2_000_000)).toBeLessThan(2_600);
    },
  );

  it("is answered without a delay when the wall clock steps in the middle of a drain", () => {
    const { prober, reflector, clock, slot, sink, a, network } = udpPair();
    network.delayNs = 2_000_000;
    prober.send([slot]);
    clock.advanceMs(2);
    reflector.drain();
    clock.advanceMs(1);
    for (const socket of a.sockets) {
      const receiveErrors = socket.receiveErrors.bind(socket);
      socket.receiveErrors = (batch) => {
        socket.receiveErrors = receiveErrors;
        clock.stepRealtimeMs(300);
        clock.advanceMs(1);
        return receiveErrors(batch);
      };
    }
    prober.drain();
    prober.expire();
    expect(sink.outcomes()).toEqual([{ kind: "answered", rttNs: undefined, clock: "user" }]);
  });

  it("has no residence taken out that spans a step of the reflector's clock: it is answered without a delay", () => {
    // One clock for both hosts: let the step be seen by the reflector first, in a probe of its own.
    const { prober, reflector, clock, slot, sink } = udpPair();
    reflector.drain();
    prober.send([slot]);
    clock.advanceMs(2);
    clock.stepRealtimeMs(1_000);
    reflector.drain();
    clock.advanceMs(2);
    prober.drain();
    expect(sink.outcomes()).toMatchObject([{ kind: "answered", rttNs: undefined }]);
  });

  it.each(["before", "after"] as const)(
    "has its delay although the reflector's process was stopped between its readings of the two clocks (%s)",
    (when) => {
      const { clock, network, prober, slot, sink, run, restartReflector } = udpPair();
      let pauseMs = 0;
      const pause = () => {
        clock.advanceMs(pauseMs);
        pauseMs = 0;
      };
      const stopping: Clock = {
        baseSeconds: clock.baseSeconds,
        monotonicNs: () => clock.monotonicNs(),
        realtimeNs() {
          if (when === "before") pause();
          const now = clock.realtimeNs();
          pause();
          return now;
        },
      };
      restartReflector({ clock: stopping });
      network.delayNs = 1_000_000;
      for (let i = 0; i < 4; i++) {
        prober.send([slot]);
        pauseMs = i === 1 ? 90 : 0;
        run(600);
      }
      run(600);
      // All but the last, which waits for the reply to the next.
      expect(sink.delays()).toHaveLength(3);
      for (const { rttNs } of sink.delays()) expect(Math.abs(rttNs - 2_000_000)).toBeLessThan(2_600);
    },
  );

  it("is refused by a closed port, and no other peer's probe suffers from it", () => {
    const { prober, reflector, network, slot, sink, run } = udpPair();
    const healthy = slot;
    const closed = testSlot({ protocol: "udp", address: "10.0.0.1" }); // our own host: nobody listens there
    prober.open(closed);
    for (let i = 0; i < 20; i++) {
      prober.send([closed, healthy]);
      run(600);
    }
    expect(sink.outcomes(closed)).toEqual(Array.from({ length: 20 }, () => ({ kind: "refused" })));
    expect(sink.outcomes(healthy).map((o) => o.kind)).toEqual(Array.from({ length: 20 }, () => "answered"));
    expect(sink.localErrors()).toEqual([]);
    expect(sink.directions()).toEqual([]);
    expect(reflector.counts.answered).toBe(20);
    expect(network.sent.filter(isForward)).toHaveLength(40);
  });

  it.each([
    ["ipv4", 3, 1, { kind: "failed", reason: "unreachable" }],
    ["ipv4", 11, 0, { kind: "failed", reason: "unreachable" }],
    ["ipv4", 3, 13, { kind: "failed", reason: "blocked" }],
    ["ipv4", 3, 3, { kind: "refused" }],
    ["ipv6", 1, 0, { kind: "failed", reason: "unreachable" }],
    ["ipv6", 1, 1, { kind: "failed", reason: "blocked" }],
    ["ipv6", 1, 4, { kind: "refused" }],
  ] as const)("ends by the table when ICMP says so: %s type %i code %i", (family, type, code, outcome) => {
    for (const quoteBytes of [512, 0]) {
      const { network, round, sink } = udpPair({ family });
      network.rule((p) => (isForward(p) ? { kind: "icmp", type, code, quoteBytes } : undefined));
      round();
      expect(sink.outcomes()).toEqual([outcome]);
      expect(sink.directions()).toEqual([]);
    }
  });

  it("stays outstanding when ICMP only speaks of its size", () => {
    const { network, round, sink } = udpPair();
    network.rule((p) => (isForward(p) ? { kind: "icmp", type: 3, code: 4, info: 1_400 } : undefined));
    round();
    expect(sink.outcomes()).toEqual([TIMEOUT]);
  });

  it("that the kernel would not send ends by the table: a local error, or blocked, or unreachable", () => {
    for (const [errno, conntrack, outcomes, local] of [
      ["ENOBUFS", "not-full", [], ["ENOBUFS"]],
      ["EPERM", "full", [], ["EPERM"]],
      ["EPERM", "not-full", [{ kind: "failed", reason: "blocked" }], []],
      ["ENETUNREACH", "not-full", [{ kind: "failed", reason: "unreachable" }], []],
    ] as const) {
      const { network, round, sink, prober } = udpPair({ prober: { conntrack: () => conntrack } });
      network.rule((p) => (isForward(p) ? { kind: "errno", errno } : undefined));
      round();
      expect(sink.outcomes()).toEqual(outcomes);
      expect(sink.localErrors()).toEqual(local);
      expect(prober.outstanding).toBe(0);
    }
  });

  it("ignores whatever does not know its secret, comes from elsewhere or to another port", () => {
    const { network, prober, reflector, clock, slot, sink, a, run } = udpPair();
    network.rule((p) => (isReverse(p) ? { kind: "drop" } : undefined));
    prober.send([slot]);
    clock.advanceMs(2);
    reflector.drain();
    const reply = network.sent.find(isReverse)!;
    const forge = (bytes: Uint8Array, more: Partial<Pick<typeof reply, "source" | "destination">> = {}) =>
      network.inject({ ...reply, ...more, bytes });
    const otherNonce = reply.bytes.slice();
    otherNonce[48 + 16] = otherNonce[48 + 16]! ^ 1;
    forge(otherNonce);
    forge(reply.bytes, { source: { ip: "10.0.0.99", port: PROBE_PORT } });
    forge(reply.bytes, { source: { ip: "10.0.0.2", port: PROBE_PORT + 1 } });
    for (const s of a.sockets)
      if (s.family === "ipv4" && s.port !== reply.destination.port)
        forge(reply.bytes, { destination: { ip: "10.0.0.1", port: s.port } });
    forge(reply.bytes.slice(0, 40));
    forge(new Uint8Array(0));
    forge(Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(20)));
    forge(network.sent.find(isForward)!.bytes); // our own request, echoed
    run(100);
    expect(sink.events).toEqual([]);
    forge(reply.bytes);
    run(10);
    expect(sink.outcomes()).toMatchObject([{ kind: "answered" }]);
    expect(sink.anomalies()).toEqual([]);
  });

  it("with bit errors in its reply is a corrupt anomaly and a failure that died on the way back", () => {
    const { network, round, sink } = udpPair();
    round();
    const rule = network.rule((p) => (isReverse(p) ? { kind: "corrupt", at: -1 } : undefined));
    round();
    rule[Symbol.dispose]();
    round();
    expect(sink.anomalies()).toEqual(["corrupt"]);
    expect(sink.outcomes().map((o) => o.kind)).toEqual(["answered", "failed", "answered"]);
    expect(sink.directions()).toEqual(["reverse"]);
  });

  it("is answered once and duplicate once when its reply, or it itself, comes twice", () => {
    for (const way of [isForward, isReverse]) {
      const { network, round, run, sink, reflector } = udpPair();
      network.rule((p) => (way(p) ? { kind: "duplicate", afterNs: 3_000_000 } : undefined));
      round();
      run(1_100);
      expect(sink.outcomes().map((o) => o.kind)).toEqual(["answered"]);
      expect(sink.anomalies()).toEqual(["duplicate"]);
      expect(reflector.received()).toMatchObject([{ received: 1, highest: 63 }]);
    }
  });
});

describe("a UDP slot", () => {
  it("that is closed forgets what is in flight, and starts anew under numbers that mean nothing to the old ones", () => {
    const { prober, slot, run, sink, network, round } = udpPair();
    round();
    prober.send([slot]);
    prober.close(slot);
    expect(prober.outstanding).toBe(0);
    run(1_000);
    expect(sink.outcomes()).toHaveLength(1);
    prober.open(slot);
    round();
    expect(sink.outcomes().map((o) => o.kind)).toEqual(["answered", "answered"]);
    const numbers = network.sent.filter(isForward).map((p) => Buffer.from(p.bytes).readUInt32BE(48 + 12));
    expect(numbers).toEqual([0, 1, 66]);
    expect(sink.directions()).toEqual([]);
  });

  it("with a probe outstanding is skipped", () => {
    const { prober, slot, sink } = udpPair();
    prober.send([slot]);
    prober.send([slot]);
    expect(sink.skips()).toBe(1);
    expect(prober.outstanding).toBe(1);
  });

  it("leaves no socket open when the prober is disposed, and twice is harmless", () => {
    const { prober, a } = udpPair();
    expect(a.sockets.size).toBe(16);
    prober[Symbol.dispose]();
    prober[Symbol.dispose]();
    expect(a.sockets.size).toBe(0);
  });

  it("sends packets of the size asked for, with a checksum over all of it", () => {
    const { network, round, clock } = udpPair({
      prober: { settings: { timeoutMs: 500, sizeBytes: 1_400, port: PROBE_PORT } },
    });
    round();
    const sent = network.sent.find(isForward)!;
    expect(sent.bytes.length).toBe(1_400);
    const format = new StampFormat({ baseSeconds: clock.baseSeconds });
    expect(format.decodeRequest(sent.bytes)).toMatchObject({
      kind: "ok",
      value: { network: "pod", family: "ipv4", smallReply: false },
    });
  });
});
