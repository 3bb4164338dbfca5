// Which of the newest 64 numbered packets arrived: kept by the reflector, sent in every reply, read by the sender.

/**
 * Bit k of `high:low` stands for the number `highest` − k. No number above has arrived; of those more than 63 below
 * nothing is known.
 */
export interface Arrivals {
  highest: number;
  high: number;
  low: number;
}

const REACH = 64;

/** The first that is known of: it stands at the far end, so that nothing is said of the numbers below it. */
export function firstArrival(number: number): Arrivals {
  return { highest: number + REACH - 1, high: 0x8000_0000, low: 0 };
}

/** Notes a number. Returns false when it had arrived before, or is too old to know (64 or more below the highest). */
export function noteArrival(arrivals: Arrivals, number: number): boolean {
  const ahead = number - arrivals.highest;
  if (ahead > 0) {
    shiftUp(arrivals, ahead);
    arrivals.highest = number;
    arrivals.low = (arrivals.low | 1) >>> 0;
    return true;
  }
  const back = -ahead;
  if (back >= REACH || bit(arrivals, back)) return false;
  if (back < 32) arrivals.low = (arrivals.low | (1 << back)) >>> 0;
  else arrivals.high = (arrivals.high | (1 << (back - 32))) >>> 0;
  return true;
}

/** What the bitmap says of a number: `beyond` when it is higher than all seen, `forgotten` when it is too low. */
export function arrival(arrivals: Readonly<Arrivals>, number: number): "arrived" | "missing" | "beyond" | "forgotten" {
  const back = arrivals.highest - number;
  if (back < 0) return "beyond";
  if (back >= REACH) return "forgotten";
  return bit(arrivals, back) ? "arrived" : "missing";
}

/** 16 hex digits, most significant first. */
export function arrivalsHex(arrivals: Readonly<Arrivals>): string {
  return arrivals.high.toString(16).padStart(8, "0") + arrivals.low.toString(16).padStart(8, "0");
}

/** Undefined when the text is not 1 to 16 hex digits. */
export function parseArrivals(highest: number, hex: string): Arrivals | undefined {
  if (!/^[0-9a-f]{1,16}$/i.test(hex) || !Number.isSafeInteger(highest) || highest < 0) return undefined;
  const digits = hex.padStart(16, "0");
  return { highest, high: Number.parseInt(digits.slice(0, 8), 16), low: Number.parseInt(digits.slice(8), 16) };
}

function bit(arrivals: Readonly<Arrivals>, back: number): boolean {
  return ((back < 32 ? arrivals.low >>> back : arrivals.high >>> (back - 32)) & 1) === 1;
}

function shiftUp(arrivals: Arrivals, by: number): void {
  const { high, low } = arrivals;
  // A shift by 32 or more is taken modulo 32 in JavaScript.
  if (by >= REACH) {
    arrivals.high = 0;
    arrivals.low = 0;
  } else if (by >= 32) {
    arrivals.high = (low << (by - 32)) >>> 0;
    arrivals.low = 0;
  } else {
    arrivals.high = ((high << by) | (low >>> (32 - by))) >>> 0;
    arrivals.low = (low << by) >>> 0;
  }
}
