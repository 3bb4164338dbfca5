// Shakes hands with many addresses, again and again, by the real TCP prober: syn.worker.ts ADDRESSES ROUNDS PERIOD_MS
// Prints what was counted.
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { tcpProber } from "../../agent/probes/tcp.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";

const [addresses, rounds, periodMs] = [process.argv[2]!.split(","), Number(process.argv[3]), Number(process.argv[4])];
const clock = systemClock();
const sink = new RecordingSink();
using prober = tcpProber({
  kernel: openLinuxKernel(clock),
  clock,
  sink,
  settings: { timeoutMs: 4_000, port: 7_843 },
  conntrack: () => "not-full",
});
const slots = addresses.map((address) => testSlot({ protocol: "tcp", address }));
for (const slot of slots) prober.open(slot);
for (let round = 0; round < rounds; round++) {
  prober.send(slots);
  for (const until = performance.now() + periodMs; performance.now() < until;) await turn();
}
while (prober.outstanding > 0) await turn();
const outcomes = sink.outcomes();
console.log(
  JSON.stringify({
    probes: outcomes.length,
    failures: outcomes.filter((o) => o.kind === "failed").length,
    withRtt: outcomes.filter((o) => o.kind === "answered" && o.rttNs !== undefined).length,
    retransmits: sink.retransmitCounts().reduce((a, b) => a + b, 0),
  }),
);

async function turn(): Promise<void> {
  await sleep(20);
  prober.drain();
  prober.expire();
}
