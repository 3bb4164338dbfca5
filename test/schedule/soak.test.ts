// Half an hour of an agent's life in simulated time: peers come, go and move with probes in flight, packets die either
// way, the process stops for seconds, the wall clock steps. What was counted is compared with what the network did.
import { expect, test } from "vitest";
import type { IpFamily, Node, Peer, Protocol } from "../../agent/model/peer.ts";
import type { Outcome } from "../../agent/model/outcome.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import type { OutcomeSink, Prober } from "../../agent/probes/prober.ts";
import { tcpProber } from "../../agent/probes/tcp.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { udpReflector } from "../../agent/reflector/udp-reflector.ts";
import { createResults } from "../../agent/results/results.ts";
import { Lane } from "../../agent/schedule/lane.ts";
import { Schedule } from "../../agent/schedule/schedule.ts";
import { SlotTable } from "../../agent/schedule/slot-table.ts";
import { nodeHashHex } from "../../agent/wire/stamp.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeKernel } from "../support/fake-kernel.ts";
import { FakeNetwork } from "../support/fake-network.ts";

const PORT = 7_843;
const SELF: Node = { name: "node-0", zone: "a" };
const FAMILIES: readonly IpFamily[] = ["ipv4", "ipv6"];
/** mulberry32: the same hours every time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test.each([
  { seed: 1, tickMs: 50 },
  { seed: 2, tickMs: 500 },
])(
  "every probe of a troubled half hour is counted once, and only what the network lost is lost (run $seed, ticks of $tickMs ms)",
  { timeout: 120_000 },
  async ({ seed, tickMs }) => {
    const chance = random(seed);
    const clock = new FakeClock();
    const network = new FakeNetwork(clock);
    const kernel = new FakeKernel(network, ["10.0.0.1", "fd00::1"]);
    const results = createResults({ clock, pairDetail: "full" });
    const counts = {
      sent: { icmp: 0, tcp: 0, udp: 0 },
      lost: { icmp: 0, tcp: 0, udp: 0 },
      forgotten: { icmp: 0, tcp: 0, udp: 0 },
      directions: { forward: 0, reverse: 0 },
    };
    const recorded: Record<Protocol, Outcome[]> = { icmp: [], tcp: [], udp: [] };
    const delays: Record<Protocol, number[]> = { icmp: [], tcp: [], udp: [] };
    const told = { forward: 0, reverse: 0, unknown: 0 };
    let anomalies = 0;
    const sink: OutcomeSink = {
      record(slot, outcome) {
        recorded[slot.protocol].push(outcome);
        if (outcome.kind === "answered" && outcome.rttNs !== undefined) delays[slot.protocol].push(outcome.rttNs);
        results.record(slot, outcome);
      },
      delay(slot, delay) {
        delays[slot.protocol].push(delay.rttNs);
        results.delay(slot, delay);
      },
      anomaly: () => void anomalies++,
      travelled: (slot, way, port) => results.travelled(slot, way, port),
      localError: (slot, errno) => results.localError(slot, errno),
      lost(slot, direction) {
        told[direction]++;
        results.lost(slot, direction);
      },
      skipped: (slot) => results.skipped(slot),
    };

    // Six machines, each with two addresses a family, so that a peer can move.
    const machines = [1, 2, 3, 4, 5, 6].map((n) => {
      const node: Node = { name: `node-${n}`, zone: n > 3 ? "b" : "a" };
      const addresses = [0, 1].map((m) => ({ ipv4: `10.0.${n}.${m + 1}`, ipv6: `fd00::${n}:${m + 1}` }));
      const machine = new FakeKernel(
        network,
        addresses.flatMap((a) => [a.ipv4, a.ipv6]),
      );
      machine.listening.add(PORT);
      const reflector = udpReflector({
        kernel: machine,
        clock,
        port: PORT,
        listen: FAMILIES.map((family) => ({ family })),
        incarnation: n.toString(16).padStart(16, "0"),
        maxPacketBytes: 2_000,
        isFrom: () => true,
        nodeOf: (hash) => (hash === nodeHashHex(SELF.name) ? SELF : undefined),
      });
      return { node, addresses, reflector, at: 0, isPeer: true };
    });
    network.rule((packet) => {
      const isProbe = packet.source.ip === "10.0.0.1" || packet.source.ip === "fd00::1";
      if (isProbe) counts.sent[packet.protocol]++;
      if (chance() >= 0.02) return undefined;
      counts.lost[packet.protocol]++;
      if (packet.protocol === "udp") counts.directions[isProbe ? "forward" : "reverse"]++;
      return { kind: "drop" };
    });
    network.tcpRule(() => {
      counts.sent.tcp++;
      if (chance() >= 0.02) return undefined;
      counts.lost.tcp++;
      return { kind: "hang" };
    });

    const conntrack = () => "not-full" as const;
    const probers: readonly Prober[] = [
      icmpProber({ kernel, clock, sink, families: FAMILIES, conntrack, settings: { timeoutMs: 800, sizeBytes: 64 } }),
      tcpProber({ kernel, clock, sink, conntrack, settings: { timeoutMs: 2_000, port: PORT } }),
      udpProber({
        kernel,
        clock,
        sink,
        families: FAMILIES,
        conntrack,
        source: SELF.name,
        incarnation: "00112233445566aa",
        settings: { timeoutMs: 1_000, sizeBytes: 256, port: PORT },
      }),
    ];
    const lanes = probers.map((prober) => ({
      protocol: prober.protocol,
      lane: new Lane<Prober>({ name: prober.protocol, clock, open: () => prober }),
    }));
    for (const { lane } of lanes) await lane.open();
    using schedule = new Schedule({
      clock,
      sink,
      activities: [],
      longestTickMs: tickMs,
      onTick: () => {},
      protocols: lanes.map(({ lane, protocol }) => ({
        protocol,
        lane,
        answersOnTick: protocol === "udp",
        intervalMs: protocol === "icmp" ? 1_000 : 2_500,
        timeoutMs: protocol === "icmp" ? 800 : 2_000,
      })),
    });
    /** What is in flight when its slot goes is forgotten: neither answered nor lost. */
    const forgetting = (run: () => void) => {
      const before = probers.map((p) => p.outstanding);
      run();
      for (const [i, p] of probers.entries()) counts.forgotten[p.protocol] += before[i]! - p.outstanding;
    };
    const slots = new SlotTable({
      opened: (slot) => (results.open(slot), schedule.open(slot)),
      closed: (slot) => (forgetting(() => schedule.close(slot)), results.close(slot)),
      moved: (from, to) => (results.move(from, to), forgetting(() => schedule.move(from, to))),
    });
    const plan = { families: FAMILIES, networks: () => ["pod"] as const };
    const reconcile = () => {
      const peers = machines
        .filter((m) => m.isPeer)
        .map((m): Peer => ({ node: m.node, serving: true, addresses: { pod: m.addresses[m.at]!, node: {} } }));
      slots.reconcile(SELF, peers, plan);
    };
    const pass = (ms: number) => {
      clock.advanceMs(ms);
      for (const { reflector } of machines) reflector.drain();
    };
    reconcile();
    for (let ms = 0; ms < 1_800_000; ms += tickMs) {
      pass(tickMs);
      if (chance() < 0.002) {
        const machine = machines[Math.floor(chance() * machines.length)]!;
        if (chance() < 0.5) machine.isPeer = !machine.isPeer;
        else machine.at = 1 - machine.at;
        reconcile();
      }
      if (chance() < 0.0005) for (let stopped = 0; stopped < 3_000 * chance(); stopped += 10) pass(10);
      if (chance() < 0.0005) clock.stepRealtimeMs((chance() - 0.5) * 8_000);
      schedule.tick();
    }
    // The last ones end without new ones.
    for (let ms = 0; ms < 10_000; ms += tickMs) {
      pass(tickMs);
      for (const prober of probers) {
        prober.drain();
        prober.expire();
      }
    }
    for (const { protocol, outstanding } of probers) {
      const completed = recorded[protocol].length;
      const failed = recorded[protocol].filter((o) => o.kind === "failed").length;
      expect(outstanding).toBe(0);
      expect(completed + counts.forgotten[protocol]).toBe(counts.sent[protocol]);
      expect(failed).toBeLessThanOrEqual(counts.lost[protocol]);
      expect(failed).toBeGreaterThanOrEqual(counts.lost[protocol] - counts.forgotten[protocol]);
      expect(failed).toBeGreaterThan(50);
      // No delay is ever longer than the path, whatever stopped and stepped.
      expect(Math.max(...delays[protocol].map((ns) => Math.abs(ns - 2e6)))).toBeLessThan(10_000);
      // All but those that a step of the clock made uncertain, or that were forgotten before their delay was known.
      expect(delays[protocol].length).toBeLessThanOrEqual(completed - failed);
      expect(delays[protocol].length).toBeGreaterThan(0.97 * (completed - failed));
    }
    expect(anomalies).toBe(0);
    expect(told.forward).toBeLessThanOrEqual(counts.directions.forward);
    expect(told.reverse).toBeLessThanOrEqual(counts.directions.reverse);
    expect(told.forward + told.reverse).toBeGreaterThan(0.8 * (counts.directions.forward + counts.directions.reverse));
    expect(results.counts().localErrors).toEqual([]);
    expect(lanes.map(({ lane }) => lane.failures)).toEqual([0, 0, 0]);
    for (const prober of probers) prober[Symbol.dispose]();
    expect(kernel.sockets.size + kernel.handshakes.size).toBe(0);
  },
);
