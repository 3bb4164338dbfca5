// The machine's clocks, for the kernel engine.
import type { Clock } from "../base/clock.ts";
import { CLOCK_REALTIME } from "./constants.ts";
import { clockGettime } from "./libc.ts";

const NS_PER_MS = 1e6;
const NS_PER_SECOND = 1e9;

export function systemClock(): Clock {
  const baseSeconds = Math.floor(Date.now() / 1000);
  const time = new BigInt64Array(2);
  return {
    baseSeconds,
    // performance.now() is CLOCK_MONOTONIC (uv_hrtime) since the process started.
    monotonicNs: () => Math.round(performance.now() * NS_PER_MS),
    realtimeNs() {
      clockGettime(CLOCK_REALTIME, time);
      return (Number(time[0]) - baseSeconds) * NS_PER_SECOND + Number(time[1]);
    },
  };
}
