// How a command reaches the agents: the one it runs beside, one at a URL (a port-forward, the demo), or a cluster's by
// a kubeconfig.
import type { Command as Parser } from "commander";
import { CONFIG_FILE_VARIABLE } from "../config/layers.ts";
import { judgeSnapshot } from "../diagnosis/judge-snapshot.ts";
import type { Verdict } from "../model/finding.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { UsageError, type Typed } from "./command.ts";
import { AgentUnreachable, DEFAULT_URL, fetchSnapshot, fetchVerdict } from "./mesh-client.ts";
import { ownAgentUrl } from "./own-agent.ts";
import { Progress } from "./progress.ts";

export const declareReach = (parser: Parser): Parser =>
  parser
    .option(
      "--url <URL>",
      `agent to ask (default: in its pod that agent; elsewhere ${DEFAULT_URL} where one answers, else the cluster of the kubeconfig)`,
    )
    .option("-n, --namespace <NAME>", "namespace of the agents in the cluster (default: wherever they are)")
    .option("--context <NAME>", "context of the kubeconfig")
    .option("--kubeconfig <FILE>", "kubeconfig (default: KUBECONFIG, or that of the home directory)");

interface ClusterChoice {
  readonly namespace: string | undefined;
  readonly context: string | undefined;
  readonly kubeconfig: string | undefined;
}

export type Reach =
  | { readonly kind: "url"; readonly url: string }
  | ({ readonly kind: "cluster" } & ClusterChoice)
  /** A local agent if there is one, else the cluster. */
  | ({ readonly kind: "nearest" } & ClusterChoice);

/** Throws UsageError. */
export function readReach({ options }: Pick<Typed, "options">, env: NodeJS.ProcessEnv = process.env): Reach {
  const { url, namespace, context, kubeconfig } = options as Partial<Record<"url" | keyof ClusterChoice, string>>;
  const choice = { namespace, context, kubeconfig };
  const isCluster = Object.values(choice).some((value) => value !== undefined);
  if (url !== undefined && isCluster)
    throw new UsageError(
      "--url asks one agent, --namespace, --context and --kubeconfig a cluster: leave out one of them",
    );
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new UsageError(`--url takes a URL such as ${DEFAULT_URL}, not '${url}'`);
  if (url !== undefined) return { kind: "url", url };
  if (isCluster) return { kind: "cluster", ...choice };
  if (env[CONFIG_FILE_VARIABLE] !== undefined) return { kind: "url", url: ownAgentUrl({ env }) };
  return { kind: "nearest", ...choice };
}

/** What the agents measured, and what is wrong: by a judge's word or, where none is to be had, as the snapshot shows it. */
export interface ReachedMesh {
  readonly snapshot: Snapshot;
  /** Of now, whatever the snapshot is of. */
  readonly verdict: Verdict;
  /** `judge`: an agent that watches all the time; `here`: from this one snapshot, without memory. */
  readonly judged: "judge" | "here";
}

const meshOf = (snapshot: Snapshot, verdict: Verdict | undefined): ReachedMesh =>
  verdict ? { snapshot, verdict, judged: "judge" } : { snapshot, verdict: judgeSnapshot(snapshot), judged: "here" };

/**
 * Now, or since a time of the last hour. Rejects with AgentUnreachable, whose message says what was tried and what would
 * help.
 */
export async function reachMesh(reach: Reach, signal: AbortSignal, since?: string): Promise<ReachedMesh> {
  switch (reach.kind) {
    case "url":
      return fromAgent(reach.url, signal, since);
    case "cluster":
      return fromCluster(reach, signal, since);
    case "nearest": {
      let local: AgentUnreachable;
      try {
        return await fromAgent(DEFAULT_URL, signal, since);
      } catch (err) {
        if (!(err instanceof AgentUnreachable) || !err.nobodyThere) throw err;
        local = err;
      }
      try {
        return await fromCluster(reach, signal, since);
      } catch (err) {
        if (!(err instanceof AgentUnreachable)) throw err;
        const { hasKubeconfig } = await import("./cluster/kubeconfig.ts");
        // Who has a kubeconfig means its cluster.
        throw new AgentUnreachable(
          hasKubeconfig()
            ? `${err.message} (and no agent answers at ${DEFAULT_URL})`
            : `${local.message}. There is no kubeconfig either: name one with --kubeconfig or KUBECONFIG`,
        );
      }
    }
  }
}

async function fromAgent(url: string, signal: AbortSignal, since: string | undefined): Promise<ReachedMesh> {
  const [snapshot, verdict] = await Promise.all([fetchSnapshot(url, signal, since), fetchVerdict(url, signal)]);
  return meshOf(snapshot, verdict);
}

async function fromCluster(
  { kubeconfig, context, namespace }: ClusterChoice,
  signal: AbortSignal,
  since: string | undefined,
): Promise<ReachedMesh> {
  using progress = new Progress();
  progress.step("reading the kubeconfig");
  const [{ ClusterError, openCluster }, { clusterMesh }] = await Promise.all([
    import("./cluster/connection.ts"),
    import("./cluster/snapshot.ts"),
  ]);
  try {
    const cluster = await openCluster({ kubeconfig, context });
    const { snapshot, verdict } = await clusterMesh({
      cluster,
      namespace,
      since,
      signal,
      progress: (step) => progress.step(step),
    });
    return meshOf(snapshot, verdict);
  } catch (err) {
    throw err instanceof ClusterError ? new AgentUnreachable(err.message, { cause: err }) : err;
  }
}
