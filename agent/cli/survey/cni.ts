// Which CNI a cluster runs. Annotations of nodes first: k3s has Flannel inside its own process, with neither a DaemonSet
// nor a ConfigMap. Then DaemonSets, then ConfigMaps.
import type { V1ConfigMap, V1DaemonSet, V1Node } from "@kubernetes/client-node";
import { KINDS, valueOf, whyNot, type Objects, type Reading } from "../cluster/objects.ts";
import { calicoPools } from "./calico.ts";
import {
  CNI_NAMES,
  CNIS,
  OVERHEAD_BYTES,
  type CalicoPool,
  type Carrying,
  type CniName,
  type CniSigns,
} from "./cni-table.ts";

export interface Cni extends Carrying {
  readonly name: CniName;
  readonly title: string;
  /** Of the image's tag. */
  readonly version?: string;
  readonly carries: "overlay" | "underlay" | "unknown";
  /** Over IPv4, in bytes of a packet. */
  readonly overheadBytes?: number;
  readonly needsPodCidr: boolean;
  /** What it was known by. */
  readonly seenBy: readonly string[];
  /** Nodes that want its pod, and those where it is ready. */
  readonly wanted?: number;
  readonly ready?: number;
}

/** What the detection looked at, and what it could not see. */
export interface CniSurvey {
  readonly found: readonly Cni[];
  readonly unseen: readonly string[];
  readonly signs: ReadonlyMap<CniName, CniSigns>;
}

export async function surveyCni(objects: Objects, nodes: readonly V1Node[]): Promise<CniSurvey> {
  const [daemonSets, pools, configs] = await Promise.all([
    objects.list<V1DaemonSet>(KINDS.daemonSets),
    calicoPools(objects),
    configMaps(objects),
  ]);
  const signs = new Map<CniName, CniSigns>();
  const found = CNI_NAMES.flatMap((name) => {
    const own = ownSigns(name, nodes, configs, name === "calico" ? (valueOf(pools) ?? []) : []);
    const cni = detect(name, own, valueOf(daemonSets) ?? []);
    if (cni === undefined) return [];
    signs.set(name, own);
    return [cni];
  });
  return { found: withoutHidden(found), unseen: unseenOf({ daemonSets, configs, found }), signs };
}

type Configs = ReadonlyMap<string, Reading<V1ConfigMap>>;

async function configMaps(objects: Objects): Promise<Configs> {
  const wanted = new Map(
    Object.values(CNIS).flatMap((entry) => entry.configMaps.map((key) => [key.join("/"), key] as const)),
  );
  const readings = await Promise.all(
    [...wanted].map(
      async ([key, [namespace, name]]) =>
        [key, await objects.get<V1ConfigMap>(KINDS.configMaps, name, { namespace })] as const,
    ),
  );
  return new Map(readings);
}

function ownSigns(name: CniName, nodes: readonly V1Node[], configs: Configs, ipPools: readonly CalicoPool[]): CniSigns {
  const own = CNIS[name].configMaps.map((key) => configs.get(key.join("/")));
  const config = own.map((reading) => reading && valueOf(reading)?.data).find((data) => data !== undefined) ?? {};
  return { nodes, config, ipPools };
}

function detect(name: CniName, signs: CniSigns, daemonSets: readonly V1DaemonSet[]): Cni | undefined {
  const entry = CNIS[name];
  const annotated = signs.nodes.filter(({ metadata }) =>
    Object.keys(metadata?.annotations ?? {}).some((key) => entry.annotations.some((start) => key.startsWith(start))),
  );
  const sets = daemonSets.filter(({ metadata }) => entry.daemonSets.test(metadata?.name ?? ""));
  // A ConfigMap alone may be what an uninstalled one has left.
  if (annotated.length === 0 && sets.length === 0) return undefined;
  const carrying = entry.carrying(signs);
  const { encapsulation } = carrying;
  const seenBy = [
    ...(annotated.length > 0 ? [`annotations of ${annotated.length} of ${signs.nodes.length} nodes`] : []),
    ...sets.map(({ metadata }) => `DaemonSet ${metadata?.namespace}/${metadata?.name}`),
    ...(Object.keys(signs.config).length > 0 ? ["its ConfigMap"] : []),
    ...(signs.ipPools.length > 0 ? [`${signs.ipPools.length} IP pools`] : []),
  ];
  const version = sets.map((set) => versionOf(set, entry.image)).find((tag) => tag !== undefined);
  const sum = (of: (set: V1DaemonSet) => number | undefined) => sets.reduce((n, set) => n + (of(set) ?? 0), 0);
  return {
    name,
    title: entry.title,
    ...carrying,
    ...(version !== undefined && { version }),
    carries: encapsulation === undefined ? "unknown" : encapsulation === "none" ? "underlay" : "overlay",
    ...(encapsulation !== undefined && { overheadBytes: OVERHEAD_BYTES[encapsulation] }),
    needsPodCidr: entry.needsPodCidr(signs),
    seenBy,
    ...(sets.length > 0 && {
      wanted: sum(({ status }) => status?.desiredNumberScheduled),
      ready: sum(({ status }) => status?.numberReady),
    }),
  };
}

function versionOf({ spec }: V1DaemonSet, image: RegExp): string | undefined {
  const images = (spec?.template.spec?.containers ?? []).map((container) => container.image ?? "");
  const own = images.find((name) => image.test(name));
  return own === undefined ? undefined : /:([^/:@]+)(?:@.*)?$/.exec(own)?.[1];
}

/** GKE's dataplane carries Cilium's annotations: it is one CNI. */
const withoutHidden = (found: readonly Cni[]): Cni[] =>
  found.filter(({ name }) => name !== "cilium" || !found.some((other) => other.name === "gke"));

function unseenOf({
  daemonSets,
  configs,
  found,
}: {
  readonly daemonSets: Reading<unknown>;
  readonly configs: Configs;
  readonly found: readonly Cni[];
}): string[] {
  const unseen: string[] = [];
  if (daemonSets.kind !== "read") unseen.push(`DaemonSets were not seen: ${whyNot(daemonSets)}`);
  const wanted = new Set(
    (found.length > 0 ? found.map(({ name }) => name) : CNI_NAMES).flatMap((name) =>
      CNIS[name].configMaps.map((key) => key.join("/")),
    ),
  );
  const refused = [...configs].filter(
    ([key, reading]) => wanted.has(key) && (reading.kind === "forbidden" || reading.kind === "failed"),
  );
  const [first] = refused;
  if (first) unseen.push(`ConfigMaps ${refused.map(([key]) => key).join(", ")} were not seen: ${whyNot(first[1])}`);
  return unseen;
}
