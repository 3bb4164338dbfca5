// The answer in one sentence: what is wrong, that nothing is, or that it cannot be told.
import { counted } from "../base/format.ts";
import type { Finding, NetworkCheck, Verdict } from "../model/finding.ts";
import { listed } from "./catalogue/words.ts";
import type { Evidence } from "./evidence/evidence.ts";
import { countsOf } from "./observe/view.ts";

/** Of the rows, the share that must be there to say that nothing is wrong. */
const ENOUGH_ROWS = 0.5;
/** Share lost of the judge's own probes from which on it may be its own node that is cut off. */
const CUT_OFF = 0.5;

export function answer(evidence: Evidence, findings: readonly Finding[], checks: readonly NetworkCheck[]): Verdict {
  const { nodes, judge, atSeconds } = evidence;
  const by = judge === undefined ? { name: "", zone: "" } : nodes[judge]!.node;
  const missing = nodes.filter(({ agent }) => !agent).map(({ node }) => node.name);
  const sorted = [...findings].sort((a, b) => weightOf(b) - weightOf(a));
  const isBlind = nodes.length - missing.length < nodes.length * ENOUGH_ROWS;
  // What a judge without most rows knows for certain counts as well, unless it may be the one that is broken.
  const certain = !isBlind ? sorted : isCutOff(evidence) ? [] : sorted.filter(({ code }) => code !== "IN-UNSEEN");
  // A loss that must be seen again before anybody is blamed: nothing is fine meanwhile.
  const broken = checks.find(({ state }) => state === "broken");
  const isUndecided = nodes.length < 2 || (certain.length === 0 && (isBlind || broken !== undefined));
  return {
    schemaVersion: 1,
    at: new Date(atSeconds * 1000).toISOString(),
    by,
    state: isUndecided ? "undecided" : certain.length > 0 ? "broken" : "fine",
    text: textOf({ certain, missing, count: nodes.length, isBlind, broken }),
    findings: sorted,
    checks,
  };
}

function isCutOff(evidence: Evidence): boolean {
  const { judge, pairs } = evidence;
  if (judge === undefined) return true;
  const own = [...pairs.source.subarray(0, pairs.count).keys()].filter((pair) => pairs.source[pair] === judge);
  const { probes, lost } = countsOf(evidence, own, {});
  return probes === 0 || lost >= CUT_OFF * probes;
}

/** Wide and total before narrow and partial. */
function weightOf({ subject, figures, confidence }: Finding): number {
  const width = { mesh: 6, zone: 5, "zone-pair": 4, group: 3, node: 2, pair: 1 }[subject.kind];
  return width + (figures.loss ?? 0.5) + confidence / 10;
}

function textOf({
  certain,
  missing,
  count,
  isBlind,
  broken,
}: {
  /** Findings that are no matter of what is missing. */
  readonly certain: readonly Finding[];
  readonly missing: readonly string[];
  readonly count: number;
  readonly isBlind: boolean;
  readonly broken: NetworkCheck | undefined;
}): string {
  const unseen = missing.length === 0 ? "" : ` No row from ${listed(missing)}.`;
  if (count < 2) return "There is one node only: nothing to measure between.";
  const fewRows = `${missing.length} of ${counted(count, "row")} are missing`;
  const [first] = certain;
  if (!first && isBlind) return `It cannot be decided from here: ${fewRows}.`;
  if (!first)
    return broken
      ? `${broken.text} What is at fault is not known yet.${unseen}`
      : `Nothing is wrong between ${counted(count, "node")}, as far as can be seen.${unseen}`;
  const more = certain.length === 1 ? "" : ` And ${counted(certain.length - 1, "more finding")}.`;
  return `${first.text}${more}${isBlind ? ` Of the rest little is seen from here: ${fewRows}.` : ""}`;
}
