// Where inside its interval a slot is probed: from a hash of its name, so that probes spread evenly, agents do not
// act in step, and a restart changes nothing.

/** FNV-1a, then the finaliser of MurmurHash3 so that near-alike names land far apart. 32 bits, unsigned. */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A share of the interval in [0, 1). */
export const phase = (name: string): number => hash32(name) / 2 ** 32;
