// A judge looks at a recording as it would have looked at the mesh.
import { Judge } from "../../../agent/diagnosis/judge.ts";
import { evidenceOf, isOf, type Recording, type Truth } from "./recording.ts";

export interface Replayed {
  /** For each truth: seconds from the fault until it was found, and what was said first of when and why. */
  readonly found: readonly (
    { readonly afterSeconds: number; readonly sinceErrorSeconds: number; readonly cause: string } | undefined
  )[];
  /** Findings that were open at any moment and are none of the truths. */
  readonly wrong: readonly string[];
  /** Ids that were open, were not, and were open again. */
  readonly flapped: readonly string[];
}

export function replay({ looks, truths, since }: Recording): Replayed {
  const judge = new Judge();
  const began = since === undefined ? Number.NaN : Date.parse(since) / 1000;
  const found: Replayed["found"][number][] = truths.map(() => undefined);
  const wrong = new Map<string, string>();
  const right = new Set<string>();
  const [open, closed, flapped] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const look of looks) {
    const { findings, at } = judge.judge(evidenceOf(look));
    const ids = new Set(findings.map(({ id }) => id));
    for (const id of open.difference(ids)) closed.add(id);
    for (const id of ids.intersection(closed)) flapped.add(id);
    for (const finding of findings) {
      open.add(finding.id);
      const truth = truths.findIndex((t: Truth) => isOf(finding, t));
      if (truth < 0 && !right.has(finding.id)) wrong.set(finding.id, `${finding.code} ${finding.text}`);
      else if (truth >= 0) {
        // Before it can be told, the place is right and the reason is not.
        wrong.delete(finding.id);
        right.add(finding.id);
        found[truth] = {
          afterSeconds: found[truth]?.afterSeconds ?? Date.parse(at) / 1000 - began,
          sinceErrorSeconds: Date.parse(finding.since) / 1000 - began,
          cause: finding.causes[0]!.kind,
        };
      }
    }
  }
  return { found, wrong: [...wrong.values()], flapped: [...flapped] };
}
