// An agent of a cluster for actions: its port through a port-forward, the token out of the Secret that its pod mounts.
import type { Duplex } from "node:stream";
import { asToken } from "../../base/token-file.ts";
import { agentPods, type AgentPod } from "../cluster/agent-pods.ts";
import { ClusterError, ForbiddenError, openCluster, ruleFor, type ClusterConnection } from "../cluster/connection.ts";
import type { Reach } from "../reach.ts";
import { usable } from "./token.ts";

export interface AgentAccess {
  /** Opens a connection to the API of an agent; which one only matters to who reads messages. */
  readonly open: () => Promise<Duplex>;
  readonly host: string;
  /** For messages: "the agent of node-1". */
  readonly name: string;
  readonly token: string;
}

/** Agents tried after that of the node, which pass the action on to it. */
const OTHERS_TRIED = 2;

/** Ways to reach it, the node's own agent first. Throws ClusterError. */
export async function agentAccesses(
  reach: Extract<Reach, { readonly kind: "cluster" | "nearest" }>,
  ask: { readonly node: string | undefined; readonly token: string | undefined; readonly signal: AbortSignal },
  progress: (step: string) => void,
): Promise<readonly AgentAccess[]> {
  progress("reading the kubeconfig");
  const cluster = await openCluster(reach);
  progress("looking for agents");
  const pods = await agentPods(cluster, reach.namespace, ask.signal);
  const nodes = pods.map(({ node }) => node).filter((node) => node !== undefined);
  if (ask.node !== undefined && !nodes.includes(ask.node))
    throw new ClusterError(`there is no agent on a node '${ask.node}'; there are agents on ${nodes.sort().join(", ")}`);
  const ready = pods.filter((pod) => pod.ready);
  const own = ready.filter(({ node }) => node === ask.node);
  const others = ready.filter(({ node }) => node !== ask.node).slice(0, OTHERS_TRIED);
  const tried = [...own, ...others];
  if (tried.length === 0) throw new ClusterError("no agent is ready");
  const token = ask.token ?? (await tokenOf(cluster, tried[0]!, { progress, signal: ask.signal }));
  return tried.map((pod) => ({
    open: () => cluster.forward(pod),
    host: `127.0.0.1:${pod.port}`,
    name: `the agent of ${pod.node ?? pod.name}`,
    token,
  }));
}

async function tokenOf(
  cluster: ClusterConnection,
  { namespace, name, tokenSecret }: AgentPod,
  { progress, signal }: { readonly progress: (step: string) => void; readonly signal: AbortSignal },
): Promise<string> {
  if (tokenSecret === undefined)
    throw new ClusterError(
      `pod ${namespace}/${name} mounts no token: actions are off. Switch them on with helm upgrade --reuse-values --set config.actions.enabled=true`,
    );
  progress("reading the token's Secret");
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(tokenSecret.name)}`;
  let body: string;
  try {
    body = (await cluster.get(path, signal)).toString("utf8");
  } catch (err) {
    if (!(err instanceof ForbiddenError)) throw err;
    throw new ForbiddenError(
      `${err.message}; ${ruleFor("secrets", "get")} in namespace ${namespace}, or give the token with --token-file`,
      { cause: err },
    );
  }
  const { data } = JSON.parse(body) as { readonly data?: Readonly<Record<string, string>> };
  const value = data?.[tokenSecret.key];
  if (value === undefined)
    throw new ClusterError(`Secret ${namespace}/${tokenSecret.name} has no key '${tokenSecret.key}'`);
  return usable(asToken(Buffer.from(value, "base64").toString("utf8"), `Secret ${namespace}/${tokenSecret.name}`));
}
