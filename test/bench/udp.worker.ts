// Probes one address with the real UDP prober and prints every delay it reports, by the probe's number. Run inside
// the near namespace: udp.worker.ts ADDRESS COUNT PERIOD_MS
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { udpProber } from "../../agent/probes/udp.ts";
import { RecordingSink } from "../support/recording-sink.ts";
import { testSlot } from "../support/test-slot.ts";

const [address, count, periodMs] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const clock = systemClock();
const sink = new RecordingSink();
using prober = udpProber({
  kernel: openLinuxKernel(clock),
  clock,
  sink,
  settings: { timeoutMs: 2_000, sizeBytes: 512, port: 7_843 },
  families: ["ipv4"],
  source: "near",
  incarnation: randomBytes(8).toString("hex"),
  conntrack: () => "not-full",
});
const slot = testSlot({ protocol: "udp", address });
prober.open(slot);
for (let i = 0; i < count; i++) {
  prober.send([slot]);
  do {
    await sleep(periodMs);
    prober.drain();
    prober.expire();
  } while (prober.outstanding > 0);
}
const reports: ({ readonly rttNs: number; readonly clock: string } | null)[] = [];
/** The probe whose delay the next reply tells. */
let held = -1;
for (const event of sink.events) {
  if (event.kind === "delay") reports[held] = { rttNs: event.delay.rttNs, clock: event.delay.clock };
  if (event.kind !== "record") continue;
  const { outcome } = event;
  const known = outcome.kind === "answered" && outcome.rttNs !== undefined;
  if (outcome.kind === "answered" && !known) held = reports.length;
  reports.push(known ? { rttNs: outcome.rttNs, clock: outcome.clock } : null);
}
console.log(JSON.stringify(reports));
