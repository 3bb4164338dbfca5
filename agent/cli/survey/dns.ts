// Lookups as agents count them, read from their metrics: for each node, server and name, since its agent started. Pure.
export interface DnsLookups {
  readonly server: string;
  readonly name: string;
  lookups: number;
  failures: number;
  readonly reasons: Record<string, number>;
  sumSeconds: number;
  answered: number;
  /** Answered only after what a resolver waits for a lost answer: 4 s and more. */
  late: number;
}

/** Below the 5 s after which a resolver asks again. */
const LATE_SECONDS = 4;
const LINE =
  /^internode_dns_(lookups_total|failures_total|failure_reasons_total|lookup_seconds_(?:sum|count|bucket))\{(.*)\} (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function dnsOf(metrics: string): readonly DnsLookups[] {
  const found = new Map<string, DnsLookups>();
  const soon = new Map<DnsLookups, number>();
  for (const line of metrics.split("\n")) {
    const [, family, labelText = "", value = ""] = LINE.exec(line) ?? [];
    if (family === undefined) continue;
    const labels = Object.fromEntries(
      [...labelText.matchAll(LABEL)].map(([, key, raw]) => [
        key!,
        raw!.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c)),
      ]),
    );
    const [server = "", name = ""] = [labels["server"], labels["name"]];
    const key = JSON.stringify([server, name]);
    const own = found.get(key) ?? {
      server,
      name,
      lookups: 0,
      failures: 0,
      reasons: {},
      sumSeconds: 0,
      answered: 0,
      late: 0,
    };
    found.set(key, own);
    const n = Number(value);
    switch (family) {
      case "lookups_total":
        own.lookups = n;
        break;
      case "failures_total":
        own.failures = n;
        break;
      case "failure_reasons_total":
        own.reasons[labels["reason"] ?? ""] = n;
        break;
      case "lookup_seconds_sum":
        own.sumSeconds = n;
        break;
      case "lookup_seconds_count":
        own.answered = n;
        break;
      case "lookup_seconds_bucket":
        // Cumulative: the widest bucket that is still soon enough counts all that came in time.
        if (Number(labels["le"]) <= LATE_SECONDS) soon.set(own, Math.max(soon.get(own) ?? 0, n));
        break;
    }
  }
  for (const own of found.values()) own.late = Math.max(0, own.answered - (soon.get(own) ?? own.answered));
  return [...found.values()];
}
