// A trace as a process of its own, for whom it is started as: `node trace-process.ts OPTIONS`, prints the report as JSON.
import { setTimeout as sleep } from "node:timers/promises";
import { PathProbes, type PathProbesOptions } from "../../agent/actions/path/path-probes.ts";
import { Trace, type TraceSettings } from "../../agent/actions/trace/trace.ts";
import { systemClock } from "../../agent/kernel/clock.ts";
import { openLinuxKernel } from "../../agent/kernel/linux.ts";

export type TraceProcessOptions = TraceSettings & Pick<PathProbesOptions, "to" | "network" | "family">;

const options = JSON.parse(process.argv[2]!) as TraceProcessOptions;
const clock = systemClock();
const kernel = openLinuxKernel(clock);
using probes = new PathProbes({ ...options, kernel, clock, key: undefined, source: "node-1", timeoutMs: 500 });
const trace = new Trace(options, (probe) => probes.send(probe));
while (!trace.isOver) {
  probes.tick();
  trace.tick(clock.monotonicNs());
  await sleep(10);
}
process.stdout.write(JSON.stringify({ sourcePorts: probes.sourcePorts, ...trace.report(), uid: process.getuid!() }));
