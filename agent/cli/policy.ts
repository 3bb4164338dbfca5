// What NetworkPolicies let through between agents, against what is measured.
import { reportCommand } from "./report-command.ts";
import type { Report } from "./report/report.ts";
import { isUnreached, type Sources } from "./sources.ts";
import { policyReport } from "./survey/policy-report.ts";

const MORE = `
Which NetworkPolicies select the agents, what these let through between them by ICMP, TCP and UDP, and whether what the
agents measure agrees: let through and yet lost is not the policy's fault, denied and yet answered is a CNI that does not
enforce. Policies of other kinds (Cilium's, Calico's, Antrea's, AdminNetworkPolicy) are counted, not evaluated.

Examples:
  internode policy --context prod
  internode policy -o json | jq '.protocols[] | select(.denied > 0)'

Exit: 0 all probes are let through and answered, 1 something is denied or lost, or could not be seen, 2 bad usage.`;

export async function makePolicy(sources: Sources): Promise<Report> {
  const [objects, mesh] = await Promise.all([sources.objects(), sources.mesh()]);
  return policyReport({ objects, snapshot: isUnreached(mesh) ? mesh : mesh.snapshot });
}

export const command = reportCommand({ more: MORE, make: makePolicy });
