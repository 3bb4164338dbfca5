// One core, one ICMP prober, as fast as it goes. Run inside the near namespace; prints one line of JSON.
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import type { Slot } from "../../agent/model/slot.ts";
import { icmpProber } from "../../agent/probes/icmp.ts";
import { createResults } from "../../agent/results/results.ts";

const [addresses, seconds] = [process.argv[2]!.split(","), Number(process.argv[3])];
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
const cpu = process.cpuUsage();
const started = clock.monotonicNs();
const end = started + seconds * 1e9;
let sent = 0;
while (clock.monotonicNs() < end) {
  for (let i = 0; i < slots.length; i += 64) prober.send(slots.slice(i, i + 64));
  sent += slots.length;
  prober.drain();
  prober.expire();
}
const tookNs = clock.monotonicNs() - started;
while (prober.outstanding > 0) {
  prober.drain();
  prober.expire();
}
const { user, system } = process.cpuUsage(cpu);
const { counters } = results.capture();
const total = (name: "probes" | "failures" | "rttCount") =>
  slots.reduce((sum, slot) => sum + counters.get(slot.index, name), 0);
console.log(
  JSON.stringify({
    sent,
    probes: total("probes"),
    failures: total("failures"),
    perSecond: sent / (tookNs / 1e9),
    cpuUs: (user + system) / sent,
    drops: prober.socketDrops(),
    mean: slots.reduce((s, slot) => s + counters.rttSumNs(slot.index), 0) / total("rttCount"),
  }),
);
