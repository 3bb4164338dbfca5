import { describe, expect, it } from "vitest";
import { packetsByResult, udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { arrival, parseArrivals } from "../../agent/wire/arrivals.ts";
import { id64, nodeHash, nodeHashHex, StampFormat, type StampRequest } from "../../agent/wire/stamp.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork } from "../support/fake-network.ts";

const PORT = 7_843;
const PEER = { name: "node-1", zone: "a" };

function world(keys: { readonly ours?: Uint8Array | undefined; readonly theirs?: Uint8Array | undefined } = {}) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  network.hops = 3;
  const a = new FakeKernel(network, ["10.0.0.1", "10.0.0.66"]);
  const b = new FakeKernel(network, ["10.0.0.2", "10.0.0.3"]);
  const format = new StampFormat({ baseSeconds: clock.baseSeconds, key: keys.theirs });
  const told: [string, string][] = [];
  const known = {
    nodes: [PEER],
    ips: ["10.0.0.1"],
    isFrom: (hash: string, ip: string) =>
      known.ips.includes(ip) && known.nodes.some((n) => nodeHashHex(n.name) === hash),
  };
  const reflector = udpReflector({
    kernel: b,
    clock,
    port: PORT,
    listen: [
      { family: "ipv4", address: "10.0.0.2" },
      { family: "ipv4", address: "10.0.0.3" },
    ],
    incarnation: "00000000000000b0",
    maxPacketBytes: 2_000,
    key: keys.ours,
    isFrom: (hash, ip) => known.isFrom(hash, ip),
    unanswered: (why, ip) => told.push([why, ip]),
    nodeOf: (hash) => known.nodes.find((n) => nodeHashHex(n.name) === hash),
  });
  const socket = a.openUdp({ family: "ipv4", port: 0 });
  const batch = a.createBatch(1, 3_000);
  let number = 0;
  const sendBytes = (bytes: Uint8Array, more: { to?: string } = {}) => {
    batch.room(0).set(bytes);
    batch.prepare(0, bytes.length, a.socketAddress(more.to ?? "10.0.0.2", PORT));
    expect(socket.send(batch, 0, 1)).toBe(1);
  };
  const request = (options: Partial<StampRequest> & { source?: string; incarnation?: string; bytes?: number } = {}) => {
    const { source = "node-1", incarnation = "00000000000000a0", bytes: size = 512, ...more } = options;
    const bytes = new Uint8Array(size);
    format.encodeRequest(bytes, {
      sequence: 0,
      port: 0,
      slot: 1,
      number: number++,
      nonceHigh: 1,
      nonceLow: 2,
      network: "pod",
      family: "ipv4",
      smallReply: false,
      sentNs: clock.realtimeNs(),
      incarnation: id64(incarnation),
      source: nodeHash(source),
      ...more,
    });
    return bytes;
  };
  const answers = () => {
    clock.advanceMs(2);
    reflector.drain();
    clock.advanceMs(2);
    const got: { reply: ReturnType<StampFormat["decodeReply"]>; bytes: Uint8Array; ip: string }[] = [];
    const into = a.createBatch(64, 3_000);
    for (let n; (n = socket.receive(into)) > 0;) {
      for (let i = 0; i < n; i++)
        got.push({ bytes: into.bytes(i).slice(), reply: format.decodeReply(into.bytes(i)), ip: into.from(i).ip });
    }
    return got;
  };
  return { clock, network, a, b, reflector, known, told, sendBytes, request, answers };
}

