// What TCP probes leave behind on a real machine, and that every SYN is accounted for.
import { readdirSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Slot } from "../../agent/model/slot.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import { tcpProber } from "../../agent/probes/tcp.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";
import { farAddresses } from "../support/veth.ts";
import { until } from "../probes/contract.ts";
import { FAR_ADDRESSES, PROBE_PORT, realNetwork, realWorld, type RealNetwork } from "./real-worlds.ts";
import { needs } from "../support/needs.ts";

const { test } = await needs("namespaces", "conntrack");

const SYN = `tcp dport ${PROBE_PORT} tcp flags & (syn | ack) == syn`;

let network: RealNetwork;
beforeAll(async () => {
  network = await realNetwork();
});
afterEach(() => network.mend());
afterAll(() => network[Symbol.asyncDispose]());

interface Rounds {
  readonly timeoutMs: number;
  readonly slots: readonly Slot[];
  readonly rounds: number;
}

async function probe({ timeoutMs, slots, rounds }: Rounds): Promise<RecordingSink> {
  const { kernel, clock } = network;
  const sink = new RecordingSink();
  using prober: Prober = tcpProber({ kernel, clock, sink, settings: { timeoutMs, port: PROBE_PORT } });
  const world = await realWorld(network, { protocol: "tcp", timeoutMs, prober: () => prober });
  for (const slot of slots) prober.open(slot);
  for (let round = 0; round < rounds; round++) {
    prober.send(slots);
    await until(world, () => prober.outstanding === 0);
  }
  return sink;
}

const peers = (n: number) => farAddresses(n).map((address) => testSlot({ protocol: "tcp", address }));

test("SYN retransmits are exactly those that an nftables counter sees, and lost ones give no delay", async () => {
  network.farInput(`${SYN} counter name one`, `${SYN} numgen random mod 3 == 0 counter name two drop`);
  const sink = await probe({ timeoutMs: 4_000, slots: peers(150), rounds: 1 });
  const outcomes = sink.outcomes();
  const retransmits = sink.retransmitCounts().reduce((sum, n) => sum + n, 0);
  expect(outcomes).toHaveLength(150);
  expect(network.counted("far", "two")).toBeGreaterThan(0);
  expect(outcomes.length + retransmits).toBe(network.counted("far", "one"));
  // Each lost SYN is either a failure's last or was followed by another.
  const failures = outcomes.filter((o) => o.kind === "failed").length;
  expect(failures + retransmits).toBe(network.counted("far", "two"));
  // One retransmit record a probe that needed one: what is left was answered at the first SYN, with a delay.
  const firstSynOnly = sink.events.filter((e, i) => e.kind === "record" && sink.events[i - 1]?.kind !== "retransmits");
  expect(
    firstSynOnly.every((e) => e.kind === "record" && e.outcome.kind === "answered" && e.outcome.rttNs !== undefined),
  ).toBe(true);
  expect(outcomes.filter((o) => o.kind === "answered" && o.rttNs !== undefined)).toHaveLength(firstSynOnly.length);
  expect(Math.max(...outcomes.map((o) => (o.kind === "answered" ? (o.rttNs ?? 0) : 0)))).toBeLessThan(1e9);
});

test("a handshake that died silently is counted with every SYN that was sent for it", async () => {
  network.farInput(`${SYN} counter name one drop`);
  const sink = await probe({ timeoutMs: 3_500, slots: peers(20), rounds: 1 });
  expect(sink.outcomes().every((o) => o.kind === "failed")).toBe(true);
  const retransmits = sink.retransmitCounts().reduce((sum, n) => sum + n, 0);
  expect(20 + retransmits).toBe(network.counted("far", "one"));
});

test("2,000 handshakes leave no TIME_WAIT on either side, no open socket, and no pile of conntrack entries", async () => {
  // A rule that asks for connection tracking makes the near side track.
  network.pair.nft(
    network.pair.near,
    "table ip track {\n chain c {\n type filter hook output priority 0;\n ct state new counter\n }\n}\n",
  );
  const sink = await probe({ timeoutMs: 2_000, slots: peers(FAR_ADDRESSES), rounds: 4 });
  expect(sink.outcomes().filter((o) => o.kind === "answered")).toHaveLength(2_000);
  for (const side of [network.pair.near, network.pair.far]) {
    expect(network.pair.run(side, "ss", "-Htan", "state", "time-wait").trim()).toBe("");
    expect(network.pair.run(side, "ss", "-Htan", "state", "established").trim()).toBe("");
  }
  const entries = network.pair
    .run(network.pair.near, "conntrack", "-L", "-p", "tcp")
    .trim()
    .split("\n")
    .filter((line) => line.includes("tcp"));
  // A reset moves an entry to CLOSE, which lives for 10 s (nf_conntrack_tcp_timeout_close), not days.
  for (const entry of entries) expect(entry).toMatch(/ CLOSE /);
  expect(entries.length).toBeGreaterThan(0);
  network.pair.run(network.pair.near, "conntrack", "-D", "-p", "tcp");
});

test("a handshake that cannot even begin is told by its errno, throws nothing and leaves no descriptor open", () => {
  const { kernel } = network;
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const before = descriptors();
  for (let i = 0; i < 50; i++)
    expect(kernel.connect(kernel.socketAddress(network.pair.farIp, PROBE_PORT), { from: "10.98.0.1" })).toEqual({
      errno: "EADDRNOTAVAIL",
    });
  expect(descriptors()).toBe(before);
});
