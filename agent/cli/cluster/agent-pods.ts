// The agents of a cluster, as the API server lists their pods.
import { ClusterError, ForbiddenError, ruleFor, type ClusterConnection, type Pod } from "./connection.ts";

export interface AgentPod extends Pod {
  /** Undefined while it waits for a node. */
  readonly node: string | undefined;
  readonly ready: boolean;
  /** Why it is not, in Kubernetes' word: "Pending", "CrashLoopBackOff". */
  readonly state: string;
  /** The Secret that it mounts as the token of actions. */
  readonly tokenSecret?: { readonly name: string; readonly key: string } | undefined;
}

interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly volumes?: readonly {
      readonly name: string;
      readonly secret?: { readonly secretName?: string; readonly items?: readonly { readonly key: string }[] };
    }[];
    readonly containers: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly state?: { readonly waiting?: { readonly reason?: string } } }[];
  };
}

/** The host view has pods of its own, which are no agents. */
export const AGENT_PODS = "app.kubernetes.io/name=internode,app.kubernetes.io/component!=host-view";
const DEFAULT_PORT = 8843;
/** The volume that the chart mounts the token by. */
const TOKEN_VOLUME = "token";
/** Where the documents install it. */
const USUAL_NAMESPACE = "internode";

/** Throws ClusterError when there are none, or those of two installations. */
export async function agentPods(
  cluster: ClusterConnection,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly AgentPod[]> {
  const listed = await list(cluster, namespace, signal);
  // A pod of `helm test` has the same name; agents are a DaemonSet's.
  const agents = listed.filter(({ metadata }) => metadata.ownerReferences?.some(({ kind }) => kind === "DaemonSet"));
  const where = namespace === undefined ? "the namespaces that could be looked in" : `namespace ${namespace}`;
  if (agents.length === 0)
    throw new ClusterError(
      `there is no agent in ${where} of ${cluster.server} (pods with ${AGENT_PODS}): name theirs with --namespace, or install them`,
    );
  const sets = new Set(agents.map(({ metadata }) => `${metadata.namespace}/${metadata.ownerReferences![0]!.name}`));
  if (sets.size > 1)
    throw new ClusterError(
      `there are agents of several installations, ${[...sets].sort().join(" and ")}: choose one with --namespace`,
    );
  return agents.map(toAgentPod).sort((a, b) => Number(b.ready) - Number(a.ready) || (a.name < b.name ? -1 : 1));
}

async function list(
  cluster: ClusterConnection,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly PodObject[]> {
  const from = async (path: string) => {
    const query = new URLSearchParams({ labelSelector: AGENT_PODS }).toString();
    return (JSON.parse((await cluster.get(`${path}?${query}`, signal)).toString("utf8")) as { items: PodObject[] })
      .items;
  };
  const inNamespace = (name: string) => from(`/api/v1/namespaces/${encodeURIComponent(name)}/pods`);
  try {
    if (namespace !== undefined) return await inNamespace(namespace);
    try {
      return await from("/api/v1/pods");
    } catch (err) {
      if (!(err instanceof ForbiddenError)) throw err;
      const names = [...new Set([cluster.namespace ?? "default", USUAL_NAMESPACE])];
      const found = await Promise.allSettled(names.map(inNamespace));
      if (found.every(({ status }) => status === "rejected")) throw err;
      return found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    }
  } catch (err) {
    throw err instanceof ForbiddenError
      ? new ForbiddenError(
          `${err.message}; ${ruleFor("pods", "list")}, or name a namespace that you may read with --namespace`,
          { cause: err },
        )
      : err;
  }
}

function toAgentPod({ metadata, spec, status }: PodObject): AgentPod {
  const ports = spec.containers.flatMap((container) => container.ports ?? []);
  const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting !== undefined)?.state?.waiting?.reason;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    port: ports.find(({ name }) => name === "http")?.containerPort ?? DEFAULT_PORT,
    node: spec.nodeName,
    ready: status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
    state: waiting ?? status?.phase ?? "Unknown",
    tokenSecret: tokenSecretOf(spec),
  };
}

function tokenSecretOf({ volumes }: PodObject["spec"]): AgentPod["tokenSecret"] {
  const secret = volumes?.find(({ name }) => name === TOKEN_VOLUME)?.secret;
  return secret?.secretName === undefined
    ? undefined
    : { name: secret.secretName, key: secret.items?.[0]?.key ?? TOKEN_VOLUME };
}
