import { describe, expect, it } from "vitest";
import { isForward, isReverse, udpPair } from "../support/udp-pair.ts";

describe("the delay of a UDP probe", () => {
  it("is exact once the next reply has told when the one before really left, however long that was held up", () => {
    const { b, clock, round, sink } = udpPair();
    const [socket] = b.sockets;
    const send = socket!.send.bind(socket);
    // Between reading the clock and the packet's departure the reflector stands still.
    socket!.send = (...packet) => {
      clock.advanceMs(3);
      return send(...packet);
    };
    for (let i = 0; i < 6; i++) round();
    expect(sink.outcomes().slice(1)).toEqual(
      [1, 2, 3, 4, 5].map(() => ({ kind: "answered", rttNs: undefined, clock: "kernel" })),
    );
    const [, ...exact] = sink.delays();
    expect(exact).toHaveLength(4);
    for (const { rttNs, clock: by } of exact) {
      expect(Math.abs(rttNs - 2_000_000)).toBeLessThan(2);
      expect(by).toBe("kernel");
    }
  });

  it("is exact as well after the next probe died on its way, and the reply's own word after the next reply died", () => {
    for (const [way, isExact] of [
      [isForward, true],
      [isReverse, false],
    ] as const) {
      const { network, b, clock, round, sink } = udpPair();
      round();
      const [socket] = b.sockets;
      const send = socket!.send.bind(socket);
      socket!.send = (...packet) => {
        clock.advanceNs(50_000);
        return send(...packet);
      };
      round();
      const rule = network.rule((p) => (way(p) ? { kind: "drop" } : undefined));
      round();
      rule[Symbol.dispose]();
      round();
      const delay = sink.delays()[1]!;
      expect(Math.abs(delay.rttNs - 2_000_000) < 2).toBe(isExact);
      expect(Math.abs(delay.rttNs - 2_000_000)).toBeLessThan(60_000);
    }
  });

  it("is the reply's own word when no reply comes any more, from the third probe after it on, and once", () => {
    const { network, round, sink } = udpPair();
    round();
    round();
    network.rule((p) => (isForward(p) ? { kind: "drop" } : undefined));
    round();
    round();
    expect(sink.delays()).toHaveLength(1);
    for (let i = 0; i < 5; i++) round();
    expect(sink.delays()).toHaveLength(2);
  });

  it("is the reply's own word when a reply came twice: nobody knows which of the two was timed", () => {
    const { network, round, sink, reflector, run } = udpPair();
    round();
    round();
    const rule = network.rule((p) => (isForward(p) ? { kind: "duplicate", afterNs: 3_000_000 } : undefined));
    round();
    rule[Symbol.dispose]();
    run(500);
    round();
    round();
    expect(reflector.counts.duplicates).toBe(1);
    const errorsNs = sink.delays().map(({ rttNs }) => Math.abs(rttNs - 2_000_000));
    expect(errorsNs).toHaveLength(4);
    expect(errorsNs[1]).toBeLessThan(2);
    expect(Math.max(...errorsNs)).toBeLessThan(2_600);
  });

  it("goes with its slot: what is not known yet when the slot is closed or moved is never told", () => {
    const { prober, slot, round, run, sink } = udpPair();
    round();
    round();
    prober.close(slot);
    prober.open(slot);
    run(1_000);
    round();
    expect(sink.delays()).toHaveLength(1);
    round();
    expect(sink.delays()).toHaveLength(2);
    expect(sink.events.filter((e) => e.kind === "delay").map((e) => e.delay.previousRttNs)).toEqual([undefined]);
  });

  it("makes jitter with the probe right before it only", () => {
    const { network, round, sink } = udpPair();
    const previous = () =>
      sink.events.flatMap((e) => (e.kind === "delay" ? [e.delay.previousRttNs !== undefined] : []));
    for (let i = 0; i < 4; i++) round();
    const rule = network.rule((p) => (isForward(p) ? { kind: "drop" } : undefined));
    round();
    rule[Symbol.dispose]();
    for (let i = 0; i < 3; i++) round();
    // Probes 1 to 3 follow an answered one each; 5, the first after the loss, does not; 6 does.
    expect(previous()).toEqual([true, true, true, false, true]);
  });

  it("is not corrected across a step of the reflector's clock", () => {
    const { b, clock, round, sink } = udpPair();
    round();
    round();
    const [socket] = b.sockets;
    const send = socket!.send.bind(socket);
    for (const stepMs of [-400, 400]) {
      socket!.send = (...packet) => {
        socket!.send = send;
        clock.stepRealtimeMs(stepMs);
        return send(...packet);
      };
      for (let i = 0; i < 4; i++) round();
    }
    for (const { rttNs } of sink.delays()) expect(Math.abs(rttNs - 2_000_000)).toBeLessThan(2_600);
    expect(sink.outcomes().every((o) => o.kind === "answered")).toBe(true);
  });
});
