// NTP timestamps of 64 bits (RFC 5905 §6): seconds since 1900 and a binary fraction, 0.23 ns each. Pure.

/** 1900-01-01 to 1970-01-01. */
const UNIX_EPOCH_SECONDS = 2_208_988_800;
const NS_PER_SECOND = 1e9;
const FRACTIONS_PER_SECOND = 2 ** 32;

/** `ns` counts from `baseSeconds` of Unix time, as `Clock.realtimeNs` does. */
export function writeNtp(
  view: DataView,
  at: number,
  time: { readonly ns: number; readonly baseSeconds: number },
): void {
  const seconds = Math.floor(time.ns / NS_PER_SECOND);
  view.setUint32(at, (seconds + time.baseSeconds + UNIX_EPOCH_SECONDS) % FRACTIONS_PER_SECOND);
  view.setUint32(at + 4, Math.floor(((time.ns - seconds * NS_PER_SECOND) / NS_PER_SECOND) * FRACTIONS_PER_SECOND));
}

/** Nanoseconds since `baseSeconds`, right whenever the two are within 68 years, so across the end of an NTP era too. */
export function readNtp(view: DataView, at: number, baseSeconds: number): number {
  const base = (baseSeconds + UNIX_EPOCH_SECONDS) % FRACTIONS_PER_SECOND;
  return ((view.getUint32(at) - base) | 0) * NS_PER_SECOND + fractionNs(view, at);
}

/** One timestamp minus another, without the rounding that counting both from far away would bring. */
export function ntpDifferenceNs(view: DataView, later: number, earlier: number): number {
  return (
    ((view.getUint32(later) - view.getUint32(earlier)) | 0) * NS_PER_SECOND +
    (fractionNs(view, later) - fractionNs(view, earlier))
  );
}

const fractionNs = (view: DataView, at: number) => (view.getUint32(at + 4) / FRACTIONS_PER_SECOND) * NS_PER_SECOND;
