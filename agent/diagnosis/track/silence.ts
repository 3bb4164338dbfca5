// Whether a loss is over: so much was probed since that, were it still there at half its rate, more would have been
// lost. A loss that nobody can see (its rows are missing) is not over.
import { pathName } from "../evidence/evidence.ts";
import { HISTORY_SECONDS, countBits, ringMask } from "../evidence/history.ts";
import type { Look } from "../locate/culprits.ts";
import { subjectName, type Finding, type Subject } from "../../model/finding.ts";
import type { Observation } from "../observe/observation.ts";
import { edgesOf, namesIn } from "../observe/places.ts";
import { matches, pairsOn } from "../observe/view.ts";

/** Chance of so few losses were it still there, below which it is not. */
const UNLIKELY = 1e-3;
const LOOKS_BACK = [30, 60, 120, HISTORY_SECONDS] as const;
/** Too weak to be missed by its absence: over when the judge has not seen it for so long. */
const FORGOTTEN_SECONDS = 900;

export interface Silence {
  isGone(subject: Subject): boolean;
  isOver(open: { readonly finding: Finding; readonly lastSeen: number }): boolean;
}

/** `seen`: what this judgement has seen. A pair of a node that loses says nothing of the other one, or of both together. */
export function silenceOf(look: Look, seen: readonly Pick<Observation, "subject" | "isLoss">[]): Silence {
  const { evidence, history, topology } = look;
  const nodes = seen
    .filter(({ subject, isLoss }) => isLoss && subject.kind === "node")
    .map(({ subject }) => ({ name: subjectName(subject), edges: edgesOf(subject, evidence, topology) }));
  return {
    isGone: (subject) => {
      if (subject.kind === "mesh") return false;
      const known = new Set(evidence.nodes.map(({ node }) => node.name));
      const names = namesIn(subject, evidence);
      return subject.kind === "pair" ? !names.every((name) => known.has(name)) : !names.some((name) => known.has(name));
    },
    isOver: ({ finding, lastSeen }) => {
      const own = subjectName(finding.subject);
      const others = new Set(nodes.flatMap(({ name, edges }) => (name === own ? [] : [...edges])));
      const edges = edgesOf(finding.subject, evidence, topology).filter((edge) => !others.has(edge));
      const pairs = pairsOn(edges, topology);
      const rate = finding.figures.loss ?? 0.01;
      const unseen = history.now - lastSeen;
      if (unseen > FORGOTTEN_SECONDS) return true;
      return LOOKS_BACK.some((seconds) => {
        const { lost, probes } = lossOf(look, { pairs, finding, seconds });
        return poissonTail(lost, 0.5 * rate * probes) < UNLIKELY;
      });
    },
  };
}

function lossOf(
  { evidence, history }: Look,
  {
    pairs,
    finding,
    seconds,
  }: { readonly pairs: readonly number[]; readonly finding: Finding; readonly seconds: number },
): { readonly lost: number; readonly probes: number } {
  const mask = ringMask(history.now, seconds);
  const covered = history.coveredSeconds(seconds);
  let [lost, probes] = [0, 0];
  for (const path of evidence.paths) {
    const kept = matches(path, finding.scope) ? history.paths.get(pathName(path)) : undefined;
    if (!kept) continue;
    for (const pair of pairs) {
      lost += countBits(kept.lost, pair, mask);
      probes += (kept.perMinute[pair]! * covered[evidence.pairs.source[pair]!]!) / 60;
    }
  }
  return { lost, probes };
}

/** P(X ≤ lost) of a Poisson count with this mean. */
export function poissonTail(lost: number, mean: number): number {
  let term = Math.exp(-mean);
  let sum = term;
  for (let k = 1; k <= lost; k++) {
    term *= mean / k;
    sum += term;
  }
  return Math.min(1, sum);
}
