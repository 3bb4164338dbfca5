// Many probes through loss, some without before and after: loss.worker.ts icmp|udp ADDRESSES ROUNDS PERIOD_MS
// Prints "ready" when every peer has answered once (the first loss before any answer has no direction: who never
// answered may have been restarted), begins when told, prints "settled" when nothing is outstanding any more; told to
// go on, it probes until every gap has a reply after it, and prints what was counted.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import type { ConntrackState } from "../../agent/probes/kernel-events.ts";
import type { Prober } from "../../agent/probes/prober.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { createResults } from "../../agent/results/results.ts";
import { testSlot } from "../support/test-slot.ts";
import { nothingMore, told } from "./stdin.ts";

const [protocol, addresses, rounds, periodMs] = [
  process.argv[2] as "icmp" | "udp",
  process.argv[3]!.split(","),
  Number(process.argv[4]),
  Number(process.argv[5]),
];
/** The far reflector is a process that must get its turn: what it is late for is no loss. */
const TIMEOUT_MS = 1_000;
/** Of the eight source ports a slot takes one after another: after so many rounds each has been used again. */
const CLOSING_ROUNDS = 16;
const clock = systemClock();
const kernel = openLinuxKernel(clock);
const results = createResults({ clock, pairDetail: "default" });
const common = {
  kernel,
  clock,
  sink: results,
  families: ["ipv4"],
  conntrack: (): ConntrackState => "not-full",
} as const;
using prober: Prober =
  protocol === "icmp"
    ? icmpProber({ ...common, settings: { timeoutMs: TIMEOUT_MS, sizeBytes: 64 } })
    : udpProber({
        ...common,
        settings: { timeoutMs: TIMEOUT_MS, sizeBytes: 512, port: 7_843 },
        source: "near",
        incarnation: randomBytes(8).toString("hex"),
      });
const slots = addresses.map((address) => testSlot({ protocol, address }));
/** One probe outstanding a slot, as the schedule keeps it. */
const completed = new Float64Array(slots.length);
const sentOf = new Float64Array(slots.length);
for (const slot of slots) {
  results.open(slot);
  prober.open(slot);
}
await probeAll();
await settle();
console.log("ready");
await told();
for (let round = 0; round < rounds; round++) await probeAll();
await settle();
console.log("settled");
await told();
for (let round = 0; round < CLOSING_ROUNDS; round++) await probeAll();
await settle();
const { counters } = results.capture();
const total = (name: "probes" | "failures" | "forward" | "reverse" | "unknown") =>
  slots.reduce((sum, slot) => sum + counters.get(slot.index, name), 0);
console.log(
  JSON.stringify({
    probes: total("probes"),
    failures: total("failures"),
    forward: total("forward"),
    reverse: total("reverse"),
    unknown: total("unknown"),
    localErrors: results.counts().localErrors.length,
    drops: prober.socketDrops(),
  }),
);
nothingMore();

async function probeAll(): Promise<void> {
  const { counters } = results.capture();
  for (const slot of slots) completed[slot.index] = counters.get(slot.index, "probes");
  const due = slots.filter((slot) => completed[slot.index] === sentOf[slot.index]);
  for (const slot of due) sentOf[slot.index]! += 1;
  for (let i = 0; i < due.length; i += 64) prober.send(due.slice(i, i + 64));
  await turn();
}

async function settle(): Promise<void> {
  while (prober.outstanding > 0) await turn();
}

async function turn(): Promise<void> {
  await sleep(periodMs);
  prober.drain();
  prober.expire();
}