describe("the UDP reflector", () => {
  it("answers from the address it was asked on, with the sender's TTL and its own count of the session", () => {
    const { sendBytes, request, answers } = world();
    sendBytes(request(), { to: "10.0.0.3" });
    sendBytes(request({ port: 2 }), { to: "10.0.0.3" });
    sendBytes(request({ port: 2 }), { to: "10.0.0.3" });
    const got = answers();
    expect(got.map((g) => g.ip)).toEqual(["10.0.0.3", "10.0.0.3", "10.0.0.3"]);
    expect(got.map((g) => g.bytes[40])).toEqual([61, 61, 61]);
    expect(got.map((g) => Buffer.from(g.bytes).readUInt32BE(0))).toEqual([0, 0, 1]);
  });

  it("answers probes on demand with what has arrived of them, and counts them nowhere", () => {
    const { reflector, sendBytes, request, answers } = world();
    const [one, other] = ["00000000000000b1", "00000000000000b2"];
    sendBytes(request({ onDemand: true, incarnation: one, number: 10 }));
    sendBytes(request({ onDemand: true, incarnation: other, number: 50 }));
    // Number 11 was lost on the way here.
    sendBytes(request({ onDemand: true, incarnation: one, number: 12 }));
    const replies = answers().map(({ reply }) => (reply.kind === "ok" ? reply.value : undefined));
    const known = (numbers: readonly number[]) => numbers.map((number) => arrival(replies[2]!.arrivals, number));
    expect(replies).toHaveLength(3);
    expect(known([10, 11, 12])).toEqual(["arrived", "missing", "arrived"]);
    expect(reflector.received()).toEqual([]);
    expect(reflector.counts).toMatchObject({ answered: 0, duplicates: 0, limited: 0 });
  });

  it("answers from the address it was asked on through one socket for all addresses too", () => {
    const { b, reflector, clock, sendBytes, request, answers } = world();
    reflector[Symbol.dispose]();
    using all = udpReflector({
      kernel: b,
      clock,
      port: PORT,
      listen: [{ family: "ipv4" }],
      incarnation: "00000000000000b0",
      maxPacketBytes: 2_000,
      isFrom: () => true,
      nodeOf: () => undefined,
    });
    for (const to of ["10.0.0.3", "10.0.0.2", "10.0.0.3"]) sendBytes(request(), { to });
    clock.advanceMs(2);
    all.drain();
    expect(answers().map((g) => g.ip)).toEqual(["10.0.0.3", "10.0.0.2", "10.0.0.3"]);
  });

  it("counts what is not right by its fault, answers none of it, and is the same afterwards", () => {
    const { sendBytes, request, answers, reflector } = world();
    const good = request();
    const flipped = good.slice();
    flipped[300]! ^= 4;
    for (const bytes of [
      new Uint8Array(0),
      good.subarray(0, 60),
      flipped,
      good.subarray(0, 400),
      new Uint8Array(512).fill(9),
      request({ bytes: 2_400 }),
    ])
      sendBytes(bytes);
    expect(answers()).toEqual([]);
    expect(reflector.counts).toEqual({
      answered: 0,
      duplicates: 0,
      limited: 0,
      unsent: 0,
      faults: { short: 2, checksum: 2, foreign: 1, truncated: 1 },
    });
    expect(reflector.received()).toEqual([]);
    sendBytes(good);
    expect(answers()).toHaveLength(1);
    expect(reflector.received()).toEqual([
      {
        source: PEER,
        network: "pod",
        family: "ipv4",
        received: 1,
        incarnation: "00000000000000a0",
        highest: 63,
        bitmap: "8000000000000000",
      },
    ]);
  });

  it("tells of the first packet of each kind that it does not answer, and from whom it came", () => {
    const { sendBytes, request, answers, told, reflector } = world();
    for (let i = 0; i < 3; i++) {
      sendBytes(new Uint8Array(512).fill(9));
      sendBytes(request({ bytes: 2_400 }));
    }
    answers();
    expect(told).toEqual([
      ["foreign", "10.0.0.1"],
      ["truncated", "10.0.0.1"],
    ]);
    expect(packetsByResult(reflector.counts)).toMatchObject({ answered: 0, foreign: 3, truncated: 3, key: 0 });
  });

  it.each([
    ["another key", Buffer.from("ours"), Buffer.from("theirs")],
    ["a key where there is none here", undefined, Buffer.from("theirs")],
    ["none where there is one here", Buffer.from("ours"), undefined],
  ])("counts packets with %s as such", (_, ours, theirs) => {
    const { sendBytes, request, answers, told, reflector } = world({ ours, theirs });
    sendBytes(request());
    expect(answers()).toEqual([]);
    expect(told).toEqual([["key", "10.0.0.1"]]);
    expect(packetsByResult(reflector.counts)).toMatchObject({ key: 1, foreign: 0 });
  });

  it("keeps count by source slot over all its lives, and the newest arrivals of the life last heard", () => {
    const { sendBytes, request, answers, reflector } = world();
    for (const number of [5, 6, 9]) sendBytes(request({ number }));
    sendBytes(request({ number: 0, network: "node" }));
    sendBytes(request({ number: 0, incarnation: "00000000000000a1" }));
    sendBytes(request({ number: 10 })); // the old agent is still there
    const got = answers();
    expect(got.map((g) => (g.reply.kind === "ok" ? g.reply.value.arrivals : undefined))).toEqual([
      { highest: 68, high: 0x80000000, low: 0 },
      { highest: 68, high: 0xc0000000, low: 0 },
      { highest: 68, high: 0xc8000000, low: 0 },
      { highest: 63, high: 0x80000000, low: 0 },
      { highest: 63, high: 0x80000000, low: 0 },
      { highest: 68, high: 0xcc000000, low: 0 },
    ]);
    expect(
      reflector
        .received()
        .map(({ network, received, incarnation, highest }) => ({ network, received, incarnation, highest })),
    ).toEqual([
      { network: "node", received: 1, incarnation: "00000000000000a0", highest: 63 },
      { network: "pod", received: 5, incarnation: "00000000000000a0", highest: 68 },
    ]);
  });

  it("answers path MTU packets with the smallest reply and counts them as no probes", () => {
    const { sendBytes, request, answers, reflector } = world();
    sendBytes(request({ bytes: 1_472, smallReply: true }));
    const [got] = answers();
    expect(got!.reply.kind).toBe("ok");
    expect(got!.bytes.length).toBeLessThan(130);
    expect(reflector.received()).toEqual([]);
  });

  it("limits strangers, and never peers", () => {
    const { sendBytes, request, answers, reflector, known, clock } = world();
    known.ips = [];
    for (let i = 0; i < 500; i++) sendBytes(request());
    expect(answers()).toHaveLength(200);
    expect(reflector.counts.limited).toBe(300);
    clock.advanceMs(1_000);
    for (let i = 0; i < 500; i++) sendBytes(request());
    expect(answers().length).toBeLessThanOrEqual(101);
    known.ips = ["10.0.0.1"];
    for (let i = 0; i < 500; i++) sendBytes(request());
    expect(answers()).toHaveLength(500);
  });

  it("no longer trusts an address ten seconds after its peer has gone", () => {
    const { sendBytes, request, answers, reflector, known, clock } = world();
    for (let i = 0; i < 3; i++) {
      sendBytes(request());
      answers();
    }
    known.ips = [];
    clock.advanceMs(10_000);
    for (let i = 0; i < 300; i++) sendBytes(request());
    answers();
    expect(reflector.counts.limited).toBe(100);
  });

  it("counts nothing of strangers, whatever they claim to be, and tells them of their own packet only", () => {
    const { sendBytes, request, answers, reflector, known, clock } = world();
    for (const number of [7, 9]) sendBytes(request({ number }));
    answers();
    const before = reflector.received();
    known.ips = [];
    clock.advanceMs(10_000);
    known.nodes = [PEER, { name: "node-2", zone: "b" }];
    for (const [source, incarnation] of [
      ["node-1", "00000000000000a0"], // the peer's own life
      ["node-1", "00000000000000ff"], // another life of it
      ["node-2", "00000000000000a2"], // a peer that has not been heard of
      ["nobody", "00000000000000a3"],
    ] as const)
      sendBytes(request({ source, incarnation, number: 40_000 }));
    const told = answers().map(({ reply }) => reply.kind === "ok" && reply.value);
    expect(told).toHaveLength(4);
    for (const reply of told) {
      const arrivals = reply && reply.arrivals;
      expect(arrivals && [39_000, 39_999, 40_000].map((n) => arrival(arrivals, n))).toEqual([
        "forgotten",
        "forgotten",
        "arrived",
      ]);
    }
    expect(reflector.received()).toEqual(before);
    expect(reflector.counts.duplicates).toBe(0);
  });

  it("counts no packet of a peer's address that names another node", () => {
    const { sendBytes, request, answers, reflector, known } = world();
    known.nodes = [PEER, { name: "node-2", zone: "b" }];
    known.isFrom = (hash, ip) => ip === "10.0.0.1" && hash === nodeHashHex("node-1");
    sendBytes(request({ source: "node-2" }));
    expect(answers()).toHaveLength(1);
    expect(reflector.received()).toEqual([]);
  });

  it("is the same after a flood of forged packets from many addresses", () => {
    const { sendBytes, request, answers, network, reflector, clock } = world();
    sendBytes(request({ number: 0 }));
    answers();
    const before = reflector.received();
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 500; i++) {
        const n = round * 500 + i;
        const forged = {
          source: n % 3 === 0 ? "node-1" : `nobody-${n}`,
          incarnation: n % 2 === 0 ? "00000000000000a0" : n.toString(16).padStart(16, "0"),
          number: 1 + (n % 90),
        };
        network.inject({
          protocol: "udp",
          source: { ip: `10.9.${n >> 8}.${n & 255}`, port: 1_024 + (n % 60_000) },
          destination: { ip: "10.0.0.2", port: PORT },
          bytes: request(forged),
        });
      }
      reflector.drain();
      clock.advanceMs(20);
    }
    expect(reflector.received()).toEqual(before);
    expect(reflector.counts).toMatchObject({ duplicates: 0, unsent: 0 });
    expect(reflector.counts.answered + reflector.counts.limited).toBe(20_001);
    expect(reflector.counts.limited).toBeGreaterThan(19_000);
    sendBytes(request({ number: 2 }));
    const [told] = answers().flatMap(({ reply }) => (reply.kind === "ok" ? [reply.value.arrivals] : []));
    expect([0, 1, 2].map((n) => arrival(told!, n))).toEqual(["arrived", "missing", "arrived"]);
    expect(reflector.received()).toMatchObject([{ source: PEER, received: 2 }]);
  });

  it("counts a newcomer from the moment membership knows it, and says that of what was before nothing is known", () => {
    const { sendBytes, request, answers, reflector, known } = world();
    for (const number of [0, 1, 2]) sendBytes(request({ source: "node-9", number }));
    answers();
    expect(reflector.received()).toEqual([]);
    known.nodes = [PEER, { name: "node-9", zone: "c" }];
    for (const number of [3, 5]) sendBytes(request({ source: "node-9", number }));
    answers();
    const [row] = reflector.received();
    expect(row).toMatchObject({ source: { name: "node-9", zone: "c" }, received: 2 });
    const arrivals = parseArrivals(row!.highest, row!.bitmap)!;
    expect([2, 3, 4, 5].map((n) => arrival(arrivals, n))).toEqual(["forgotten", "arrived", "missing", "arrived"]);
  });

  it("takes a bounded number of packets a drain, and the rest in the next", () => {
    const { sendBytes, request, answers, reflector } = world();
    for (let i = 0; i < 2_500; i++) sendBytes(request());
    expect(answers()).toHaveLength(32 * 64);
    expect(answers()).toHaveLength(2_500 - 32 * 64);
    expect(reflector.counts.answered).toBe(2_500);
  });

  it("tells its own socket drops in every reply", () => {
    const { sendBytes, request, answers, b, reflector } = world();
    b.receiveBufferPackets = 2;
    for (let i = 0; i < 5; i++) sendBytes(request());
    expect(answers().map((g) => (g.reply.kind === "ok" ? g.reply.value.drops : -1))).toEqual([3, 3]);
    expect(reflector.socketDrops()).toBe(3);
  });

  it("is not kept from answering a peer by another one's ICMP error", () => {
    const { sendBytes, request, answers, a, b, network, reflector, clock } = world();
    // A sender that is gone when its answer comes: its host says so.
    network.inject({
      protocol: "udp",
      source: { ip: "10.0.0.1", port: 9 },
      destination: { ip: "10.0.0.2", port: PORT },
      bytes: request(),
    });
    reflector.drain();
    clock.advanceMs(3);
    sendBytes(request());
    expect(answers()).toHaveLength(1);
    expect(reflector.counts).toMatchObject({ answered: 2, unsent: 0 });
    expect([a, b].map((k) => k.sockets.size)).toEqual([1, 2]);
  });

  it("closes its sockets when disposed, twice is harmless, and leaves none open when one cannot be had", () => {
    const { reflector, b, clock } = world();
    const again = () =>
      udpReflector({
        kernel: b,
        clock,
        port: PORT,
        listen: [{ family: "ipv6" }, { family: "ipv4" }],
        incarnation: "00000000000000b0",
        maxPacketBytes: 2_000,
        isFrom: () => true,
        nodeOf: () => undefined,
      });
    expect(again).toThrow("EADDRINUSE");
    expect(b.sockets.size).toBe(2);
    reflector[Symbol.dispose]();
    reflector[Symbol.dispose]();
    expect(b.sockets.size).toBe(0);
  });
});
