// Objects of the cluster, each asked for once. What cannot be had is an answer as well, with the RBAC rule that would
// allow it: one missing right never ends a report.
import { AbsentError, ClusterError, ForbiddenError, ruleFor, type ClusterConnection } from "./connection.ts";

export type Reading<T> =
  | { readonly kind: "read"; readonly value: T }
  /** No such object, or the cluster does not know the kind. */
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "forbidden"; readonly why: string; readonly rule: string }
  | { readonly kind: "failed"; readonly why: string };

export interface Kind {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

export interface Where {
  readonly namespace?: string;
  readonly labels?: string;
}

/** Objects of one answer of the API server. */
const AT_ONCE = 500;

export interface Objects {
  list<T>(kind: Kind, where?: Where): Promise<Reading<readonly T[]>>;
  get<T>(kind: Kind, name: string, where?: Where): Promise<Reading<T>>;
  /** What a pod answers, by way of the API server's proxy. */
  fromPod(pod: PodPort, path: string): Promise<Reading<string>>;
}

export interface PodPort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export class ClusterObjects implements Objects {
  readonly #cluster: Pick<ClusterConnection, "get" | "getFromPod">;
  readonly #signal: AbortSignal;
  readonly #asked = new Map<string, Promise<Reading<unknown>>>();

  constructor(cluster: Pick<ClusterConnection, "get" | "getFromPod">, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#signal = signal;
  }

  list<T>(kind: Kind, where: Where = {}): Promise<Reading<readonly T[]>> {
    const query = new URLSearchParams({ limit: String(AT_ONCE), ...(where.labels && { labelSelector: where.labels }) });
    const path = `${pathOf(kind, where)}?${query.toString()}`;
    return this.#once(path, kind, "list", async () => {
      const all: T[] = [];
      let next = "";
      do {
        const page = await this.#json<Page<T>>(next === "" ? path : `${path}&continue=${encodeURIComponent(next)}`);
        all.push(...(page.items ?? []));
        next = page.metadata?.continue ?? "";
      } while (next !== "");
      return all;
    });
  }

  get<T>(kind: Kind, name: string, where: Where = {}): Promise<Reading<T>> {
    const path = `${pathOf(kind, where)}/${encodeURIComponent(name)}`;
    return this.#once(path, kind, "get", () => this.#json<T>(path));
  }

  fromPod(pod: PodPort, path: string): Promise<Reading<string>> {
    const { namespace, name, port } = pod;
    const kind: Kind = { group: "", version: "v1", plural: "pods/proxy" };
    return this.#once(`${namespace}/${name}:${port}${path}`, kind, "get", async () =>
      (await this.#cluster.getFromPod(pod, path, this.#signal)).toString("utf8"),
    );
  }

  #once<T>(path: string, kind: Kind, verb: string, ask: () => Promise<T>): Promise<Reading<T>> {
    const known = this.#asked.get(path) as Promise<Reading<T>> | undefined;
    if (known) return known;
    const reading = ask().then(
      (value): Reading<T> => ({ kind: "read", value }),
      (err: unknown): Reading<T> => {
        if (this.#signal.aborted || !(err instanceof ClusterError)) throw err;
        const why = err.message;
        if (err instanceof AbsentError) return { kind: "absent", why };
        if (err instanceof ForbiddenError)
          return { kind: "forbidden", why, rule: ruleFor(kind.plural, verb, kind.group) };
        return { kind: "failed", why };
      },
    );
    this.#asked.set(path, reading);
    return reading;
  }

  async #json<T>(path: string): Promise<T> {
    const body = (await this.#cluster.get(path, this.#signal)).toString("utf8");
    try {
      return JSON.parse(body) as T;
    } catch (err) {
      throw new ClusterError(`${path.split("?")[0]} is no JSON; is this a Kubernetes API server?`, { cause: err });
    }
  }
}

interface Page<T> {
  readonly items?: readonly T[];
  readonly metadata?: { readonly continue?: string };
}

function pathOf({ group, version, plural }: Kind, { namespace }: Where): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${root}${namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`}/${plural}`;
}

/** The value, or undefined where there is none to be had. */
export const valueOf = <T>(reading: Reading<T>): T | undefined => (reading.kind === "read" ? reading.value : undefined);

/** Why there is no value, in words that end with the cure; undefined where there is one. */
export function whyNot(reading: Reading<unknown>): string | undefined {
  switch (reading.kind) {
    case "read":
      return undefined;
    case "absent":
      return "there is none";
    case "forbidden":
      return `not allowed; ${reading.rule}`;
    case "failed":
      return reading.why;
  }
}

export const KINDS = {
  nodes: { group: "", version: "v1", plural: "nodes" },
  pods: { group: "", version: "v1", plural: "pods" },
  services: { group: "", version: "v1", plural: "services" },
  namespaces: { group: "", version: "v1", plural: "namespaces" },
  configMaps: { group: "", version: "v1", plural: "configmaps" },
  daemonSets: { group: "apps", version: "v1", plural: "daemonsets" },
  serviceCidrs: { group: "networking.k8s.io", version: "v1", plural: "servicecidrs" },
  networkPolicies: { group: "networking.k8s.io", version: "v1", plural: "networkpolicies" },
} as const satisfies Readonly<Record<string, Kind>>;
