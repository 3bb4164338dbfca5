// What the CNI says of itself.
import { reportCommand } from "./report-command.ts";
import type { Report } from "./report/report.ts";
import type { Sources } from "./sources.ts";
import { cniReport } from "./survey/cni-report.ts";

const MORE = `
Reads what the CNI keeps in the cluster: Calico's pools, BGP and sessions, Flannel's settings, backend and leases, Cilium's
settings, nodes and endpoints, kube-router's BGP, Antrea's agents, Kube-OVN's subnets, Weave's peers, and those of clouds.
It runs nothing in their pods. What you may not read is named, with the RBAC rule that would allow it.

Examples:
  internode cni --context prod
  internode cni -o json | jq '.cnis[].details'

Exit: 0 nothing wrong by the CNI's own word, 1 something is or the CNI could not be seen, 2 bad usage.`;

export const makeCni = async (sources: Sources): Promise<Report> => cniReport(await sources.objects());

export const command = reportCommand({ more: MORE, make: makeCni });
