// What the cluster's network is made of.
import { reportCommand } from "./report-command.ts";
import type { Report } from "./report/report.ts";
import { isUnreached, type Sources } from "./sources.ts";
import { topologyDot, topologySvg } from "./survey/topology-picture.ts";
import { topologyReport } from "./survey/topology-report.ts";
import { surveyTopology, type Topology } from "./survey/topology.ts";

const MORE = `
Nodes with their addresses, pod CIDRs, zone and kernel; the cluster's pod and Service ranges by every means there is,
each marked with where it came from; the CNI with its version, mode and what its encapsulation costs; and what of all
this disagrees: ranges that overlap, a node without a pod CIDR where its CNI needs one, packet sizes that differ.

It reads through the API server with your kubeconfig. MTU is the largest packet that passes, as the agents measure it.
What you may not read is named, with the RBAC rule that would allow it.

Examples:
  internode topology --context prod
  internode topology -o svg > topology.svg
  internode topology -o dot | dot -Tpng > topology.png
  internode topology -o json | jq '.ranges.service'

Exit: 0 nothing disagrees, 1 something does or no node could be seen, 2 bad usage.`;

export interface TopologyFound extends Report {
  readonly data: Topology;
}

export async function makeTopology(sources: Sources): Promise<TopologyFound> {
  const [objects, mesh] = await Promise.all([sources.objects(), sources.mesh()]);
  const topology = await surveyTopology({ objects, snapshot: isUnreached(mesh) ? mesh : mesh.snapshot });
  return { ...topologyReport(topology), data: topology };
}

export const command = reportCommand<TopologyFound>({
  more: MORE,
  make: makeTopology,
  formats: { dot: ({ data }) => topologyDot(data), svg: ({ data }) => topologySvg(data) },
});
