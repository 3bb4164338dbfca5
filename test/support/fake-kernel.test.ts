import { describe, expect, it } from "vitest";
import type { PacketSocket } from "../../agent/kernel/kernel.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeKernel } from "./fake-kernel.ts";
import { FakeNetwork } from "./fake-network.ts";

function twoHosts() {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  return {
    clock,
    network,
    a: new FakeKernel(network, ["10.0.0.1", "fd00::1"]),
    b: new FakeKernel(network, ["10.0.0.2", "fd00::2"]),
  };
}

function sendText(kernel: FakeKernel, socket: PacketSocket, text: string, to: { ip: string; port: number }): number {
  const batch = kernel.createBatch(1, 64);
  batch.room(0).set(Buffer.from(text));
  batch.prepare(0, text.length, kernel.socketAddress(to.ip, to.port));
  return socket.send(batch, 0, 1);
}

describe("the fake kernel", () => {
  it("carries a datagram in simulated time and stamps it at both ends", () => {
    const { clock, a, b } = twoHosts();
    const from = a.openUdp({ family: "ipv6", port: 0 });
    const to = b.openUdp({ family: "ipv6", port: 9 });
    const sentNs = clock.realtimeNs();
    expect(sendText(a, from, "hello", { ip: "fd00::2", port: 9 })).toBe(1);
    const batch = b.createBatch(4, 128);
    expect(to.receive(batch)).toBe(0);
    clock.advanceMs(7);
    expect(to.receive(batch)).toBe(1);
    expect(Buffer.from(batch.bytes(0)).toString()).toBe("hello");
    expect(batch.from(0)).toEqual({ ip: "fd00::1", port: from.port });
    expect(batch.stampNs(0)).toBe(sentNs + 1_000_000);
    expect(from.receiveErrors(batch)).toBe(1);
    expect(batch.origin(0)).toBe("stamp");
    expect(batch.stampNs(0)).toBe(sentNs);
    expect(Buffer.from(batch.bytes(0)).subarray(-5).toString()).toBe("hello");
  });

  it("answers a closed port with an ICMP error that makes the next send to anyone fail, once", () => {
    const { clock, a, network } = twoHosts();
    const socket = a.openUdp({ family: "ipv4", port: 0 });
    sendText(a, socket, "x", { ip: "10.0.0.2", port: 9 });
    clock.advanceMs(5);
    expect(a.errnoName(sendText(a, socket, "y", { ip: "10.0.0.2", port: 9 }))).toBe("ECONNREFUSED");
    expect(network.sent).toHaveLength(1);
    expect(sendText(a, socket, "y", { ip: "10.0.0.2", port: 9 })).toBe(1);
    const batch = a.createBatch(8, 64);
    expect(socket.receiveErrors(batch)).toBe(3);
    expect([0, 1, 2].map((i) => batch.origin(i))).toEqual(["stamp", "icmp", "stamp"]);
    expect(batch.icmp(1)).toEqual({ type: 3, code: 3, info: 0 });
    expect(batch.isFrom(1, a.socketAddress("10.0.0.2", 9))).toBe(true);
    expect(batch.isFrom(1, a.socketAddress("10.0.0.2", 0))).toBe(true);
    expect(batch.isFrom(1, a.socketAddress("10.0.0.2", 8))).toBe(false);
  });

  it("applies scripted faults", () => {
    const { clock, network, a, b } = twoHosts();
    const from = a.openUdp({ family: "ipv4", port: 0 });
    const to = b.openUdp({ family: "ipv4", port: 9 });
    network.rule(({ bytes }) => {
      switch (String.fromCharCode(bytes[0]!)) {
        case "d":
          return { kind: "drop" };
        case "2":
          return { kind: "duplicate", afterNs: 10 };
        case "c":
          return { kind: "corrupt", at: -1 };
        case "l":
          return { kind: "delay", ns: 50_000_000 };
        case "e":
          return { kind: "errno", errno: "EPERM" };
        default:
          return undefined;
      }
    });
    const results = ["drop", "2x", "cx", "late", "eperm"].map((text) =>
      sendText(a, from, text, { ip: "10.0.0.2", port: 9 }),
    );
    expect(results.map((r) => (r < 0 ? a.errnoName(r) : r))).toEqual([1, 1, 1, 1, "EPERM"]);
    const batch = b.createBatch(8, 64);
    const texts = () => Array.from({ length: to.receive(batch) }, (_, i) => Buffer.from(batch.bytes(i)).toString());
    clock.advanceMs(2);
    expect(texts()).toEqual(["2x", "cy", "2x"]);
    clock.advanceMs(50);
    expect(texts()).toEqual(["late"]);
  });

  it("answers echo requests as Linux does: same identifier of the socket, same payload, right checksum", () => {
    const { clock, a } = twoHosts();
    const socket = a.openIcmp({ family: "ipv4" });
    sendText(a, socket, "\u0008\u0000\u0000\u0000\u0000\u0000\u0000\u0007payload", { ip: "10.0.0.2", port: 0 });
    clock.advanceMs(2);
    const batch = a.createBatch(1, 64);
    expect(socket.receive(batch)).toBe(1);
    const reply = Buffer.from(batch.bytes(0));
    expect([reply[0], reply.readUInt16BE(4), reply.readUInt16BE(6), reply.subarray(8).toString()]).toEqual([
      0,
      socket.port,
      7,
      "payload",
    ]);
    let sum = 0;
    const even = Buffer.concat([reply, Buffer.alloc(reply.length % 2)]);
    for (let i = 0; i < even.length; i += 2) sum += even.readUInt16BE(i);
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
  });

  it("lets handshakes establish, be refused, hang and be retried", () => {
    const { clock, network, a, b } = twoHosts();
    b.listening.add(80);
    network.tcpRule(({ port }) =>
      port === 81 ? { kind: "establish", lostSyns: 1 } : port === 82 ? { kind: "hang" } : undefined,
    );
    const [open, closed, retried, hanging] = [80, 79, 81, 82].map((port) => {
      const h = a.connect(a.socketAddress("10.0.0.2", port));
      if ("errno" in h) throw new Error(h.errno);
      return h;
    });
    expect(open!.poll()).toEqual({ state: "connecting", retransmits: 0 });
    clock.advanceMs(1_100);
    expect(open!.poll()).toMatchObject({
      state: "established",
      retransmits: 0,
      rttNs: 2_000_000,
      answeredAgoMs: 1_098,
    });
    expect(closed!.poll()).toEqual({ state: "closed", retransmits: 0, errno: "ECONNREFUSED" });
    expect(retried!.poll()).toMatchObject({ state: "established", retransmits: 1 });
    expect(hanging!.poll()).toEqual({ state: "connecting", retransmits: 1 });
    expect(a.handshakes.size).toBe(4);
    for (const h of [open, closed, retried, hanging]) h![Symbol.dispose]();
    expect(a.handshakes.size).toBe(0);
  });

  it("keeps what realtime was before a step", () => {
    const { clock } = twoHosts();
    const beforeNs = clock.monotonicNs();
    const realBeforeNs = clock.realtimeNs();
    clock.advanceMs(1);
    clock.stepRealtimeMs(-2_000);
    expect(clock.realtimeNs()).toBe(realBeforeNs + 1_000_000 - 2_000_000_000);
    expect(clock.realtimeAtNs(beforeNs)).toBe(realBeforeNs);
  });
});
