import { describe, expect, it } from "vitest";
import type { UdpReceived } from "../../agent/model/snapshot.ts";
import type { PeerRow } from "../../agent/probes/udp.ts";
import {
  isForward,
  isReverse,
  PROBE_PORT,
  REFLECTOR_INCARNATION,
  SENDER_INCARNATION,
  udpPair,
  type UdpPair,
} from "../support/udp-pair.ts";
import { id64, nodeHash, StampFormat } from "../../agent/wire/stamp.ts";

const NEW_LIFE = "0000000000000042";

/** Lose what `which` says for as long as `during` runs. */
function losing(pair: UdpPair, which: typeof isForward, during: () => void): void {
  const rule = pair.network.rule((p) => (which(p) ? { kind: "drop" } : undefined));
  during();
  rule[Symbol.dispose]();
}

/** The peer's row as its agent would write it now. */
function rowOf(pair: UdpPair, more: Partial<PeerRow> = {}): PeerRow {
  return {
    incarnation: REFLECTOR_INCARNATION,
    udpReceived: pair.reflector.received(),
    pairs: [{ destination: pair.slot.pair.source, network: pair.slot.network, family: pair.slot.family }],
    health: { socketDrops: 0 },
    ...more,
  };
}

const report = (pair: UdpPair, row: PeerRow) =>
  pair.prober.peerReported(pair.slot, { row, askedNs: pair.clock.monotonicNs() });

describe("the direction of a lost UDP probe", () => {
  it("is forward when the next reply says that it never arrived, on whichever session that comes", () => {
    const pair = udpPair();
    pair.round();
    losing(pair, isForward, () => pair.round());
    expect(pair.sink.directions()).toEqual([]);
    pair.round();
    expect(pair.sink.directions()).toEqual(["forward"]);
    const ports = pair.network.sent.filter(isForward).map((p) => p.source.port);
    expect(new Set(ports).size).toBe(3);
  });

  it("is reverse when the next reply says that it arrived", () => {
    const pair = udpPair();
    pair.round();
    losing(pair, isReverse, () => pair.round());
    pair.round();
    expect(pair.sink.directions()).toEqual(["reverse"]);
  });

  it("is told for each of many, exactly as they were lost", () => {
    const pair = udpPair();
    pair.round();
    const truth = { forward: 0, reverse: 0 };
    let n = 0;
    pair.network.rule((p) => {
      n++;
      if (isForward(p) && n % 7 === 0) return (truth.forward++, { kind: "drop" });
      if (isReverse(p) && n % 5 === 0) return (truth.reverse++, { kind: "drop" });
      return undefined;
    });
    for (let i = 0; i < 300; i++) pair.round();
    pair.network.rule(() => undefined);
    const failures = pair.sink.outcomes().filter((o) => o.kind === "failed").length;
    expect(failures).toBe(truth.forward + truth.reverse);
    const count = (d: string) => pair.sink.directions().filter((x) => x === d).length;
    // The last ones may still wait for a reply.
    expect(truth.forward - count("forward") + truth.reverse - count("reverse")).toBeLessThan(5);
    expect(count("unknown")).toBe(0);
    expect(truth.forward).toBeGreaterThan(30);
    expect(truth.reverse).toBeGreaterThan(30);
  });

  it("is nothing for a reply that came late: it leaves the gap, even when it is read together with the next reply", () => {
    const pair = udpPair();
    pair.round();
    let delayed = false;
    // Late by so much that it arrives with the reply of the next probe, on another port that is idle by then.
    pair.network.rule((p) =>
      isReverse(p) && !delayed ? ((delayed = true), { kind: "delay", ns: 1_003_000_000 }) : undefined,
    );
    pair.round();
    pair.round();
    pair.round();
    expect(pair.sink.anomalies()).toEqual(["late"]);
    expect(pair.sink.outcomes().map((o) => o.kind)).toEqual(["answered", "failed", "answered", "answered"]);
    expect(pair.sink.directions()).toEqual([]);
  });

  it("is unknown for those lost before a restart of the reflector, and known again after it", () => {
    const pair = udpPair();
    pair.round();
    losing(pair, isForward, () => pair.round());
    pair.restartReflector({ incarnation: NEW_LIFE });
    pair.round();
    expect(pair.sink.directions()).toEqual(["unknown"]);
    losing(pair, isForward, () => pair.round());
    losing(pair, isReverse, () => pair.round());
    pair.round();
    expect(pair.sink.directions()).toEqual(["unknown", "forward", "reverse"]);
  });

  it("is unknown for those lost before the reflector was first heard of", () => {
    const pair = udpPair();
    losing(pair, isForward, () => pair.round());
    pair.round();
    expect(pair.sink.directions()).toEqual(["unknown"]);
  });

  it("is unknown when the reflector's own socket dropped packets meanwhile: that is no path", () => {
    const pair = udpPair();
    pair.round();
    pair.b.receiveBufferPackets = 0;
    pair.round();
    pair.b.receiveBufferPackets = Infinity;
    pair.round();
    expect(pair.sink.directions()).toEqual(["unknown"]);
    losing(pair, isForward, () => pair.round());
    pair.round();
    expect(pair.sink.directions()).toEqual(["unknown", "forward"]);
  });

  it("is unknown when our own socket dropped the reply", () => {
    const pair = udpPair();
    pair.round();
    pair.a.receiveBufferPackets = 0;
    pair.round();
    pair.a.receiveBufferPackets = Infinity;
    pair.round();
    expect(pair.sink.directions()).toEqual(["unknown"]);
    expect(pair.prober.socketDrops()).toBe(1);
  });

  it("is unknown for those that fell out of the bitmap of 64", () => {
    const pair = udpPair();
    pair.round();
    losing(pair, isReverse, () => {
      for (let i = 0; i < 70; i++) pair.round();
    });
    pair.round();
    // Number 71 answers: it and the 63 below are in reach, so 63 of the 70 are known.
    expect(pair.sink.directions().filter((d) => d === "reverse")).toHaveLength(63);
    expect(pair.sink.directions().filter((d) => d === "unknown")).toHaveLength(7);
  });

  it("is not asked for refusals, unreachables and blocked probes", () => {
    const pair = udpPair();
    pair.round();
    const rule = pair.network.rule((p) => (isForward(p) ? { kind: "icmp", type: 3, code: 1 } : undefined));
    pair.round();
    rule[Symbol.dispose]();
    pair.round();
    expect(pair.sink.directions()).toEqual([]);
  });
});

