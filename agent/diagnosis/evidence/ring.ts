// A few minutes of seconds as one bit each, of many rows in one array.
/** How far back one can look. The ring is a little longer, in whole words. */
export const HISTORY_SECONDS = 300;
export const RING_SECONDS = 320;
export const RING_WORDS = RING_SECONDS / 32;

/** Words of a ring with the last `seconds` set, the youngest of which is `now`. */
export function ringMask(now: number, seconds: number): Uint32Array {
  const mask = new Uint32Array(RING_WORDS);
  orSeconds(mask, 0, { now, seconds });
  return mask;
}

export function countBits(ring: Uint32Array, row: number, mask: Uint32Array): number {
  let sum = 0;
  for (let w = 0, i = row * RING_WORDS; w < RING_WORDS; w++, i++) if (ring[i] !== 0) sum += ones(ring[i]! & mask[w]!);
  return sum;
}

/** Bits that are set in both rings. */
export function countBoth(a: Uint32Array, b: Uint32Array, row: number, mask: Uint32Array): number {
  let sum = 0;
  for (let w = 0, i = row * RING_WORDS; w < RING_WORDS; w++, i++) if (a[i] !== 0) sum += ones(a[i]! & b[i]! & mask[w]!);
  return sum;
}

/** Set bits of a word. */
function ones(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function orSeconds(
  ring: Uint32Array,
  row: number,
  span: { readonly now: number; readonly seconds: number },
): void {
  for (let age = 0; age < span.seconds; age++) setBit(ring, row, span.now - age);
}

export function setBit(ring: Uint32Array, row: number, second: number): void {
  const at = ringAt(second);
  ring[row * RING_WORDS + (at >>> 5)]! |= 1 << (at & 31);
}

export const isBitSet = (ring: Uint32Array, row: number, second: number): boolean => {
  const at = ringAt(second);
  return ((ring[row * RING_WORDS + (at >>> 5)]! >>> (at & 31)) & 1) === 1;
};

/** How many seconds after `second` the youngest second of this place in a ring is. */
export const secondsAfter = (second: number, at: number): number => (at - ringAt(second) + RING_SECONDS) % RING_SECONDS;

/** Seconds may be small in tests; a ring has no negative places. */
const ringAt = (second: number): number => ((second % RING_SECONDS) + RING_SECONDS) % RING_SECONDS;
