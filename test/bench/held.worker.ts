// Probes one address with the real ICMP prober under hardship: held.worker.ts ADDRESS COUNT PERIOD_MS rest|blocked|quota
// Prints "ready" and begins when told. Then prints every delay it reports, in order of sending. `blocked`: the event
// loop does something else for 80 ms in every 200. `quota`: a busy loop competes in the same control group.
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";
import { nothingMore, told } from "./stdin.ts";

const [address, count, periodMs, hardship] = [
  process.argv[2]!,
  Number(process.argv[3]),
  Number(process.argv[4]),
  process.argv[5]!,
];
const clock = systemClock();
const sink = new RecordingSink();
using prober = icmpProber({
  kernel: openLinuxKernel(clock),
  clock,
  sink,
  settings: { timeoutMs: 800, sizeBytes: 64 },
  families: ["ipv4"],
  conntrack: () => "not-full",
});
// A slot a probe: what is still outstanding after a pause must not keep the next one back.
const slots = Array.from({ length: count }, () => testSlot({ protocol: "icmp", address }));
for (const slot of slots) prober.open(slot);
console.log("ready");
await told();
const competitor = hardship === "quota" ? spawn("sh", ["-c", "while :; do :; done"]) : undefined;
const blocker = hardship === "blocked" ? setInterval(() => busyFor(80), 200) : undefined;
const began = performance.now();
for (let sent = 0; sent < count;) {
  // What came due while this process did not run is sent in one batch.
  const due = Math.min(count, 1 + Math.floor((performance.now() - began) / periodMs));
  prober.send(slots.slice(sent, due));
  sent = due;
  await sleep(periodMs);
  prober.drain();
  prober.expire();
}
clearInterval(blocker);
while (prober.outstanding > 0) {
  await sleep(periodMs);
  prober.drain();
  prober.expire();
}
competitor?.kill("SIGKILL");
const bySlot = slots.map((slot) => sink.outcomes(slot)[0]);
console.log(JSON.stringify(bySlot.map((o) => (o?.kind === "answered" ? (o.rttNs ?? null) : null))));
nothingMore();

function busyFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
