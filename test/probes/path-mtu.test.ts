import { describe, expect, it } from "vitest";
import type { PathMtu } from "../../agent/model/snapshot.ts";
import { PathMtuSearch, type TrialResult } from "../../agent/probes/path-mtu-search.ts";
import { pathMtuProber, type PathMtuSettings } from "../../agent/probes/path-mtu.ts";
import { udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork } from "../support/fake-network.ts";
import { testSlot } from "../support/test-slot.ts";

const PORT = 7_843;

function world(options: { family?: "ipv4" | "ipv6"; settings?: Partial<PathMtuSettings>; key?: Uint8Array } = {}) {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock);
  const a = new FakeKernel(network, ["10.0.0.1", "fd00::1"]);
  const b = new FakeKernel(network, ["10.0.0.2", "fd00::2", "10.0.0.22"]);
  const reflector = udpReflector({
    kernel: b,
    clock,
    port: PORT,
    listen: [{ family: "ipv4" }, { family: "ipv6" }],
    incarnation: "00000000000000b0",
    maxPacketBytes: 9_000,
    key: options.key,
    isFrom: () => true,
    nodeOf: () => undefined,
  });
  const prober = pathMtuProber({
    kernel: a,
    clock,
    families: ["ipv4", "ipv6"],
    source: "node-1",
    incarnation: "00000000000000a0",
    key: options.key,
    settings: { intervalMs: 60_000, timeoutMs: 1_000, port: PORT, maxPacketBytes: 9_000, ...options.settings },
  });
  const slot = testSlot({ protocol: "udp", address: options.family === "ipv6" ? "fd00::2" : "10.0.0.2" });
  prober.open(slot);
  const run = (seconds: number) => {
    for (let ms = 0; ms < seconds * 1_000; ms += 20) {
      clock.advanceMs(20);
      reflector.drain();
      prober.tick();
    }
  };
  const value = (): Pick<PathMtu, "passesBytes" | "shortfallBytes"> | undefined => {
    const [v] = prober.values();
    return v && { passesBytes: v.passesBytes, shortfallBytes: v.shortfallBytes };
  };
  const large = () =>
    network.sent.filter((p) => p.source.ip !== "10.0.0.2" && p.source.ip !== "fd00::2" && p.ipBytes > 300);
  return { clock, network, a, b, prober, slot, run, value, large, reflector };
}

/** Silently loses what is larger: a black hole. */
const hole = (w: ReturnType<typeof world>, bytes: number) =>
  w.network.rule((p) => (p.ipBytes > bytes ? { kind: "drop" } : undefined));

