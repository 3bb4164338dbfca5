// What two relays say of one row, where no key tells which of them lies. What counts is what both say: of every loss,
// delay and shortfall the smaller one. So one relay alone can accuse nobody, whatever it makes up.
import { isDeepStrictEqual } from "node:util";
import type { Span } from "../base/span.ts";
import { FAILURE_REASONS } from "../model/outcome.ts";
import type { AgentHealth, PairWindow, PathMtu, Row } from "../model/snapshot.ts";
import type { WindowSummary } from "../model/window.ts";

/** Rows that the relays got one after the other: a row is kept for a second by its agent, and for one by a relay. */
const WRITTEN_APART_MS = 5_000;
/** In that time a window of a minute may gain or lose so many of its probes, and at least this many. */
const PROBES_APART_SHARE = 0.1;
const PROBES_APART = 3;

/** The row that both stand for, or in words why they do not. */
export function agreedRow(a: Row, b: Row): Row | { readonly contrary: string } {
  if (!IDENTITY.every((of) => a[of] === b[of]) || !SETUP.every((of) => isDeepStrictEqual(a.health[of], b.health[of])))
    return { contrary: "they tell of different agents" };
  if (Math.abs(Date.parse(a.at) - Date.parse(b.at)) > WRITTEN_APART_MS)
    return { contrary: "they tell of different times" };
  const pairs = inBoth(a.pairs, b.pairs, slotKey);
  const contrary = pairs.find(([ours, theirs]) => areContrary(ours.window, theirs.window));
  if (contrary !== undefined) {
    const [{ destination, network, protocol }] = contrary;
    return { contrary: `they differ on ${destination.name}, ${protocol.toUpperCase()} on the ${network} network` };
  }
  const { pairs: _pairs, ...besides } = a;
  return {
    ...a,
    ...said(besides, b),
    source: a.source,
    ...(a.covered && b.covered && { covered: inBothSpans(a.covered, b.covered) }),
    at: Date.parse(a.at) < Date.parse(b.at) ? a.at : b.at,
    health: { ...a.health, ...said(a.health, b.health), ...smaller(a.health, b.health) },
    pairs: pairs.map(([ours, theirs]) => milderPair(ours, theirs)),
    pathMtu: inBoth(a.pathMtu, b.pathMtu, pathKey).map(([m, n]) => (m.shortfallBytes <= n.shortfallBytes ? m : n)),
  };
}

const inBothSpans = (a: Span, b: Span): Span => ({
  since: Date.parse(a.since) > Date.parse(b.since) ? a.since : b.since,
  until: Date.parse(a.until) < Date.parse(b.until) ? a.until : b.until,
});

const IDENTITY = ["schemaVersion", "version", "incarnation", "startedAt"] as const;
const SETUP = ["engine", "stamps"] as const;

const slotKey = (p: PairWindow): string => `${p.destination.name} ${p.network} ${p.protocol} ${p.family} ${p.address}`;
const pathKey = (m: PathMtu): string => `${m.destination.name} ${m.network} ${m.family}`;

function areContrary(a: WindowSummary, b: WindowSummary): boolean {
  const apart = Math.max(PROBES_APART, Math.max(a.probes, b.probes) * PROBES_APART_SHARE);
  return (["probes", "failures", "refusals", "retransmits"] as const).some((of) => Math.abs(a[of] - b[of]) > apart);
}

function milderPair(a: PairWindow, b: PairWindow): PairWindow {
  // What only one of them says, or says otherwise, is left out: also what a newer agent may tell besides.
  const theirs = b as unknown as Readonly<Record<string, unknown>>;
  const same = Object.entries(a).filter(([name, ours]) => isDeepStrictEqual(ours, theirs[name]));
  return {
    ...(Object.fromEntries(same) as unknown as PairWindow),
    destination: a.destination,
    window: milder(a.window, b.window),
  };
}

function milder(a: WindowSummary, b: WindowSummary): WindowSummary {
  const least = (of: "failures" | "refusals" | "retransmits" | "lostForward" | "lostReverse") => Math.min(a[of], b[of]);
  const quickest = (of: `rtt${"Mean" | "Min" | "Max"}Ns` | "jitterNs") =>
    a[of] === undefined || b[of] === undefined ? undefined : Math.min(a[of], b[of]);
  return {
    probes: Math.max(a.probes, b.probes),
    failures: least("failures"),
    refusals: least("refusals"),
    reasons: Object.fromEntries(
      FAILURE_REASONS.flatMap((reason) => {
        const both = Math.min(a.reasons[reason] ?? 0, b.reasons[reason] ?? 0);
        return both === 0 ? [] : [[reason, both]];
      }),
    ),
    retransmits: least("retransmits"),
    lostForward: least("lostForward"),
    lostReverse: least("lostReverse"),
    rttMeanNs: quickest("rttMeanNs"),
    rttMinNs: quickest("rttMinNs"),
    rttMaxNs: quickest("rttMaxNs"),
    jitterNs: quickest("jitterNs"),
  };
}

/**
 * Of each field what stands in both, of a list the elements: which way a UDP packet died, for instance, is told by single
 * bits. What differs is left undefined. A newer agent may say more than this one knows of, and nothing of it counts on
 * one relay's word.
 */
function said<T extends object>(a: T, b: T): Partial<T> {
  const theirs = b as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(a).map(([name, ours]) => {
      const other = theirs[name];
      if (Array.isArray(ours) && Array.isArray(other)) {
        const elements = new Set(other.map((element) => JSON.stringify(element)));
        return [name, ours.filter((element) => elements.has(JSON.stringify(element)))];
      }
      return [name, isDeepStrictEqual(ours, other) ? ours : undefined];
    }),
  ) as Partial<T>;
}

function smaller(a: AgentHealth, b: AgentHealth): Partial<AgentHealth> {
  const theirs = b as unknown as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(a).flatMap(([name, ours]) => {
      const other = theirs[name];
      return typeof ours === "number" && typeof other === "number" ? [[name, Math.min(ours, other)]] : [];
    }),
  );
}

function inBoth<T>(as: readonly T[], bs: readonly T[], key: (value: T) => string): (readonly [T, T])[] {
  const theirs = new Map(bs.map((b) => [key(b), b]));
  return as.flatMap((a) => {
    const b = theirs.get(key(a));
    return b === undefined ? [] : [[a, b] as const];
  });
}
