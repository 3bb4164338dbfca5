// The clocks of a process without FFI. The wall clock has millisecond resolution, which is enough to notice a step.
import type { Clock } from "../../model/clock.ts";

const NS_PER_MS = 1e6;

export function userspaceClock(): Clock {
  const baseSeconds = Math.floor(Date.now() / 1000);
  return {
    baseSeconds,
    monotonicNs: () => Math.round(performance.now() * NS_PER_MS),
    realtimeNs: () => (Date.now() - baseSeconds * 1000) * NS_PER_MS,
  };
}
