// The cluster's pod and Service ranges, each by every means there is, marked with where it came from: Kubernetes has no
// one place that tells them.
import type { V1ConfigMap, V1Node, V1Pod, V1Service } from "@kubernetes/client-node";
import { around, parseCidr } from "../../base/cidr.ts";
import { KINDS, valueOf, whyNot, type Objects, type Reading } from "../cluster/objects.ts";
import { flannelConfig, type CniName, type CniSigns } from "./cni-table.ts";

export interface RangeSource {
  /** In words: "ServiceCIDR objects". */
  readonly from: string;
  readonly cidrs: readonly string[];
  /** `within`: nodes' own parts, or one address; the whole range is at least this. */
  readonly tells: "range" | "within";
  /** Why it tells nothing, with what would allow to see it. */
  readonly unseen?: string;
}

export interface Ranges {
  readonly cluster: readonly RangeSource[];
  readonly service: readonly RangeSource[];
}

interface ServiceCidr {
  readonly spec?: { readonly cidrs?: readonly string[] };
}

export async function surveyRanges(
  objects: Objects,
  nodes: Reading<readonly V1Node[]>,
  signs: ReadonlyMap<CniName, CniSigns>,
): Promise<Ranges> {
  const system = { namespace: "kube-system" };
  const [serviceCidrs, kubernetes, controllers, servers, kubeadm, proxy] = await Promise.all([
    objects.list<ServiceCidr>(KINDS.serviceCidrs),
    objects.get<V1Service>(KINDS.services, "kubernetes", { namespace: "default" }),
    objects.list<V1Pod>(KINDS.pods, { ...system, labels: "component=kube-controller-manager" }),
    objects.list<V1Pod>(KINDS.pods, { ...system, labels: "component=kube-apiserver" }),
    objects.get<V1ConfigMap>(KINDS.configMaps, "kubeadm-config", system),
    objects.get<V1ConfigMap>(KINDS.configMaps, "kube-proxy", system),
  ]);
  const kubeadmText = mapped(kubeadm, ({ data }) => data?.["ClusterConfiguration"] ?? "");
  return {
    cluster: [
      ofNodes(nodes),
      source("flags of the controller manager's pods", flagOf(controllers, "cluster-cidr")),
      source("ConfigMap kube-system/kubeadm-config", yamlValue(kubeadmText, "podSubnet")),
      source(
        "ConfigMap kube-system/kube-proxy",
        yamlValue(
          mapped(proxy, ({ data }) => data?.["config.conf"] ?? ""),
          "clusterCIDR",
        ),
      ),
      ...ofCni(signs),
    ],
    service: [
      source(
        "ServiceCIDR objects",
        mapped(serviceCidrs, (list) => list.flatMap(({ spec }) => spec?.cidrs ?? [])),
      ),
      source("flags of the API server's pods", flagOf(servers, "service-cluster-ip-range")),
      source("flags of the controller manager's pods", flagOf(controllers, "service-cluster-ip-range")),
      source("ConfigMap kube-system/kubeadm-config", yamlValue(kubeadmText, "serviceSubnet")),
      {
        ...source(
          "address of the Service default/kubernetes",
          mapped(kubernetes, ({ spec }) => spec?.clusterIPs ?? []),
        ),
        tells: "within",
      },
    ],
  };
}

function ofNodes(listed: Reading<readonly V1Node[]>): RangeSource {
  const nodes = valueOf(listed) ?? [];
  const cidrs = nodes.flatMap(podCidrsOf).flatMap((text) => parseCidr(text) ?? []);
  const both = (["ipv4", "ipv6"] as const).flatMap((family) => {
    const range = around(cidrs.filter((cidr) => cidr.family === family));
    return range === undefined ? [] : [range.text];
  });
  const from = "pod CIDRs of the nodes";
  return both.length > 0
    ? { from, cidrs: both, tells: "within" }
    : { from, cidrs: [], tells: "within", unseen: whyNot(listed) ?? "no node has one" };
}

export const podCidrsOf = ({ spec }: V1Node): readonly string[] =>
  spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]);

function ofCni(signs: ReadonlyMap<CniName, CniSigns>): RangeSource[] {
  const flannel = signs.get("flannel");
  const network = flannel && flannelConfig(flannel);
  const networks = [network?.Network, network?.IPv6Network].filter((cidr) => cidr !== undefined);
  const pools = signs.get("calico")?.ipPools.filter(({ disabled }) => disabled !== true) ?? [];
  return [
    ...(networks.length > 0 ? [{ from: "Flannel's ConfigMap", cidrs: networks, tells: "range" as const }] : []),
    ...(pools.length > 0
      ? [{ from: "Calico's IP pools", cidrs: pools.map(({ cidr }) => cidr), tells: "range" as const }]
      : []),
  ];
}

function source(from: string, reading: Reading<readonly string[]>): RangeSource {
  const cidrs = valueOf(reading) ?? [];
  const unseen = whyNot(reading) ?? (cidrs.length === 0 ? "it is not told there" : undefined);
  return { from, cidrs, tells: "range", ...(unseen !== undefined && { unseen }) };
}

const mapped = <T, R>(reading: Reading<T>, map: (value: T) => R): Reading<R> =>
  reading.kind === "read" ? { kind: "read", value: map(reading.value) } : reading;

/** Of static pods, as kubeadm runs them; a managed control plane has none to be seen. */
function flagOf(pods: Reading<readonly V1Pod[]>, flag: string): Reading<readonly string[]> {
  if (pods.kind === "read" && pods.value.length === 0) return { kind: "absent", why: "no such pods" };
  return mapped(pods, (list) => {
    const words = list.flatMap(({ spec }) =>
      (spec?.containers ?? []).flatMap(({ command, args }) => [...(command ?? []), ...(args ?? [])]),
    );
    const start = `--${flag}=`;
    const found = words.find((word) => word.startsWith(start));
    return found === undefined ? [] : found.slice(start.length).split(",");
  });
}

/** One setting of a document that is YAML inside of a ConfigMap: `podSubnet: 10.244.0.0/16,fd00::/48`. */
const yamlValue = (reading: Reading<string>, key: string): Reading<readonly string[]> =>
  mapped(reading, (document) => {
    const found = new RegExp(`^\\s*${key}:\\s*["']?([^"'\\s#]+)`, "m").exec(document)?.[1];
    return found === undefined ? [] : found.split(",");
  });
