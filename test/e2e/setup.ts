// Before the first test: what a suite installs, made once. On a cluster of one's own that is the image of this checkout.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { ensureTools } from "../../scripts/tools/cache.ts";
import { CLUSTER_PACKAGES, ensurePackages } from "../../scripts/tools/debian.ts";
import { run } from "../cluster/command.ts";
import { removeCluster } from "../cluster/remove.ts";
import { describeResidue } from "../cluster/residue.ts";
import { clusterNames } from "../cluster/state.ts";
import { CLUSTER_PREFIX, report, type Provided } from "./target.ts";

const BUILD_IMAGE = fileURLToPath(new URL("../../scripts/image/build.ts", import.meta.url));
/** Bases from nothing included: two minutes on two cores. */
const IMAGE_LIMIT_MS = 15 * 60_000;
/** How long the processes of the files may take to end once they are told. */
const WORKERS_END_MS = 5_000;
const FOLDER_PREFIX = "internode-e2e-";

export default async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { INTERNODE_E2E_KUBECONFIG: kubeconfig, INTERNODE_E2E_IMAGE: given } = process.env;
  if (kubeconfig !== undefined) {
    provide("e2e", { kind: "foreign", kubeconfig, image: given });
    return undefined;
  }
  await removeOrphans();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => void removeOnSignal(signal));
  // Once, before several clusters ask for them at the same time.
  await ensurePackages(CLUSTER_PACKAGES, report);
  await ensureTools(
    ["etcd", "kubernetes", "containerd", "coredns", "helm", "helm3", "prometheus", "prometheus-operator", "cilium"],
    { log: report },
  );
  if (given !== undefined) {
    provide("e2e", { kind: "own", image: given });
    return removeOrphans;
  }
  const folder = await mkdtemp(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  const tearDown = async (): Promise<void> => {
    remove(folder);
    await removeOrphans();
  };
  try {
    const image = join(folder, "internode.oci.tar");
    report((await run(process.execPath, [BUILD_IMAGE, "--out", image], { timeoutMs: IMAGE_LIMIT_MS })).trim());
    provide("e2e", { kind: "own", image });
  } catch (err) {
    await tearDown();
    throw err;
  }
  return tearDown;
}

/** Interrupted: no teardown will run. The processes of the files were told as well, and end without theirs. */
async function removeOnSignal(signal: NodeJS.Signals): Promise<never> {
  report(`${signal}: taking the clusters down`);
  // At once: where there is no cluster, vitest ends before this does.
  foldersOf((pid) => pid === process.pid).forEach(remove);
  const deadline = Date.now() + WORKERS_END_MS;
  while (Date.now() < deadline && ownClusters().some(({ pid }) => existsSync(`/proc/${pid}`))) await sleep(100);
  await removeOrphans();
  process.exit(128 + constants.signals[signal]);
}

function ownClusters(): readonly { readonly name: string; readonly pid: number }[] {
  return clusterNames().flatMap((name) => {
    const pid = new RegExp(`^${CLUSTER_PREFIX}(\\d+)$`).exec(name)?.[1];
    return pid === undefined ? [] : [{ name, pid: Number(pid) }];
  });
}

/** With the image that a run has made, named by its process. */
function foldersOf(isWanted: (pid: number) => boolean): readonly string[] {
  return readdirSync(tmpdir())
    .filter((name) => isWanted(Number(new RegExp(`^${FOLDER_PREFIX}(\\d+)-`).exec(name)?.[1])))
    .map((name) => join(tmpdir(), name));
}

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** Clusters whose file did not live to take them down, interrupted or out of time while one came up; and images of such runs. */
async function removeOrphans(): Promise<void> {
  foldersOf((pid) => pid > 0 && !existsSync(`/proc/${pid}`)).forEach(remove);
  for (const { name, pid } of ownClusters()) {
    if (existsSync(`/proc/${pid}`)) continue;
    report(`cluster ${name} was left behind: ${describeResidue(await removeCluster(name))} remain`);
  }
}

declare module "vitest" {
  interface ProvidedContext {
    readonly e2e: Provided;
  }
}