describe("a peer that does not know us yet", () => {
  it("answers, and no loss of that time is given a direction it cannot know", () => {
    const known = { isFrom: false };
    const pair = udpPair({ reflector: { isFrom: () => known.isFrom } });
    pair.round();
    losing(pair, isReverse, () => pair.round());
    losing(pair, isForward, () => pair.round());
    pair.round();
    known.isFrom = true;
    pair.round();
    losing(pair, isForward, () => pair.round());
    losing(pair, isReverse, () => pair.round());
    pair.round();
    expect(pair.sink.outcomes().filter((o) => o.kind === "answered")).toHaveLength(4);
    expect(pair.sink.directions()).toEqual(["unknown", "unknown", "forward", "reverse"]);
  });
});

describe("a stranger", () => {
  it("that forges our packets changes no direction", () => {
    const pair = udpPair();
    const forge = () => {
      for (const number of [1_000, 1_001]) {
        const bytes = pair.network.sent.findLast(isForward)!.bytes.slice();
        const format = new StampFormat({ baseSeconds: pair.clock.baseSeconds });
        format.encodeRequest(bytes, {
          sequence: 1,
          port: 0,
          slot: pair.slot.index,
          number,
          nonceHigh: 1,
          nonceLow: 1,
          network: "pod",
          family: "ipv4",
          smallReply: false,
          sentNs: pair.clock.realtimeNs(),
          incarnation: id64(number === 1_000 ? SENDER_INCARNATION : NEW_LIFE),
          source: nodeHash("node-1"),
        });
        pair.network.inject({
          protocol: "udp",
          source: { ip: "10.6.6.6", port: 4_000 },
          destination: { ip: "10.0.0.2", port: PROBE_PORT },
          bytes,
        });
      }
    };
    pair.round();
    for (const way of [isForward, isReverse, isForward, isReverse]) {
      losing(pair, way, () => pair.round());
      forge();
      pair.round();
    }
    expect(pair.sink.directions()).toEqual(["forward", "reverse", "forward", "reverse"]);
    expect(pair.reflector.received()).toMatchObject([{ received: 7 }]);
  });
});

