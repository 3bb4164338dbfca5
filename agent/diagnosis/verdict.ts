// The answer in one sentence: what is wrong, that nothing is, or that it cannot be told.
import { counted } from "../base/format.ts";
import type { Finding, NetworkCheck, Verdict } from "../model/finding.ts";
import { listed } from "./catalogue/words.ts";
import type { Evidence } from "./evidence/evidence.ts";

/** Of the rows, the share that must be there to say that nothing is wrong. */
const ENOUGH_ROWS = 0.5;

export function answer(evidence: Evidence, findings: readonly Finding[], checks: readonly NetworkCheck[]): Verdict {
  const { nodes, judge, atSeconds } = evidence;
  const by = judge === undefined ? { name: "", zone: "" } : nodes[judge]!.node;
  const missing = nodes.filter(({ agent }) => !agent).map(({ node }) => node.name);
  const sorted = [...findings].sort((a, b) => weightOf(b) - weightOf(a));
  const isBlind = nodes.length - missing.length < nodes.length * ENOUGH_ROWS;
  const state = isBlind || nodes.length < 2 ? "undecided" : findings.length > 0 ? "broken" : "fine";
  return {
    schemaVersion: 1,
    at: new Date(atSeconds * 1000).toISOString(),
    by,
    state,
    text: textOf({ sorted, missing, count: nodes.length, isBlind }),
    findings: sorted,
    checks,
  };
}

/** Wide and total before narrow and partial. */
function weightOf({ subject, figures, confidence }: Finding): number {
  const width = { mesh: 6, zone: 5, "zone-pair": 4, group: 3, node: 2, pair: 1 }[subject.kind];
  return width + (figures.loss ?? 0.5) + confidence / 10;
}

function textOf({
  sorted,
  missing,
  count,
  isBlind,
}: {
  readonly sorted: readonly Finding[];
  readonly missing: readonly string[];
  readonly count: number;
  readonly isBlind: boolean;
}): string {
  const unseen = missing.length === 0 ? "" : ` No row from ${listed(missing)}.`;
  if (count < 2) return "There is one node only: nothing to measure between.";
  if (isBlind) return `It cannot be decided from here: ${missing.length} of ${counted(count, "row")} are missing.`;
  const [first] = sorted;
  if (!first) return `Nothing is wrong between ${counted(count, "node")}, as far as can be seen.${unseen}`;
  return sorted.length === 1 ? first.text : `${first.text} And ${counted(sorted.length - 1, "more finding")}.`;
}
