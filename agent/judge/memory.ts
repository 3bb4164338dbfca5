// One judge with what it remembers: its verdict of now, and what is over. It begins with what another judge has open.
import type { Evidence } from "../diagnosis/evidence/evidence.ts";
import { Judge } from "../diagnosis/judge.ts";
import type { EndedFinding, Finding, Findings, Subject } from "../model/finding.ts";

export const ENDED_KEPT = 100;

export class JudgeMemory {
  readonly #judge: Judge;
  /** Told by another judge. */
  #endedElsewhere: readonly EndedFinding[] = [];
  #findings: Findings | undefined;

  constructor(options: { readonly seenBeforeSeconds?: number } = {}) {
    this.#judge = new Judge(options);
  }

  /** The latest; undefined before the first judgement. */
  get findings(): Findings | undefined {
    return this.#findings;
  }

  /** The latest evidence shows losses that have just begun, or one that must be seen again to be believed. */
  get isWorthAnotherLook(): boolean {
    return this.#judge.isWorthAnotherLook;
  }

  /** In slices: probing goes on meanwhile. One judgement at a time. */
  async judge(evidence: Evidence): Promise<Findings> {
    const verdict = await this.#judge.judgeInSlices(evidence);
    this.#findings = { ...verdict, ended: lastEnded([...this.#judge.ended, ...this.#endedElsewhere]) };
    return this.#findings;
  }

  /**
   * Of another judge's findings those whose subjects this agent's own discovery knows: nobody else's word puts a name
   * before people. They end like any other when the evidence does not bear them out.
   */
  adopt(other: Findings, { names, nowSeconds }: { readonly names: ReadonlySet<string>; readonly nowSeconds: number }) {
    const isOurs = ({ subject, since }: Finding) =>
      nodesOf(subject).every((node) => names.has(node)) && Date.parse(since) / 1_000 <= nowSeconds + CLOCKS_DIFFER_BY;
    this.#judge.adopt(other.findings.filter(isOurs), nowSeconds);
    this.#endedElsewhere = other.ended.filter(isOurs);
  }
}

const CLOCKS_DIFFER_BY = 60;

function nodesOf(subject: Subject): readonly string[] {
  switch (subject.kind) {
    case "node":
      return [subject.node];
    case "pair":
    case "group":
      return subject.nodes;
    case "zone":
    case "zone-pair":
    case "mesh":
      return [];
  }
}

/** Youngest first, each once: two judges end the same finding within seconds of each other. */
function lastEnded(ended: readonly EndedFinding[]): EndedFinding[] {
  const known = new Set<string>();
  return ended
    .filter(({ id }) => !known.has(id) && known.add(id))
    .sort((a, b) => Date.parse(b.ended) - Date.parse(a.ended))
    .slice(0, ENDED_KEPT);
}
