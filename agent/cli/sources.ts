// What commands that report read from: the objects of the cluster and the mesh as its agents tell it, each asked for
// once, and where it cannot be had the reason in its place.
import { CONFIG_FILE_VARIABLE } from "../config/layers.ts";
import type { Objects } from "./cluster/objects.ts";
import { AgentUnreachable } from "./mesh-client.ts";
import { Progress } from "./progress.ts";
import { reachMesh, type Reach, type ReachedMesh } from "./reach.ts";

export interface Unreached {
  readonly why: string;
}

export interface Sources {
  readonly reach: Reach;
  readonly signal: AbortSignal;
  objects(): Promise<Objects | Unreached>;
  mesh(): Promise<ReachedMesh | Unreached>;
}

export const isUnreached = (one: object): one is Unreached => "why" in one;

export function sourcesOf(reach: Reach, signal: AbortSignal, env: NodeJS.ProcessEnv = process.env): Sources {
  let objects: Promise<Objects | Unreached> | undefined;
  let mesh: Promise<ReachedMesh | Unreached> | undefined;
  return {
    reach,
    signal,
    objects: () => (objects ??= openObjects(reach, signal, env)),
    mesh: () => (mesh ??= askMesh(reach, signal)),
  };
}

async function openObjects(reach: Reach, signal: AbortSignal, env: NodeJS.ProcessEnv): Promise<Objects | Unreached> {
  if (env[CONFIG_FILE_VARIABLE] !== undefined)
    return {
      why: "an agent's pod has no right to read the cluster, on purpose; run this command where you have a kubeconfig",
    };
  if (reach.kind === "url")
    return { why: "--url names one agent and no cluster; leave it out, or use --context or --kubeconfig" };
  using progress = new Progress();
  progress.step("reading the kubeconfig");
  const [{ AbsentError, ClusterError, ForbiddenError, openCluster }, { ClusterObjects }] = await Promise.all([
    import("./cluster/connection.ts"),
    import("./cluster/objects.ts"),
  ]);
  try {
    const cluster = await openCluster(reach, env);
    progress.step(`asking the API server at ${cluster.server}`);
    try {
      // Where nobody answers it is said once, and not for each object.
      await cluster.get("/version", signal);
    } catch (err) {
      if (!(err instanceof ForbiddenError || err instanceof AbsentError)) throw err;
    }
    return new ClusterObjects(cluster, signal);
  } catch (err) {
    if (signal.aborted || !(err instanceof ClusterError)) throw err;
    return { why: err.message };
  }
}

async function askMesh(reach: Reach, signal: AbortSignal): Promise<ReachedMesh | Unreached> {
  try {
    return await reachMesh(reach, signal);
  } catch (err) {
    if (!(err instanceof AgentUnreachable)) throw err;
    return { why: err.message };
  }
}
