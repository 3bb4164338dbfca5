// Open findings as series: few, whatever happens to a mesh.
import { subjectName, type Finding } from "../model/finding.ts";

/** A mesh that breaks everywhere must not fill Prometheus: what is beyond is counted. */
export const SUBJECTS_LISTED = 20;

export interface FindingSeries {
  readonly labels: {
    readonly code: string;
    readonly subject: string;
    readonly network: string;
    readonly protocol: string;
  };
  readonly confidence: number;
  readonly startSeconds: number;
}

/** `findings`: the weightiest first. Two that differ in nothing that is a label (an address family) are one series. */
export function listedFindings(findings: readonly Finding[]): {
  readonly series: readonly FindingSeries[];
  readonly unlisted: number;
} {
  const subjects = new Set<string>();
  const series = new Map<string, FindingSeries>();
  let unlisted = 0;
  for (const { code, subject, scope, confidence, since } of findings) {
    const name = subjectName(subject);
    if (!subjects.has(name) && subjects.size === SUBJECTS_LISTED) {
      unlisted += 1;
      continue;
    }
    subjects.add(name);
    const labels = { code, subject: name, network: scope.network ?? "", protocol: scope.protocol ?? "" };
    const startSeconds = Date.parse(since) / 1_000;
    const key = JSON.stringify(labels);
    const same = series.get(key);
    series.set(key, {
      labels,
      confidence: Math.max(confidence, same?.confidence ?? 0),
      startSeconds: Math.min(startSeconds, same?.startSeconds ?? startSeconds),
    });
  }
  return { series: [...series.values()], unlisted };
}
