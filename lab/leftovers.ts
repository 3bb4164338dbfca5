// What labs left behind whose process was killed before it could clean up.
import { removeCpuQuotas } from "./cpu-quota.ts";
import { labsInNamespaces, ownerOf, removeNamespaces } from "./namespaces.ts";
import { isRunning, parseStamp } from "./process-stamp.ts";
import { refusalOf } from "./rights.ts";
import { findLabs, removeRunDirectory, type FoundLab } from "./run-directory.ts";

export interface Leftovers {
  /** Ids of the labs that are gone now. */
  readonly removed: readonly string[];
  /** Not ours to touch. */
  readonly running: readonly FoundLab[];
}

/** Remove every lab of this user whose owner is gone. */
export async function removeLeftovers(): Promise<Leftovers> {
  const labs = await findLabs();
  const hasNamespaces = (await refusalOf("namespaces")) === undefined;
  const dead = labs.filter((lab) => !lab.running);
  for (const lab of dead) {
    if (hasNamespaces) await removeTraces(lab.id);
    await removeRunDirectory(lab.directory);
  }
  const orphans = hasNamespaces ? await orphanedNamespaces(labs) : [];
  for (const id of orphans) await removeTraces(id);
  return { removed: [...dead.map((lab) => lab.id), ...orphans], running: labs.filter((lab) => lab.running) };
}

async function removeTraces(id: string): Promise<void> {
  await removeNamespaces(id);
  await removeCpuQuotas(id);
}

/** Labs whose files somebody has removed, or that keep them elsewhere: only their switch tells whether they run. */
async function orphanedNamespaces(known: readonly FoundLab[]): Promise<string[]> {
  const orphans: string[] = [];
  for (const id of await labsInNamespaces()) {
    if (known.some((lab) => lab.id === id)) continue;
    const owner = parseStamp((await ownerOf(id)) ?? "");
    // Without an owner's name it may be a lab that is just being laid.
    if (owner && !(await isRunning(owner))) orphans.push(id);
  }
  return orphans;
}
