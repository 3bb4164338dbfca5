// A newer agent may measure what this one has no word for: another protocol, network or family, another reason of a
// failure. That part of its row is left out, and said; the rest counts.
import { FAILURE_REASONS } from "../model/outcome.ts";
import { IP_FAMILIES, NETWORKS } from "../model/peer.ts";
import { PROTOCOLS } from "../probes/protocols.ts";

type Json = Readonly<Record<string, unknown>>;

/** Anything else is no word of a newer agent but a fault, and stays for the schema to refuse. */
const WORD = /^[a-z][a-z0-9-]{0,31}$/;
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  network: NETWORKS,
  protocol: PROTOCOLS,
  family: IP_FAMILIES,
};
const LISTS = ["pairs", "pathMtu", "udpReceived", "unprobed"] as const;
const MOST_TOLD = 8;

/** `leftOut`: "protocol quic"; the row is the same object where there is nothing to leave out. */
export function withoutUnknown(row: unknown): { readonly row: unknown; readonly leftOut: readonly string[] } {
  if (!isObject(row)) return { row, leftOut: [] };
  const leftOut = new Set<string>();
  const changed: Record<string, unknown> = { ...row };
  for (const list of LISTS) if (list in row) changed[list] = entries(row[list], leftOut);
  changed["pairs"] = reasons(changed["pairs"], leftOut);
  const { health } = row;
  if (isObject(health))
    changed["health"] = {
      ...health,
      ...("unavailable" in health && { unavailable: entries(health["unavailable"], leftOut) }),
      ...("stamps" in health && { stamps: keys(health["stamps"], PROTOCOLS, "protocol", leftOut) }),
    };
  return leftOut.size === 0 ? { row, leftOut: [] } : { row: changed, leftOut: [...leftOut].slice(0, MOST_TOLD) };
}

function entries(list: unknown, leftOut: Set<string>): unknown {
  if (!Array.isArray(list)) return list;
  return list.filter((one: unknown) => {
    if (!isObject(one)) return true;
    const unknown = Object.entries(KNOWN).find(([name, known]) => isNewWord(one[name], known));
    if (unknown === undefined) return true;
    leftOut.add(`${unknown[0]} ${String(one[unknown[0]])}`);
    return false;
  });
}

/** The failures stay counted, only their reason is not told. */
function reasons(pairs: unknown, leftOut: Set<string>): unknown {
  if (!Array.isArray(pairs)) return pairs;
  return pairs.map((pair: unknown) => {
    const window = isObject(pair) ? pair["window"] : undefined;
    if (!isObject(pair) || !isObject(window)) return pair;
    const told = window["reasons"];
    const kept = keys(told, FAILURE_REASONS, "reason", leftOut);
    return kept === told ? pair : { ...pair, window: { ...window, reasons: kept } };
  });
}

function keys(record: unknown, known: readonly string[], what: string, leftOut: Set<string>): unknown {
  if (!isObject(record)) return record;
  const fresh = Object.keys(record).filter((key) => isNewWord(key, known));
  if (fresh.length === 0) return record;
  for (const key of fresh) leftOut.add(`${what} ${key}`);
  return Object.fromEntries(Object.entries(record).filter(([key]) => !fresh.includes(key)));
}

const isNewWord = (value: unknown, known: readonly string[]): boolean =>
  typeof value === "string" && WORD.test(value) && !known.includes(value);

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;
