// What in a cluster's network cannot be meant: ranges that overlap, nodes that differ from the others. Pure.
import { contains, overlaps, parseCidr, type Cidr } from "../../base/cidr.ts";
import { listed } from "../../base/format.ts";
import type { RangeSource } from "./ranges.ts";
import type { Topology, TopologyNode } from "./topology.ts";

type Seen = Pick<Topology, "nodes" | "ranges" | "cnis">;

export function disagreements(seen: Seen): string[] {
  return [
    ...nodeOverlaps(seen.nodes),
    ...rangeOverlaps(seen),
    ...outside(seen),
    ...differing("cluster CIDR", seen.ranges?.cluster ?? []),
    ...differing("service CIDR", seen.ranges?.service ?? []),
    ...withoutPodCidr(seen),
    ...notReady(seen),
    ...mtus(seen.nodes),
    ...twice(seen.nodes),
  ];
}

const read = (texts: readonly string[]): Cidr[] => texts.flatMap((text) => parseCidr(text) ?? []);

function nodeOverlaps(nodes: readonly TopologyNode[]): string[] {
  const own = nodes.flatMap(({ name, podCidrs }) => read(podCidrs).map((cidr) => ({ name, cidr })));
  // By where they begin: each overlaps, if any, the one before it that reaches farthest.
  own.sort((a, b) =>
    a.cidr.family === b.cidr.family ? cmp(a.cidr.first, b.cidr.first) : a.cidr.family < b.cidr.family ? -1 : 1,
  );
  let reaching = own[0];
  return own.slice(1).flatMap((one) => {
    const before = reaching!;
    const isOver = before.name !== one.name && overlaps(before.cidr, one.cidr);
    if (before.cidr.family !== one.cidr.family || one.cidr.last > before.cidr.last) reaching = one;
    return isOver ? [`pod CIDR ${one.cidr.text} of ${one.name} overlaps ${before.cidr.text} of ${before.name}`] : [];
  });
}

const cmp = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** The ranges as told: by those that tell the whole one, else at least what is within. */
function told(sources: readonly RangeSource[]): { readonly cidr: Cidr; readonly from: string }[] {
  const known = sources.filter(({ cidrs }) => cidrs.length > 0);
  const whole = known.filter(({ tells }) => tells === "range");
  const seen = new Set<string>();
  return (whole.length > 0 ? whole : known)
    .flatMap(({ cidrs, from }) => read(cidrs).map((cidr) => ({ cidr, from })))
    .filter(({ cidr }) => !seen.has(cidr.text) && seen.add(cidr.text));
}

function rangeOverlaps({ nodes, ranges }: Seen): string[] {
  if (ranges === undefined) return [];
  const [cluster, service] = [told(ranges.cluster), told(ranges.service)];
  const addresses = nodes.flatMap(({ name, internalIps }) => read(internalIps).map((ip) => ({ name, ip })));
  const within = (cidr: Cidr) => addresses.filter(({ ip }) => contains(cidr, ip)).map(({ name }) => name);
  const nodesIn = (what: string, range: { readonly cidr: Cidr }) => {
    const names = [...new Set(within(range.cidr))];
    return names.length === 0 ? [] : [`the ${what} CIDR ${range.cidr.text} contains the addresses of ${listed(names)}`];
  };
  return [
    ...cluster.flatMap((pods) =>
      service
        .filter((services) => overlaps(pods.cidr, services.cidr))
        .map(
          (services) =>
            `the cluster CIDR ${pods.cidr.text} (${pods.from}) overlaps the service CIDR ${services.cidr.text} (${services.from})`,
        ),
    ),
    ...cluster.flatMap((range) => nodesIn("cluster", range)),
    ...service.flatMap((range) => nodesIn("service", range)),
  ];
}

function outside({ nodes, ranges }: Seen): string[] {
  const whole = (ranges?.cluster ?? []).filter(({ tells, cidrs }) => tells === "range" && cidrs.length > 0);
  const cidrs = read(whole.flatMap((range) => range.cidrs));
  if (cidrs.length === 0) return [];
  return nodes.flatMap(({ name, podCidrs }) =>
    read(podCidrs)
      .filter((own) => cidrs.some(({ family }) => family === own.family) && !cidrs.some((cidr) => contains(cidr, own)))
      .map(
        (own) =>
          `pod CIDR ${own.text} of ${name} is outside of the cluster CIDR ${cidrs.map(({ text }) => text).join(", ")}`,
      ),
  );
}

/** Calico's pools and Flannel's network may be a part of the cluster's range: only two that do not meet disagree. */
function differing(what: string, sources: readonly RangeSource[]): string[] {
  const whole = sources.filter(({ tells, cidrs }) => tells === "range" && cidrs.length > 0);
  const [first, ...others] = whole;
  if (first === undefined) return [];
  const own = read(first.cidrs);
  return others.flatMap(({ from, cidrs }) => {
    const apart = read(cidrs).filter(
      (cidr) => own.some(({ family }) => family === cidr.family) && !own.some((one) => overlaps(one, cidr)),
    );
    return apart.map(({ text }) => `the ${what} is ${first.cidrs.join(", ")} by ${first.from}, and ${text} by ${from}`);
  });
}

function withoutPodCidr({ nodes, cnis }: Seen): string[] {
  const needing = cnis.find(({ needsPodCidr }) => needsPodCidr);
  if (needing === undefined) return [];
  const names = nodes.filter(({ podCidrs, kernel }) => podCidrs.length === 0 && kernel !== "").map(({ name }) => name);
  const verb = names.length === 1 ? "has" : "have";
  return names.length === 0
    ? []
    : [`${listed(names)} ${verb} no pod CIDR, and ${needing.title} needs one: pods made there get no address`];
}

function notReady({ cnis }: Seen): string[] {
  return cnis.flatMap(({ title, wanted = 0, ready = 0 }) =>
    ready < wanted ? [`${title} is ready on ${ready} of ${wanted} nodes`] : [],
  );
}

function mtus(nodes: readonly TopologyNode[]): string[] {
  return (["pod", "node"] as const).flatMap((network) => {
    const sizes = new Map<number, string[]>();
    for (const { name, passesBytes } of nodes) {
      const bytes = passesBytes[network];
      if (bytes !== undefined) sizes.set(bytes, [...(sizes.get(bytes) ?? []), name]);
    }
    if (sizes.size < 2) return [];
    const groups = [...sizes].sort((a, b) => b[1].length - a[1].length);
    const words = groups.map(([bytes, names]) => `${bytes} bytes on ${listed(names)}`);
    return [`packets of the ${network} network pass up to ${words.join(", and ")}`];
  });
}

function twice(nodes: readonly TopologyNode[]): string[] {
  const owners = new Map<string, string[]>();
  for (const { name, internalIps } of nodes)
    for (const { text } of read(internalIps)) owners.set(text, [...(owners.get(text) ?? []), name]);
  return [...owners]
    .filter(([, names]) => names.length > 1)
    .map(([range, names]) => `the address ${range.split("/")[0]} is of ${listed(names)}`);
}
