// Objects as the API server has them, defaults filled in, without what it and Helm note in them for themselves.
import { loadAll } from "js-yaml";
import { render, type Rendering } from "../chart/helm.ts";
import type { Manifest } from "../chart/kinds.ts";
import type { Release } from "./release.ts";
import type { Target } from "./target.ts";

const OPERATOR_GROUP = "monitoring.coreos.com";
/** No definitions of this group are to be had for tests: its kinds are judged by test/chart alone. */
const UNDEFINED_GROUP = "grafana.integreatly.org";
const OPERATOR_KINDS = ["PodMonitor", "ServiceMonitor", "PrometheusRule", "AlertmanagerConfig"].map(
  (kind) => `${OPERATOR_GROUP}/v1/${kind}`,
);
/** What a release of the chart may consist of. */
const KINDS =
  "daemonsets,services,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,priorityclasses,ciliumnetworkpolicies,podmonitors,servicemonitors,prometheusrules,alertmanagerconfigs";
/** Annotations and labels of Helm and of the API server, objects of `extraManifests` included. */
const NOTED_BY_OTHERS =
  /^(meta\.helm\.sh\/|app\.kubernetes\.io\/managed-by$|deprecated\.daemonset\.template\.generation$)/;

/** "Kind name" → the object. */
export type Objects = ReadonlyMap<string, unknown>;

/** What Helm makes of values on a cluster with the operator's kinds. */
export async function rendered(rendering: Rendering): Promise<readonly Manifest[]> {
  return (await render({ ...rendering, apiVersions: OPERATOR_KINDS })).filter(
    ({ apiVersion }) => !apiVersion.startsWith(UNDEFINED_GROUP),
  );
}

/** What the API server would make of these objects, hooks apart, if it had none of them. */
export async function asCreated(target: Target, namespace: string, manifests: readonly Manifest[]): Promise<Objects> {
  const items = manifests.filter(({ metadata }) => metadata.annotations?.["helm.sh/hook"] === undefined);
  return byName(await dryRun(target, ["create"], { namespace, manifests: items }));
}

/** What a command of kubectl would make of these objects, in their order; each in its own namespace where it names one. */
export async function dryRun(
  target: Target,
  words: readonly string[],
  { namespace, manifests }: { readonly namespace: string; readonly manifests: readonly Manifest[] },
): Promise<readonly Manifest[]> {
  const made = new Map<Manifest, Manifest>();
  for (const [where, items] of Map.groupBy(manifests, ({ metadata }) => metadata.namespace ?? namespace)) {
    const said = await target.kubectl(
      [...words, "--dry-run=server", "--output=yaml", "--namespace", where, "-f", "-"],
      { input: JSON.stringify({ apiVersion: "v1", kind: "List", items }) },
    );
    // Some commands print a list, others one object after the other.
    const objects = (loadAll(said) as readonly (Manifest & { readonly items?: readonly Manifest[] })[]).flatMap(
      (object) => object.items ?? [object],
    );
    if (objects.length !== items.length) throw new Error(`${objects.length} objects came of ${items.length}`);
    for (const [i, object] of objects.entries()) made.set(items[i]!, object);
  }
  return manifests.map((manifest) => made.get(manifest)!);
}

/** The objects that a release has now, in whatever namespace. */
export async function objectsOf(target: Target, { name, namespace }: Release): Promise<Objects> {
  const { items } = await target.get<{ readonly items: readonly Manifest[] }>([KINDS, "--all-namespaces"]);
  return byName(
    items.filter(
      ({ metadata: { annotations = {} } }) =>
        annotations["meta.helm.sh/release-name"] === name &&
        annotations["meta.helm.sh/release-namespace"] === namespace,
    ),
  );
}

function byName(manifests: readonly Manifest[]): Objects {
  const own = (noted: Readonly<Record<string, string>> = {}): object =>
    Object.fromEntries(Object.entries(noted).filter(([key]) => !NOTED_BY_OTHERS.test(key)));
  const named = manifests.map(({ metadata, ...rest }): [string, unknown] => [
    `${rest.kind} ${metadata.name}`,
    {
      ...withoutGivenAddresses(without(rest, "status")),
      labels: own(metadata.labels),
      annotations: own(metadata.annotations),
    },
  ]);
  return new Map(named.sort(([a], [b]) => a.localeCompare(b)));
}

/** The addresses that the API server chose for a Service: another one each time. Their number is the families'. */
function withoutGivenAddresses(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { spec } = object as {
    readonly spec?: { readonly clusterIP?: string; readonly clusterIPs?: readonly string[] };
  };
  if (object["kind"] !== "Service" || spec?.clusterIP === undefined || spec.clusterIP === "None") return object;
  return { ...object, spec: { ...spec, clusterIP: "given", clusterIPs: spec.clusterIPs?.map(() => "given") } };
}

function without(object: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object).filter(([other]) => other !== key));
}
