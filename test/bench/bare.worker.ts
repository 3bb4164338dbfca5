// One core, the same packets, nothing but the system calls: send a batch, read replies and stamps until there are none.
// Run inside the near namespace: bare.worker.ts ADDRESS,ADDRESS… SECONDS. Prints one line of JSON.
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";
import { encodeEchoRequest } from "../../agent/wire/icmp.ts";

const BATCH = 64;
const SIZE_BYTES = 64;
const [addresses, seconds] = [process.argv[2]!.split(","), Number(process.argv[3])];
const clock = systemClock();
const kernel = openLinuxKernel(clock);
const socket = kernel.openIcmp({ family: "ipv4" });
const incoming = kernel.createBatch(BATCH, SIZE_BYTES + 128);
const batches = Array.from({ length: Math.ceil(addresses.length / BATCH) }, (_, b) => {
  const batch = kernel.createBatch(BATCH, SIZE_BYTES);
  const to = addresses.slice(b * BATCH, (b + 1) * BATCH);
  for (const [i, address] of to.entries()) {
    const echo = { identifier: socket.port, sequence: b * BATCH + i, nonceHigh: 1, nonceLow: 2 };
    encodeEchoRequest(batch.room(i), "ipv4", echo);
    batch.prepare(i, SIZE_BYTES, kernel.socketAddress(address, 0));
  }
  return { batch, count: to.length };
});
const cpu = process.cpuUsage();
const started = clock.monotonicNs();
const end = started + seconds * 1e9;
let [sent, received] = [0, 0];
while (clock.monotonicNs() < end) {
  for (const { batch, count } of batches) sent += Math.max(0, socket.send(batch, 0, count));
  for (let stamps = 1; stamps > 0;) stamps = socket.receiveErrors(incoming);
  for (let replies = 1; replies > 0; received += replies) replies = socket.receive(incoming);
}
const perSecond = sent / ((clock.monotonicNs() - started) / 1e9);
const { user, system } = process.cpuUsage(cpu);
socket[Symbol.dispose]();
console.log(JSON.stringify({ sent, received, perSecond, cpuUs: (user + system) / sent }));
