// The judge's findings as this agent tells them, asked for again and again: a judge judges every ten seconds.
import type { Findings } from "../../model/finding.ts";

const ASK_EVERY_MS = 5_000;

export function startVerdictFeed(take: (findings: Findings) => void): void {
  const ask = async () => {
    try {
      const response = await fetch("/api/v1/findings");
      if (response.ok) take((await response.json()) as Findings);
    } catch {
      // The snapshots' feed says that the agent does not answer; how old the verdict is stands below it.
    }
    setTimeout(() => void ask(), ASK_EVERY_MS);
  };
  void ask();
}
