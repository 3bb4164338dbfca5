// Before the first test: what a suite installs, made once. On a cluster of one's own that is the image of this checkout.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { ensureTools } from "../../scripts/tools/cache.ts";
import { run } from "../cluster/command.ts";
import { report, type Provided } from "./target.ts";

const BUILD_IMAGE = new URL("../../scripts/image/build.ts", import.meta.url).pathname;
/** Bases from nothing included: two minutes on two cores. */
const IMAGE_LIMIT_MS = 15 * 60_000;

export default async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { INTERNODE_E2E_KUBECONFIG: kubeconfig, INTERNODE_E2E_IMAGE: given } = process.env;
  if (kubeconfig !== undefined) {
    provide("e2e", { kind: "foreign", kubeconfig, image: given });
    return undefined;
  }
  await ensureTools(["etcd", "kubernetes", "containerd", "coredns", "helm", "helm3", "prometheus", "prometheus-operator"], { log: report });
  if (given !== undefined) {
    provide("e2e", { kind: "own", image: given });
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), "internode-e2e-"));
  const image = join(folder, "internode.oci.tar");
  report((await run(process.execPath, [BUILD_IMAGE, "--out", image], { timeoutMs: IMAGE_LIMIT_MS })).trim());
  provide("e2e", { kind: "own", image });
  return () => rm(folder, { recursive: true, force: true });
}

declare module "vitest" {
  interface ProvidedContext {
    readonly e2e: Provided;
  }
}
