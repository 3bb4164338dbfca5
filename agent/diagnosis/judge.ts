// The judge: evidence in, verdict out. It keeps the last minutes of losses and its open findings, asks nobody and
// knows no clock but that of the evidence: the same evidence gives the same verdicts.
import type { EndedFinding, Finding, Subject, Verdict } from "../model/finding.ts";
import { atOnce, inSlices, SLICE_MS, type Steps } from "../base/slices.ts";
import { networkChecks } from "./checks.ts";
import type { Evidence } from "./evidence/evidence.ts";
import { History } from "./evidence/history.ts";
import type { Look } from "./locate/culprits.ts";
import { hasJustBegun, ONSET_SECONDS, USUAL_SPANS } from "./onset.ts";
import { topologyOf, type Topology } from "./locate/topology.ts";
import { observe } from "./observe/observe.ts";
import { namesIn } from "./observe/places.ts";
import { forgetRejected } from "./observe/rejections.ts";
import { silenceOf } from "./track/silence.ts";
import { Tracker } from "./track/tracker.ts";
import { answer } from "./verdict.ts";

export class Judge {
  readonly #history = new History();
  readonly #tracker: Tracker;
  #isWorthAnotherLook = false;
  #topology: { readonly of: Pick<Evidence, "nodes" | "pairs">; readonly topology: Topology } | undefined;

  /**
   * `seenBeforeSeconds`: for how long what the first judgement sees counts as seen already. Rows tell a whole minute:
   * who judges them once, and not again and again, may take them at that.
   */
  constructor({ seenBeforeSeconds = 0 }: { readonly seenBeforeSeconds?: number } = {}) {
    this.#tracker = new Tracker(seenBeforeSeconds);
  }

  /** All at once: it takes a third of a second for a thousand nodes. */
  judge(evidence: Evidence): Verdict {
    return atOnce(this.steps(evidence));
  }

  /** The same, in slices of a few milliseconds. One judgement at a time, and the evidence stays as it is meanwhile. */
  judgeInSlices(evidence: Evidence): Promise<Verdict> {
    return inSlices(this.steps(evidence), SLICE_MS);
  }

  /** Each of them short. */
  *steps(evidence: Evidence): Steps<Verdict> {
    yield* this.#history.add(evidence);
    const recent = yield* this.#history.lostIn(ONSET_SECONDS);
    const all = yield* this.#history.lostIn(ONSET_SECONDS * (1 + USUAL_SPANS));
    const look: Look = { evidence, history: this.#history, topology: yield* this.#topologyOf(evidence) };
    look.topology.arrays.reuse();
    yield* this.#tracker.forgetStopped(look);
    yield* forgetRejected(look);
    const { observations } = yield* observe(look);
    yield;
    const findings = yield* this.#tracker.update({
      now: evidence.atSeconds,
      told: evidence.atSeconds - this.#history.waitedSeconds,
      observations,
      silence: silenceOf(look, observations),
      contains: (outer, inner) => contains(outer, inner, evidence),
    });
    this.#isWorthAnotherLook =
      hasJustBegun(recent, (all - recent) / USUAL_SPANS) || this.#tracker.isAwaited(evidence.atSeconds);
    yield* this.#tracker.forgetOver(look);
    return answer(evidence, findings, yield* networkChecks(look, findings));
  }

  /** Open findings of another judge that has watched for longer. */
  adopt(findings: readonly Finding[], atSeconds: number): void {
    this.#tracker.adopt(findings, atSeconds);
  }

  /** The latest evidence shows losses that were not there a minute ago, or one that must be seen again to be believed. */
  get isWorthAnotherLook(): boolean {
    return this.#isWorthAnotherLook;
  }

  /** The last hundred findings that are over, youngest first. */
  get ended(): readonly EndedFinding[] {
    return this.#tracker.ended;
  }

  /** Laid out anew only when nodes or pairs are others: it is the dearest part of a calm judgement. */
  *#topologyOf({ nodes, pairs }: Evidence): Steps<Topology> {
    const known = this.#topology;
    if (known && isSameMesh(known.of, { nodes, pairs })) return known.topology;
    const of = {
      nodes,
      pairs: { ...pairs, source: pairs.source.slice(), destination: pairs.destination.slice() },
    };
    this.#topology = { of, topology: yield* topologyOf(nodes, pairs) };
    return this.#topology.topology;
  }
}

type Mesh = Pick<Evidence, "nodes" | "pairs">;

function isSameMesh(a: Mesh, b: Mesh): boolean {
  if (a.nodes.length !== b.nodes.length || a.pairs.count !== b.pairs.count) return false;
  if (a.nodes.some(({ node }, i) => node.name !== b.nodes[i]!.node.name || node.zone !== b.nodes[i]!.node.zone))
    return false;
  for (let i = 0; i < a.pairs.count; i++)
    if (a.pairs.source[i] !== b.pairs.source[i] || a.pairs.destination[i] !== b.pairs.destination[i]) return false;
  return true;
}

/** Whether what is lost by `inner` may be lost by `outer`: one of a pair's ends, or all of a narrower place. */
function contains(outer: Subject, inner: Subject, evidence: Evidence): boolean {
  if (outer.kind === "mesh") return inner.kind !== "mesh";
  const names = new Set(namesIn(outer, evidence));
  const own = namesIn(inner, evidence);
  return inner.kind === "pair"
    ? own.some((name) => names.has(name))
    : own.every((name) => names.has(name)) && own.length < names.size;
}
