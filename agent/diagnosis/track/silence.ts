// Whether a loss is over: so much was probed since that, were it still there at half its rate, more would have been
// lost. A loss that nobody can see (its rows are missing) is not over.
import { pathName } from "../evidence/evidence.ts";
import { lostSeconds } from "../evidence/path-history.ts";
import { HISTORY_SECONDS, ringMask } from "../evidence/ring.ts";
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
/** A row that did not come for so long tells nothing: two looks. */
const UNSEEN_SECONDS = 20;
/** In which what a loss loses is looked for among what open ones lose; and the share that is all of it, but for the base. */
const LATELY_SECONDS = 60;
const NEARLY_ALL = 0.9;

interface OpenLoss {
  readonly finding: Finding;
  readonly lastSeen: number;
}

export interface Silence {
  isGone(subject: Subject): boolean;
  isOver(open: OpenLoss): boolean;
  /**
   * The open losses of which hardly any row tells any more, and which are what this one is seen to lose: by the last row
   * a dead node is a pair that is cut. None where something else is lost as well.
   */
  explaining<T extends OpenLoss>(loss: Pick<Observation, "subject" | "scope">, open: readonly T[]): T[];
}

/** `seen`: what this judgement has seen. A pair of a node that loses says nothing of the other one, or of both together. */
export function silenceOf(look: Look, seen: readonly Pick<Observation, "subject" | "isLoss">[]): Silence {
  const { evidence, history, topology } = look;
  const nodes = seen
    .filter(({ subject, isLoss }) => isLoss && subject.kind === "node")
    .map(({ subject }) => ({ name: subjectName(subject), edges: edgesOf(subject, evidence, topology) }));
  const isOver = ({ finding, lastSeen }: OpenLoss): boolean => {
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
  };
  return {
    isOver,
    isGone: (subject) => {
      if (subject.kind === "mesh") return false;
      const known = new Set(evidence.nodes.map(({ node }) => node.name));
      const names = namesIn(subject, evidence);
      return subject.kind === "pair" ? !names.every((name) => known.has(name)) : !names.some((name) => known.has(name));
    },
    explaining: (loss, open) => {
      const unseen = open.filter((one) => isMostlyUnseen(look, edgesOf(one.finding.subject, evidence, topology)));
      const parts = unseen
        .filter((one) => !isOver(one))
        .map((one) => ({ one, edges: new Set(edgesOf(one.finding.subject, evidence, topology)) }));
      if (parts.length === 0) return [];
      const lost = lostByEdge(look, loss);
      const sum = (isCounted: (edge: number) => boolean): number =>
        [...lost].reduce((total, [edge, n]) => (isCounted(edge) ? total + n : total), 0);
      const all = sum(() => true);
      const explained = sum((edge) => parts.some(({ edges }) => edges.has(edge)));
      return all > 0 && explained >= NEARLY_ALL * all
        ? parts.flatMap(({ one, edges }) => (sum((edge) => edges.has(edge)) > 0 ? [one] : []))
        : [];
    },
  };
}

/** What a loss has lost lately, by those of its edges that have lost anything. */
function lostByEdge(
  { evidence, history, topology }: Look,
  { subject, scope }: Pick<Observation, "subject" | "scope">,
): ReadonlyMap<number, number> {
  const mask = ringMask(history.now, LATELY_SECONDS);
  const all = evidence.paths.flatMap((path) => (matches(path, scope) ? (history.paths.get(pathName(path)) ?? []) : []));
  const lost = new Map<number, number>();
  for (const edge of edgesOf(subject, evidence, topology)) {
    let sum = 0;
    for (const pair of [topology.there[edge]!, topology.back[edge]!])
      if (pair >= 0) for (const kept of all) sum += lostSeconds(kept, pair, mask);
    if (sum > 0) lost.set(edge, sum);
  }
  return lost;
}

/** Of the edges, those that any row told of within the last seconds are fewer than half. */
function isMostlyUnseen({ evidence, history, topology }: Look, edges: Uint32Array): boolean {
  const covered = history.coveredSeconds(UNSEEN_SECONDS);
  const { source } = evidence.pairs;
  const seen = edges.filter((edge) =>
    [topology.there[edge]!, topology.back[edge]!].some((pair) => pair >= 0 && covered[source[pair]!]! > 0),
  );
  return seen.length * 2 < edges.length;
}

function lossOf(
  { evidence, history }: Look,
  {
    pairs,
    finding,
    seconds,
  }: { readonly pairs: readonly number[]; readonly finding: Pick<Finding, "scope">; readonly seconds: number },
): { readonly lost: number; readonly probes: number } {
  const mask = ringMask(history.now, seconds);
  const covered = history.coveredSeconds(seconds);
  let [lost, probes] = [0, 0];
  for (const path of evidence.paths) {
    const kept = matches(path, finding.scope) ? history.paths.get(pathName(path)) : undefined;
    if (!kept) continue;
    for (const pair of pairs) {
      lost += lostSeconds(kept, pair, mask);
      const known = Math.min(covered[evidence.pairs.source[pair]!]!, history.now - kept.forgotten[pair]!);
      probes += (kept.perMinute[pair]! * known) / 60;
    }
  }
  return { lost, probes };
}

/** P(X ≤ lost) of a Poisson count with this mean: from its largest term down and up, since e^−mean is 0 from 745 on. */
export function poissonTail(lost: number, mean: number): number {
  if (mean <= 0) return 1;
  const peak = Math.min(Math.floor(lost), Math.floor(mean));
  let log = -mean;
  for (let k = 1; k <= peak; k++) log += Math.log(mean / k);
  const largest = Math.exp(log);
  let sum = largest;
  for (let k = peak, term = largest; k > 0 && term > 0; k--) sum += term *= k / mean;
  for (let k = peak + 1, term = largest; k <= lost && term > 0; k++) sum += term *= mean / k;
  return Math.min(1, sum);
}
