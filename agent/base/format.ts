// Numbers as a person reads them: sensible units, and no digit that the measurement does not carry. Pure.

/** Stamps are true to about a microsecond, so nothing below one is told. */
export function formatDelay(ns: number): string {
  const us = ns / 1e3;
  if (us < 1) return "<1 µs";
  if (us < 999.5) return `${Math.round(us)} µs`;
  const ms = us / 1e3;
  if (ms < 9.995) return `${ms.toFixed(2)} ms`;
  if (ms < 99.95) return `${ms.toFixed(1)} ms`;
  if (ms < 9_999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1e3).toFixed(1)} s`;
}

/** A minute holds at most some hundred probes: whole per cents, and loss never rounds to none nor to all. */
export function formatLoss(ratio: number): string {
  if (ratio === 0) return "0%";
  if (ratio < 0.01) return "<1%";
  if (ratio < 1 && ratio > 0.99) return ">99%";
  return `${Math.round(ratio * 100)}%`;
}

export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** "a", "a and b", "a, b and c", "a, b, c and 4 more". */
export function listed(names: readonly string[], most = 4): string {
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  return shown.length < 2 ? (shown[0] ?? "") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)!}`;
}

export function formatAge(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/** A rate in steps of 1,000: "941 Mbit/s". */
export const formatBits = (perSecond: number): string => `${inSteps(perSecond)}bit/s`;

/** An amount in steps of 1,000, as rates are: "12.5 GB". */
export const formatBytes = (bytes: number): string => `${inSteps(bytes)}B`;

const PREFIXES = ["", "k", "M", "G", "T"];

/** Three digits; the prefix goes up where rounding does. */
function inSteps(amount: number): string {
  let step = 0;
  while (amount >= 999.5 && step < PREFIXES.length - 1) {
    amount /= 1_000;
    step++;
  }
  const digits = amount >= 99.95 || step === 0 ? 0 : amount >= 9.995 ? 1 : 2;
  return `${amount.toFixed(digits)} ${PREFIXES[step]!}`;
}
