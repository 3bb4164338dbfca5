// The definitions of foreign kinds (CRDs), as their projects ship them.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ensureShare } from "../../scripts/tools/cache.ts";
import type { Cluster } from "../cluster/cluster.ts";

/** Which of a project's definitions are wanted. */
const WANTED = {
  "prometheus-operator": /^monitoring\.coreos\.com_.*\.yaml$/,
  cilium: /^ciliumnetworkpolicies\.yaml$/,
};

/** Makes the cluster know these kinds. Server-side: they are too large for the annotation that a client-side apply writes. */
export async function applyDefinitions(
  cluster: Pick<Cluster, "kubectl">,
  projects: readonly (keyof typeof WANTED)[],
): Promise<void> {
  for (const project of projects) {
    const folder = await ensureShare(project);
    const files = (await readdir(folder)).filter((name) => WANTED[project].test(name));
    await cluster.kubectl(["apply", "--server-side", ...files.flatMap((name) => ["-f", join(folder, name)])]);
  }
  await cluster.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
}
