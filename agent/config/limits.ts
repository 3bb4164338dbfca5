/** Caps compiled in (design §2.11): no configuration can make the mesh a flood. */
export const LIMITS = {
  minIntervalMs: 100,
  maxPacketBytes: 9_000,
} as const;
