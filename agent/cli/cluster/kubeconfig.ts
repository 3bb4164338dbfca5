// The kubeconfig that is meant, read as kubectl reads it: of several files the first word counts, and one that is not
// there is passed over.
import type { KubeConfig } from "@kubernetes/client-node";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { forText } from "../../base/escape.ts";
import { UsageError } from "../command.ts";
import { ClusterError } from "./errors.ts";
import { proxyFor } from "./proxy.ts";

export interface ClusterOptions {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
}

const filesOf = (env: NodeJS.ProcessEnv): readonly string[] =>
  (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");

/** Where there is none, the client would ask an API server on this machine. */
export const hasKubeconfig = (env: NodeJS.ProcessEnv = process.env): boolean =>
  filesOf(env).length > 0 ||
  env["KUBERNETES_SERVICE_HOST"] !== undefined ||
  existsSync(join(homedir(), ".kube", "config"));

/** With the context that is meant. Throws ClusterError, and UsageError for what was typed and is not there. */
export async function loadKubeconfig(
  { kubeconfig, context }: ClusterOptions,
  env: NodeJS.ProcessEnv,
): Promise<KubeConfig> {
  if (kubeconfig === undefined && !hasKubeconfig(env))
    throw new ClusterError("there is no kubeconfig: name one with --kubeconfig or KUBECONFIG");
  const { KubeConfig } = await import("@kubernetes/client-node");
  let loaded = new KubeConfig();
  try {
    const files = filesOf(env);
    if (kubeconfig !== undefined) loaded.loadFromFile(kubeconfig);
    else if (files.length === 0) loaded.loadFromDefault();
    else loaded = merged(files, () => new KubeConfig());
  } catch (err) {
    const why = `the kubeconfig cannot be read: ${forText((err as Error).message)}`;
    throw kubeconfig === undefined ? new ClusterError(why, { cause: err }) : new UsageError(why, { cause: err });
  }
  if (context !== undefined) {
    const names = loaded.getContexts().map(({ name }) => name);
    if (!names.includes(context))
      throw new UsageError(
        `the kubeconfig has no context '${forText(context)}'; it has ${names.map(forText).join(", ") || "none"}`,
      );
    loaded.setCurrentContext(context);
  }
  return withProxy(loaded, env);
}

function merged(files: readonly string[], empty: () => KubeConfig): KubeConfig {
  const there = files.filter((file) => existsSync(file));
  if (there.length === 0) throw new Error(`KUBECONFIG names ${files.join(" and ")}, and no such file is there`);
  const all = there.map((file) => {
    const one = empty();
    one.loadFromFile(file);
    return one;
  });
  const first = <T extends { readonly name: string }>(lists: readonly (readonly T[])[]): T[] => [
    ...new Map(
      lists
        .flat()
        .toReversed()
        .map((one) => [one.name, one]),
    ).values(),
  ];
  const whole = empty();
  whole.loadFromOptions({
    clusters: first(all.map(({ clusters }) => clusters)),
    users: first(all.map(({ users }) => users)),
    contexts: first(all.map(({ contexts }) => contexts)),
    currentContext: all.map((one) => one.getCurrentContext()).find((name) => name) ?? "",
  });
  return whole;
}

/** The client knows only a proxy that the kubeconfig names. */
function withProxy(loaded: KubeConfig, env: NodeJS.ProcessEnv): KubeConfig {
  const cluster = loaded.getCurrentCluster();
  if (cluster === null || cluster.proxyUrl || !URL.canParse(cluster.server)) return loaded;
  const proxyUrl = proxyFor(new URL(cluster.server), env);
  if (proxyUrl !== undefined && !URL.canParse(proxyUrl))
    throw new ClusterError(`the proxy '${forText(proxyUrl)}' of the environment is no URL: correct HTTPS_PROXY`);
  return Object.assign(loaded, {
    clusters: loaded.clusters.map((one) => (one === cluster && proxyUrl !== undefined ? { ...one, proxyUrl } : one)),
  });
}
