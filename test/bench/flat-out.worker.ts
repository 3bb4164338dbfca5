// One core, one ICMP prober, as fast as it goes. Run inside the near namespace; prints one line of JSON.
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { createResults } from "../../agent/results/results.ts";

const [addresses, seconds] = [process.argv[2]!.split(","), Number(process.argv[3])];
const WARM_UP_SECONDS = 2;
const clock = systemClock();
const results = createResults({ clock, pairDetail: "default" });
const prober = icmpProber({
  kernel: openLinuxKernel(clock),
  clock,
  sink: results,
  settings: { timeoutMs: 800, sizeBytes: 64 },
  families: ["ipv4"],
  conntrack: () => "not-full",
});
const slots: Slot[] = addresses.map((address, index) => ({
  index,
  address,
  network: "pod",
  protocol: "icmp",
  family: "ipv4",
  pair: { source: { name: "near", zone: "" }, destination: { name: `far-${index}`, zone: "" } },
}));
for (const slot of slots) {
  results.open(slot);
  prober.open(slot);
}
let sent = 0;
function goOn(forSeconds: number): void {
  const end = clock.monotonicNs() + forSeconds * 1e9;
  while (clock.monotonicNs() < end) {
    for (let i = 0; i < slots.length; i += 64) prober.send(slots.slice(i, i + 64));
    sent += slots.length;
    prober.drain();
    prober.expire();
  }
}
// Hot code is compiled in steps.
goOn(WARM_UP_SECONDS);
const warmUp = sent;
const cpu = process.cpuUsage();
const started = clock.monotonicNs();
goOn(seconds);
const { user, system } = process.cpuUsage(cpu);
const tookNs = clock.monotonicNs() - started;
const measured = sent - warmUp;
while (prober.outstanding > 0) {
  prober.drain();
  prober.expire();
}
const { counters } = results.capture();
const total = (name: "probes" | "failures" | "rttCount") =>
  slots.reduce((sum, slot) => sum + counters.get(slot.index, name), 0);
console.log(
  JSON.stringify({
    sent,
    probes: total("probes"),
    failures: total("failures"),
    perSecond: measured / (tookNs / 1e9),
    cpuUs: (user + system) / measured,
    drops: prober.socketDrops(),
    mean: slots.reduce((s, slot) => s + counters.rttSumNs(slot.index), 0) / total("rttCount"),
  }),
);
