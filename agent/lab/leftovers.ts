// What labs left behind whose process was killed before it could clean up.
import { removeCpuQuotas } from "./cpu-quota.ts";
import { whyNoNamespaces } from "./lab.ts";
import { removeNamespaces } from "./namespaces.ts";
import { findLabs, removeRunDirectory, type FoundLab } from "./run-directory.ts";

export interface Leftovers {
  readonly removed: readonly FoundLab[];
  /** Not ours to touch. */
  readonly running: readonly FoundLab[];
}

/** Remove every lab of this user whose owner is gone. */
export async function removeLeftovers(): Promise<Leftovers> {
  const labs = await findLabs();
  const removed = labs.filter((lab) => !lab.running);
  for (const lab of removed) {
    if ((await whyNoNamespaces()) === undefined) {
      await removeNamespaces(lab.id);
      await removeCpuQuotas(lab.id);
    }
    await removeRunDirectory(lab.directory);
  }
  return { removed, running: labs.filter((lab) => lab.running) };
}
