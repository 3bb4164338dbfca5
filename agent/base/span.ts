// A stretch of time, as it is asked for ("10m", "2026-11-27T02:00:00Z") and as it is told. Pure.

/** RFC 3339, UTC; `until` is not part of it. */
export interface Span {
  readonly since: string;
  readonly until: string;
}

export interface AskedSpan {
  readonly since: string;
  /** Now where it is left out. */
  readonly until?: string | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** What was asked, as moments; or what is wrong with it. */
export function parseSpan({ since, until }: AskedSpan, nowMs: number): Span | { readonly error: string } {
  const from = parseMoment(since, nowMs);
  if (from === undefined) return { error: wrong("since", since) };
  const to = until === undefined ? nowMs : parseMoment(until, nowMs);
  if (to === undefined) return { error: wrong("until", until!) };
  if (from >= to) return { error: "'since' lies before 'until', and before now" };
  return { since: new Date(from).toISOString(), until: new Date(Math.min(to, nowMs)).toISOString() };
}

function parseMoment(text: string, nowMs: number): number | undefined {
  const [, amount, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (amount !== undefined) return nowMs - Number(amount) * UNIT_MS[unit!]!;
  const ms = MOMENT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

const wrong = (name: string, text: string): string =>
  `'${name}' takes a time ago (90s, 10m, 1h) or a moment (2026-11-27T02:00:00Z), not '${text.slice(0, 40)}'`;

/** "14:03 to 14:13 UTC". */
export const formatSpan = ({ since, until }: Span): string => `${hourOf(since)} to ${hourOf(until)} UTC`;

export const hourOf = (moment: string): string => new Date(Date.parse(moment)).toISOString().slice(11, 16);
