// As much of an API server as `helm --dry-run=server` asks: discovery, and the objects that templates look up.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Cluster extends AsyncDisposable {
  /** Path of a kubeconfig for it. */
  readonly kubeconfig: string;
}

export interface Objects {
  readonly nodes?: readonly object[];
  /** Namespace → its labels. */
  readonly namespaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Of the namespace that renders are for: name → its data. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Undefined: the cluster does not know the kind. */
  readonly prometheuses?: readonly object[];
  /** Paths that are answered with 403. */
  readonly forbidden?: readonly string[];
}

export async function cluster(objects: Objects): Promise<Cluster> {
  const documents = answers(objects);
  const server = createServer((req, res) => {
    const path = req.url!.split("?")[0]!;
    const isForbidden = objects.forbidden?.includes(path) === true;
    const body = isForbidden
      ? status(403, "Forbidden", `${path} is forbidden`)
      : (documents[path] ?? status(404, "NotFound", `${path} not found`));
    res
      .writeHead(isForbidden ? 403 : path in documents ? 200 : 404, { "Content-Type": "application/json" })
      .end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const folder = await mkdtemp(join(tmpdir(), "internode-chart-"));
  const kubeconfig = join(folder, "kubeconfig");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "c",
      clusters: [{ name: "c", cluster: { server: url } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    }),
  );
  return {
    kubeconfig,
    async [Symbol.asyncDispose]() {
      server.close().closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const status = (code: number, reason: string, message: string) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
  message,
});
/** What the default install consists of: without these in discovery, Helm cannot even build the objects. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  v1: ["ConfigMap", "Service", "ServiceAccount", "Pod", "Namespace", "Node", "Secret"],
  "apps/v1": ["DaemonSet"],
  "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding"],
  "networking.k8s.io/v1": ["NetworkPolicy"],
  "scheduling.k8s.io/v1": ["PriorityClass"],
};
const OPERATOR = "monitoring.coreos.com/v1";
const OPERATOR_KINDS = ["Prometheus", "PodMonitor", "ServiceMonitor", "PrometheusRule"];
const OF_THE_CLUSTER = new Set(["Namespace", "Node", "PriorityClass"]);

const plural = (kind: string): string => kind.toLowerCase().replace(/y$/, "ie").replace(/s$/, "se") + "s";
const root = (groupVersion: string): string =>
  groupVersion.includes("/") ? `/apis/${groupVersion}` : `/api/${groupVersion}`;

function resources(groupVersion: string, kinds: readonly string[]): readonly [path: string, document: object] {
  const described = kinds.map((kind) => ({
    name: plural(kind),
    singularName: kind.toLowerCase(),
    namespaced: !OF_THE_CLUSTER.has(kind),
    kind,
    verbs: ["get", "list", "watch", "create"],
  }));
  return [root(groupVersion), { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: described }];
}

function list(groupVersion: string, kind: string, items: readonly object[]): readonly [path: string, document: object] {
  return [
    `${root(groupVersion)}/${plural(kind)}`,
    { kind: `${kind}List`, apiVersion: groupVersion, metadata: {}, items },
  ];
}

/** What Helm wants to see on an object that it made. */
const OF_THE_RELEASE = {
  labels: { "app.kubernetes.io/managed-by": "Helm" },
  annotations: { "meta.helm.sh/release-name": "internode", "meta.helm.sh/release-namespace": "monitoring" },
};

function answers({
  nodes = [],
  namespaces = {},
  secrets = {},
  prometheuses,
}: Objects): Readonly<Record<string, object>> {
  const known = prometheuses === undefined ? KINDS : { ...KINDS, [OPERATOR]: OPERATOR_KINDS };
  const groups = Object.keys(known)
    .filter((groupVersion) => groupVersion.includes("/"))
    .map((groupVersion) => {
      const [name, version] = groupVersion.split("/");
      return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
    });
  return Object.fromEntries([
    ["/version", { major: "1", minor: "37", gitVersion: "v1.37.0" }],
    ["/api", { kind: "APIVersions", versions: ["v1"] }],
    ["/apis", { kind: "APIGroupList", apiVersion: "v1", groups }],
    ...Object.entries(known).map(([groupVersion, kinds]) => resources(groupVersion, kinds)),
    list("v1", "Node", nodes),
    ...(prometheuses === undefined ? [] : [list(OPERATOR, "Prometheus", prometheuses)]),
    ...Object.entries(secrets).map(
      ([name, data]) =>
        [
          `/api/v1/namespaces/monitoring/secrets/${name}`,
          { kind: "Secret", apiVersion: "v1", metadata: { ...OF_THE_RELEASE, name, namespace: "monitoring" }, data },
        ] as const,
    ),
    ...Object.entries(namespaces).map(
      ([name, labels]) =>
        [`/api/v1/namespaces/${name}`, { kind: "Namespace", apiVersion: "v1", metadata: { name, labels } }] as const,
    ),
  ]);
}