describe("path MTU", () => {
  it.each([
    ["ipv4", undefined],
    ["ipv6", undefined],
    ["ipv4", Buffer.from("key")],
  ] as const)("is what the kernel believes when that passes: one large packet a minute over %s", (family, key) => {
    const w = world({ family, ...(key ? { key } : {}) });
    expect(w.value()).toBeUndefined();
    w.run(10);
    expect(w.prober.values()).toEqual([
      { destination: w.slot.pair.destination, network: "pod", family, passesBytes: 1_500, shortfallBytes: 0 },
    ]);
    w.run(600);
    expect(w.large().map((p) => [p.ipBytes, p.dontFragment])).toEqual(Array.from({ length: 11 }, () => [1_500, true]));
    const replies = w.network.sent.filter((p) => p.source.port === PORT);
    expect(Math.max(...replies.map((p) => p.ipBytes))).toBeLessThan(300);
    expect(w.prober.busy).toBe(false);
  });

  it("outlives a router that does not say what fits while our own machine cannot look it up", () => {
    const w = world();
    w.run(15);
    w.network.rule((p) => (p.ipBytes > 1_400 ? { kind: "icmp", type: 3, code: 4, info: 0 } : undefined));
    // Asked once when a verification begins, and again for every such router.
    let asked = 0;
    w.a.believedMtu = () => {
      if (asked++ % 2 === 0) return 1_500;
      throw new Error("socket: EMFILE (path MTU lookup)");
    };
    expect(() => w.run(600)).not.toThrow();
    expect(w.prober.busy).toBe(false);
  });

  it("finds no black hole where half of all packets are lost on the way there", () => {
    const w = world({ settings: { intervalMs: 20_000 } });
    let random = 1;
    w.network.rule((p) => {
      random = (random * 48_271) % 2_147_483_647;
      return p.source.port !== PORT && random % 2 === 0 ? { kind: "drop" } : undefined;
    });
    const shortfalls = new Set<number>();
    // In one verification of 64 three large packets are lost and three small ones answered.
    for (let verification = 0; verification < 1_000; verification++) {
      w.run(20);
      shortfalls.add(w.value()?.shortfallBytes ?? 0);
    }
    expect([...shortfalls]).toEqual([0]);
  });

  it.each([1_499, 1_450, 1_400, 700])("finds a black hole above %i bytes, exactly", (bytes) => {
    const w = world();
    hole(w, bytes);
    w.run(50);
    expect(w.value()).toEqual({ passesBytes: bytes, shortfallBytes: 1_500 - bytes });
  });

  it("confirms a known black hole without a new search, follows it when it moves, and sees it go", () => {
    const w = world();
    let mtu = 1_450;
    w.network.rule((p) => (p.ipBytes > mtu ? { kind: "drop" } : undefined));
    w.run(60);
    const before = w.large().length;
    w.run(60);
    expect(w.value()).toEqual({ passesBytes: 1_450, shortfallBytes: 50 });
    // Three of the believed size, one that passes, three of one more.
    expect(
      w
        .large()
        .slice(before)
        .map((p) => p.ipBytes),
    ).toEqual([1_500, 1_500, 1_500, 1_450, 1_451, 1_451, 1_451]);
    for (const next of [1_460, 1_300, 1_499]) {
      mtu = next;
      w.run(60);
      expect(w.value()).toEqual({ passesBytes: next, shortfallBytes: 1_500 - next });
    }
    mtu = 9_000;
    w.run(60);
    expect(w.value()).toEqual({ passesBytes: 1_500, shortfallBytes: 0 });
  });

  it("is no fault where a router says that fragmentation is needed", () => {
    for (const [family, type, code] of [
      ["ipv4", 3, 4],
      ["ipv6", 2, 0],
    ] as const) {
      const w = world({ family });
      w.network.rule((p) => (p.ipBytes > 1_400 ? { kind: "icmp", type, code, info: 1_400 } : undefined));
      w.run(15);
      expect(w.value()).toEqual({ passesBytes: 1_400, shortfallBytes: 0 });
    }
  });

  it("shows the hole behind a router that told a size which then does not pass either", () => {
    const w = world();
    w.network.rule((p) =>
      p.ipBytes > 1_400
        ? { kind: "icmp", type: 3, code: 4, info: 1_400 }
        : p.ipBytes > 1_300
          ? { kind: "drop" }
          : undefined,
    );
    w.run(60);
    expect(w.value()).toEqual({ passesBytes: 1_300, shortfallBytes: 100 });
  });

  it("does not believe a forged 'fragmentation needed' that knows no packet of ours", () => {
    const w = world();
    w.run(10);
    for (const s of w.a.sockets) {
      if (s.family !== "ipv4") continue;
      const forged = w.network.sent.find((p) => p.ipBytes === 1_500)!;
      const bytes = forged.bytes.slice();
      bytes[48 + 17] = bytes[48 + 17]! ^ 0xff;
      s.arriveError({ ...forged, bytes }, { kind: "icmp", type: 3, code: 4, info: 576 });
    }
    w.run(60);
    expect(w.value()).toEqual({ passesBytes: 1_500, shortfallBytes: 0 });
  });

  it("needs three large ones lost while three small ones pass: plain loss is no black hole", () => {
    const w = world();
    let n = 0;
    // Every other packet of any size is lost, on the way there.
    w.network.rule((p) => (p.destination.port === PORT && n++ % 4 < 2 ? { kind: "drop" } : undefined));
    w.run(600);
    expect(w.value()).toEqual({ passesBytes: 1_500, shortfallBytes: 0 });
  });

  it("is unknown while nothing passes, keeps the last figure for two verifications, then gives none", () => {
    const w = world();
    w.run(10);
    using dead = w.network.rule(() => ({ kind: "drop" }));
    w.run(115);
    expect(w.value()).toEqual({ passesBytes: 1_500, shortfallBytes: 0 });
    w.run(70);
    expect(w.value()).toBeUndefined();
    dead[Symbol.dispose]();
    w.run(60);
    expect(w.value()).toEqual({ passesBytes: 1_500, shortfallBytes: 0 });
  });

  it("is unknown where the port is closed or the send fails", () => {
    const closed = world();
    closed.reflector[Symbol.dispose]();
    closed.clock.advanceMs(20);
    for (let i = 0; i < 1_000; i++) {
      closed.clock.advanceMs(20);
      closed.prober.tick();
    }
    expect(closed.value()).toBeUndefined();
    const failing = world();
    failing.network.rule((p) => (p.source.ip === "10.0.0.1" ? { kind: "errno", errno: "EPERM" } : undefined));
    failing.run(30);
    expect(failing.value()).toBeUndefined();
    expect(failing.prober.busy).toBe(false);
  });

  it("never sends more than the cap, and a larger device is no shortfall", () => {
    const w = world();
    w.a.deviceMtu = 65_535;
    w.run(20);
    expect(w.value()).toEqual({ passesBytes: 9_000, shortfallBytes: 0 });
    expect(Math.max(...w.network.sent.map((p) => p.ipBytes))).toBe(9_000);
  });

  it("is spread: the pairs are not verified in one moment, and each once a minute", () => {
    const w = world();
    const slots = Array.from({ length: 60 }, () => testSlot({ protocol: "udp", address: "10.0.0.2" }));
    for (const slot of slots) w.prober.open(slot);
    const perSecond: number[] = [];
    for (let s = 0; s < 130; s++) {
      const before = w.large().length;
      w.run(1);
      perSecond.push(w.large().length - before);
    }
    expect(perSecond.reduce((x, y) => x + y)).toBe(61 * 3);
    expect(Math.max(...perSecond)).toBeLessThan(20);
    expect(w.prober.values()).toHaveLength(61);
  });

  it("of a peer that moved stays what it was until it is known for the new address, which is soon", () => {
    const w = world();
    w.run(10);
    const before = w.value();
    expect(before).toEqual({ passesBytes: 1_500, shortfallBytes: 0 });
    const to = { ...w.slot, address: "10.0.0.22" };
    w.network.rule((p) => (p.destination.ip === "10.0.0.22" && p.ipBytes > 1_400 ? { kind: "drop" } : undefined));
    w.prober.move(w.slot, to);
    const seen = new Set<string>();
    for (let i = 0; i < 30; i++) {
      w.run(1);
      seen.add(JSON.stringify(w.value()));
    }
    expect([...seen]).toEqual([before, { passesBytes: 1_400, shortfallBytes: 100 }].map((v) => JSON.stringify(v)));
    expect(w.prober.values()).toHaveLength(1);
  });

  it("of a closed slot is gone, and its sockets with the prober", () => {
    const w = world();
    w.run(10);
    w.prober.close(w.slot);
    expect(w.prober.values()).toEqual([]);
    w.prober.open(w.slot);
    expect(w.value()).toBeUndefined();
    w.prober[Symbol.dispose]();
    w.prober[Symbol.dispose]();
    expect(w.a.sockets.size).toBe(0);
    expect(w.prober.nextDueNs).toBe(Infinity);
  });
});

