// Numbers made of names: always the same, on every node and after every restart, and spread evenly. Not for secrets.

/** FNV-1a over UTF-16 units, then mixed. 32 bits, unsigned. */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix32(h);
}

/** The finalizer of MurmurHash3: numbers that differ in one bit land far apart. */
export function mix32(number: number): number {
  let h = number;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The share in [0, 1) of an interval at which a thing of this name has its turn, so that turns spread evenly. */
export const phase = (name: string): number => hash32(name) / 2 ** 32;
