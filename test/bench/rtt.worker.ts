// Probes one address with the real ICMP prober and writes every delay it reports, in order of sending. Run inside
// the near namespace: rtt.worker.ts ADDRESS COUNT PERIOD_MS
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";

const [address, count, periodMs] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const clock = systemClock();
const sink = new RecordingSink();
const prober = icmpProber({
  kernel: openLinuxKernel(clock),
  clock,
  sink,
  settings: { timeoutMs: 800, sizeBytes: 64 },
  families: ["ipv4"],
  conntrack: () => "not-full",
});
const slot = testSlot({ protocol: "icmp", address });
prober.open(slot);
for (let i = 0; i < count; i++) {
  prober.send([slot]);
  await sleep(periodMs);
  prober.drain();
  prober.expire();
}
console.log(JSON.stringify(sink.outcomes().map((o) => (o.kind === "answered" ? o.rttNs : null))));
