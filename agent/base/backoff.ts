// How long to wait before trying again.

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Full jitter: anything from 0 to the doubled base, so that a thousand agents cut off together do not come back
 * together. `attempt` counts failures in a row, from 1.
 */
export function backoffMs(
  attempt: number,
  { baseMs, capMs }: BackoffOptions,
  random: () => number = Math.random,
): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(30, attempt - 1));
}