describe("the search for the size that passes", () => {
  it("ends with the right figure for every size there is, in few steps, with any hint", () => {
    for (let mtu = 150; mtu <= 1_500; mtu += 13) {
      for (const hint of [undefined, 1_450, mtu, mtu - 1, 200]) {
        const search = new PathMtuSearch({ believed: 1_500, floor: 150, hint });
        const attempt = (size: number) => search.next({ kind: size <= mtu ? "passes" : "fails" });
        let steps = 1;
        let step = attempt(search.first);
        for (; step.kind === "try" && steps < 20; steps++) step = attempt(step.size);
        expect(step).toEqual({ kind: "found", passesBytes: mtu, shortfallBytes: 1_500 - mtu });
        // The last two see the size that fails fail again.
        expect(steps).toBeLessThanOrEqual(16);
      }
    }
  });
  it("does not take packets that were lost by chance for too large ones: the size that fails must fail again", () => {
    // At 50 % loss three large packets are lost while three small ones pass once in 64 trials.
    for (let lostTrial = 0; lostTrial < 12; lostTrial++) {
      for (const mtu of [1_500, 1_400]) {
        const search = new PathMtuSearch({ believed: 1_500, floor: 150, hint: undefined });
        let size = search.first;
        let step;
        for (let trials = 0; trials < 40; trials++) {
          step = search.next({ kind: size <= mtu && trials !== lostTrial ? "passes" : "fails" });
          if (step.kind !== "try") break;
          size = step.size;
        }
        expect(step, `trial ${lostTrial} lost, ${mtu} passes`).toEqual({
          kind: "found",
          passesBytes: mtu,
          shortfallBytes: 1_500 - mtu,
        });
      }
    }
  });

  it("ends too when routers lead it in circles", () => {
    const search = new PathMtuSearch({ believed: 1_500, floor: 150, hint: undefined });
    expect(search.next({ kind: "told", mtu: 1_500 })).toEqual({ kind: "unclear" });
    let result: TrialResult = { kind: "told", mtu: 1_499 };
    let steps = 0;
    for (let step = search.next(result); step.kind === "try"; step = search.next(result)) {
      result = { kind: "told", mtu: step.size - 1 };
      expect(++steps).toBeLessThan(20);
    }
  });
});
