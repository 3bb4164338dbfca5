// How much better the losses are explained with one more culprit: the gain in log-likelihood at its most likely rate,
// divided by how much more unevenly its edges lose than one culprit would make them.
import type { Candidate } from "./candidate.ts";
import type { LossModel } from "./model.ts";

export interface Score {
  readonly candidate: Candidate;
  /** Loss that the culprit adds to each probe. */
  readonly rate: number;
  /** Nats, as if edges lost evenly. */
  readonly gain: number;
  /** 1 when edges lose as evenly as one culprit makes them; more when some are far louder than others. */
  readonly dispersion: number;
  /** `gain / dispersion − price`: above 0 it pays to believe in it. */
  readonly score: number;
}

const STEPS = 10;
/** Weight of our belief, before looking, that edges lose evenly: as of so many edges. */
const EVEN_EDGES = 3;
/** By how much the rates of one culprit's edges differ from each other anyway: relative standard deviation. */
const UNEVEN = 0.3;

let lostOf = new Float64Array(256);
let probesOf = new Float64Array(256);
let expectedOf = new Float64Array(256);

export function scoreOf(model: LossModel, candidate: Candidate): Score {
  const { edges, scope, price } = candidate;
  const { lost, probes } = model.window.byScope[scope]!;
  const expected = model.expectedOf(scope);
  if (lostOf.length < edges.length) {
    lostOf = new Float64Array(edges.length * 2);
    probesOf = new Float64Array(edges.length * 2);
    expectedOf = new Float64Array(edges.length * 2);
  }
  let hot = 0;
  let [sumLost, sumProbes, sumExpected] = [0, 0, 0];
  for (let i = 0; i < edges.length; i++) {
    const e = edges[i]!;
    const k = lost[e]!;
    sumProbes += probes[e]!;
    sumExpected += expected[e]!;
    if (k === 0) continue;
    sumLost += k;
    lostOf[hot] = k;
    probesOf[hot] = probes[e]!;
    expectedOf[hot++] = expected[e]!;
  }
  if (sumProbes === 0 || sumLost <= sumExpected) return { candidate, rate: 0, gain: 0, dispersion: 1, score: -price };
  const rate = likeliestRate((sumLost - sumExpected) / sumProbes, hot, sumProbes);
  let gain = -rate * sumProbes;
  for (let i = 0; i < hot; i++) gain += lostOf[i]! * Math.log1p((rate * probesOf[i]!) / expectedOf[i]!);
  const dispersion = edges.length > 1 ? dispersionOf(model, candidate, rate) : 1;
  return { candidate, rate, gain, dispersion, score: gain / dispersion - price };
}

function likeliestRate(first: number, hot: number, sumProbes: number): number {
  let rate = first;
  for (let step = 0; step < STEPS; step++) {
    let blamed = 0;
    for (let i = 0; i < hot; i++) {
      const share = rate * probesOf[i]!;
      blamed += (lostOf[i]! * share) / (expectedOf[i]! + share);
    }
    const next = Math.min(1, blamed / sumProbes);
    if (Math.abs(next - rate) < 1e-3 * rate) return next;
    rate = next;
  }
  return rate;
}

/** Variance over mean of what the edges lose beyond what is expected of each: 1 for Poisson counts. */
function dispersionOf(model: LossModel, { edges, scope }: Candidate, rate: number): number {
  const { lost, probes } = model.window.byScope[scope]!;
  const expected = model.expectedOf(scope);
  let squares = 0;
  let sum = 0;
  for (let i = 0; i < edges.length; i++) {
    const e = edges[i]!;
    const mean = expected[e]! + rate * probes[e]!;
    // Of edges that lose much, some lose a little more than others for reasons of their own.
    squares += (lost[e]! - mean) ** 2 / (1 + UNEVEN ** 2 * mean);
    sum += mean;
  }
  if (sum === 0) return 1;
  const chiSquare = (squares / sum) * edges.length;
  return Math.max(1, (chiSquare + EVEN_EDGES) / (edges.length - 1 + EVEN_EDGES));
}
