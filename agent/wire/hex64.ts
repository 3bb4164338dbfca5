// Eight bytes as hexadecimal digits. Every packet carries two or three of them, and a mesh has few: made anew each time they
// would be a third of the memory of an agent with a thousand peers.

/** A thousand peers have two each. */
const PLACES = 1 << 12;
const SHIFT = 32 - 12;

const highs = new Uint32Array(PLACES);
const lows = new Uint32Array(PLACES);
const texts: (string | undefined)[] = Array.from({ length: PLACES });

/** Sixteen digits. What was asked for lately is the same string again. */
export function hex64(view: DataView, at: number): string {
  const high = view.getUint32(at);
  const low = view.getUint32(at + 4);
  const place = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> SHIFT;
  const known = texts[place];
  if (known !== undefined && highs[place] === high && lows[place] === low) return known;
  // Buffer makes it in one piece; a sum of strings stays a tree of its parts.
  const text = Buffer.from(view.buffer, view.byteOffset + at, 8).toString("hex");
  highs[place] = high;
  lows[place] = low;
  return (texts[place] = text);
}
