// Time as a seam. Everything that measures takes a Clock; only kernel/clock.ts asks the machine.

/**
 * Two clocks read together. All values are nanoseconds as plain numbers, exact to the nanosecond for 104 days
 * (2^53 ns) and to 2 ns for a year, because both count from a base taken when the process started.
 */
export interface Clock {
  /** CLOCK_MONOTONIC since the base. Never steps. */
  monotonicNs(): number;
  /** CLOCK_REALTIME since the base (see `baseSeconds`), the clock of the kernel's packet stamps. May step. */
  realtimeNs(): number;
  /** Whole seconds of CLOCK_REALTIME that `realtimeNs` counts from. */
  readonly baseSeconds: number;
}
