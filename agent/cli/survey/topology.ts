// What a cluster's network is made of: nodes, ranges, the CNI, and what of it disagrees.
import type { V1Node } from "@kubernetes/client-node";
import { parseCidr } from "../../base/cidr.ts";
import { inDisplayOrder } from "../../model/order.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import { KINDS, valueOf, whyNot, type Objects } from "../cluster/objects.ts";
import { surveyCni, type Cni } from "./cni.ts";
import { disagreements } from "./disagreements.ts";
import { podCidrsOf, surveyRanges, type Ranges } from "./ranges.ts";

export interface TopologyNode {
  readonly name: string;
  readonly zone: string;
  readonly internalIps: readonly string[];
  readonly externalIps: readonly string[];
  readonly podCidrs: readonly string[];
  readonly kernel: string;
  readonly ready: boolean | undefined;
  /** The largest packet that passes between its agent and all that it measures, by network; as the agents tell it. */
  readonly passesBytes: Readonly<Partial<Record<"pod" | "node", number>>>;
  readonly hasAgent: boolean | undefined;
}

export interface Topology {
  readonly nodes: readonly TopologyNode[];
  readonly ranges: Ranges | undefined;
  readonly cnis: readonly Cni[];
  /** Whether enough was seen that a CNI known by sight would have been. */
  readonly seesCni: boolean;
  readonly disagreements: readonly string[];
  /** What could not be seen, each with what would allow it. */
  readonly unseen: readonly string[];
}

export interface TopologySources {
  readonly objects: Objects | { readonly why: string };
  readonly snapshot: Snapshot | { readonly why: string };
}

export async function surveyTopology({ objects, snapshot }: TopologySources): Promise<Topology> {
  const unseen: string[] = [];
  let mesh = "why" in snapshot ? undefined : snapshot;
  if ("why" in snapshot) unseen.push(`the agents were not asked: ${snapshot.why}`);
  if ("why" in objects) {
    unseen.push(`the API server was not asked: ${objects.why}`);
    return topologyOf({ nodes: agentNodes(mesh), ranges: undefined, cnis: [], seesCni: false, unseen });
  }
  const listed = await objects.list<V1Node>(KINDS.nodes);
  const nodes = valueOf(listed) ?? [];
  if (listed.kind !== "read") unseen.push(`nodes were not seen, only those with an agent: ${whyNot(listed)}`);
  if (mesh && listed.kind === "read" && isOfOthers(mesh, nodes)) {
    unseen.push(
      `the agent that answered is of another mesh than this cluster (${mesh.nodes[0]!.name}, …): use --context`,
    );
    mesh = undefined;
  }
  const { found, signs, unseen: unseenOfCni } = await surveyCni(objects, nodes);
  const ranges = await surveyRanges(objects, listed, signs);
  unseen.push(...unseenOfCni);
  return topologyOf({
    nodes: listed.kind === "read" ? nodes.map((node) => topologyNode(node, mesh)) : agentNodes(mesh),
    ranges,
    cnis: found,
    seesCni: listed.kind === "read" && unseenOfCni.length === 0,
    unseen,
  });
}

/** On a machine where the demo runs, or a port is forwarded to another cluster. */
const isOfOthers = (mesh: Snapshot, nodes: readonly V1Node[]): boolean =>
  mesh.nodes.length > 0 && !mesh.nodes.some(({ name }) => nodes.some(({ metadata }) => metadata?.name === name));

function topologyOf(seen: Omit<Topology, "disagreements">): Topology {
  const nodes = inDisplayOrder(seen.nodes);
  return { ...seen, nodes, disagreements: disagreements({ ...seen, nodes }) };
}

const ZONE_LABELS = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

function topologyNode(node: V1Node, mesh: Snapshot | undefined): TopologyNode {
  const { metadata, status } = node;
  const name = metadata?.name ?? "";
  const addresses = (type: string) =>
    (status?.addresses ?? []).filter((one) => one.type === type).map(({ address }) => address);
  const ready = status?.conditions?.find(({ type }) => type === "Ready")?.status;
  return {
    name,
    zone: ZONE_LABELS.map((label) => metadata?.labels?.[label]).find((zone) => zone !== undefined) ?? "",
    internalIps: addresses("InternalIP"),
    externalIps: addresses("ExternalIP"),
    podCidrs: podCidrsOf(node).map((cidr) => parseCidr(cidr)?.text ?? cidr),
    kernel: status?.nodeInfo?.kernelVersion ?? "",
    ready: ready === undefined ? undefined : ready === "True",
    passesBytes: passesOf(name, mesh),
    hasAgent: mesh && mesh.nodes.some((one) => one.name === name),
  };
}

/** Without the API server: what the agents know of their own nodes. */
function agentNodes(mesh: Snapshot | undefined): TopologyNode[] {
  return (mesh?.nodes ?? []).map(({ name, zone }) => ({
    name,
    zone,
    internalIps: [
      ...new Set(
        mesh!.rows
          .flatMap(({ pairs }) => pairs)
          .filter(({ destination, network }) => destination.name === name && network === "node")
          .map(({ address }) => address),
      ),
    ],
    externalIps: [],
    podCidrs: [],
    kernel: "",
    ready: undefined,
    passesBytes: passesOf(name, mesh),
    hasAgent: true,
  }));
}

/** One peer with a narrow path must not name this node: what most of its pairs pass. */
function passesOf(name: string, mesh: Snapshot | undefined): TopologyNode["passesBytes"] {
  const own = mesh?.rows.find(({ source }) => source.name === name)?.pathMtu ?? [];
  const most = (network: "pod" | "node") => {
    const sizes = own.filter((one) => one.network === network).map(({ passesBytes }) => passesBytes);
    return sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)];
  };
  const [pod, node] = [most("pod"), most("node")];
  return { ...(pod !== undefined && { pod }), ...(node !== undefined && { node }) };
}