describe("with no reply coming at all", () => {
  function silence(which: typeof isForward): UdpPair {
    const pair = udpPair({ intervalMs: 5_000 });
    pair.round();
    pair.network.rule((p) => (which(p) ? { kind: "drop" } : undefined));
    for (let i = 0; i < 8; i++) pair.round();
    expect(pair.prober.wantingPeerRow()).toEqual([]);
    for (let i = 0; i < 6; i++) pair.round();
    expect(pair.prober.wantingPeerRow()).toEqual([pair.slot]);
    expect(pair.sink.directions()).toEqual([]);
    return pair;
  }

  it.each([
    ["forward", isForward],
    ["reverse", isReverse],
  ] as const)("the peer's row says %s after 60 s", (direction, which) => {
    const pair = silence(which);
    report(pair, rowOf(pair));
    expect(pair.sink.directions()).toEqual(Array.from({ length: 14 }, () => direction));
    expect(pair.prober.wantingPeerRow()).toEqual([]);
  });

  it("a row that names no packets of ours means that none arrived, when that life of the peer was there before", () => {
    const pair = silence(isForward);
    report(pair, rowOf(pair, { udpReceived: [] }));
    expect(pair.sink.directions()).toEqual(Array.from({ length: 14 }, () => "forward"));
  });

  it("a row that names no packets of ours tells nothing when the peer may not know us: it counts no strangers", () => {
    const pair = silence(isForward);
    const [known] = rowOf(pair).pairs;
    const pairs = [
      { ...known!, network: "node" as const },
      { ...known!, destination: { name: "node-7", zone: "" } },
    ];
    report(pair, rowOf(pair, { udpReceived: [], pairs }));
    expect(pair.sink.directions()).toEqual(Array.from({ length: 14 }, () => "unknown"));
  });

  it("a row of a new life of the peer cannot tell of those before it, and tells of those after it", () => {
    const pair = silence(isForward);
    report(pair, rowOf(pair, { incarnation: NEW_LIFE, udpReceived: [] }));
    expect(pair.sink.directions()).toEqual(Array.from({ length: 14 }, () => "unknown"));
    for (let i = 0; i < 14; i++) pair.round();
    report(pair, rowOf(pair, { incarnation: NEW_LIFE, udpReceived: [] }));
    expect(pair.sink.directions().slice(14)).toEqual(Array.from({ length: 14 }, () => "forward"));
  });

  it("counts of another life of ours, another network or another source are not ours", () => {
    const pair = silence(isReverse);
    const ours = pair.reflector.received()[0]!;
    const others: UdpReceived[] = [
      { ...ours, incarnation: "00000000000000ff" },
      { ...ours, network: "node" },
      { ...ours, family: "ipv6" },
      { ...ours, source: { name: "node-7", zone: "" } },
    ];
    report(pair, rowOf(pair, { udpReceived: [...others, ours] }));
    expect(pair.sink.directions()).toEqual(Array.from({ length: 14 }, () => "reverse"));
    expect(ours.incarnation).toBe(SENDER_INCARNATION);
  });

  it("a row from a peer whose sockets overflow does not blame the path", () => {
    const pair = silence(isForward);
    report(pair, rowOf(pair, { health: { socketDrops: 5 } }));
    expect(pair.sink.directions()).toEqual(Array.from({ length: 14 }, () => "unknown"));
  });

  it("a row of nonsense decides nothing", () => {
    const pair = silence(isForward);
    const ours = pair.reflector.received()[0]!;
    report(pair, rowOf(pair, { udpReceived: [{ ...ours, bitmap: "zz" }] }));
    report(pair, rowOf(pair, { udpReceived: [{ ...ours, highest: -4 }] }));
    expect(pair.sink.directions()).toEqual([]);
  });

  it("a row decides nothing of what failed after it was asked for", () => {
    const pair = silence(isForward);
    const askedNs = pair.clock.monotonicNs();
    pair.round();
    pair.prober.peerReported(pair.slot, { row: rowOf(pair), askedNs });
    expect(pair.sink.directions()).toHaveLength(14);
  });

  it("the row is wanted sooner when the gap nears the reach of the bitmap", () => {
    const pair = udpPair({ intervalMs: 600 });
    pair.round();
    pair.network.rule((p) => (isReverse(p) ? { kind: "drop" } : undefined));
    for (let i = 0; i < 48; i++) pair.round();
    expect(pair.prober.wantingPeerRow()).toEqual([pair.slot]);
    report(pair, rowOf(pair));
    expect(pair.sink.directions()).toEqual(Array.from({ length: 48 }, () => "reverse"));
  });

  it("and no row either, they are unknown in the end, each once", () => {
    const pair = silence(isForward);
    for (let i = 0; i < 40; i++) pair.round();
    const old = pair.sink.directions().length;
    expect(pair.sink.directions().every((d) => d === "unknown")).toBe(true);
    // 54 lost so far, one every 5 s; those of the last 150 s still wait.
    expect(old).toBeGreaterThanOrEqual(54 - 31);
    expect(old).toBeLessThanOrEqual(54 - 28);
  });
});
