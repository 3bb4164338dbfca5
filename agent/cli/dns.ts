// Cluster DNS as each node sees it.
import { reportCommand } from "./report-command.ts";
import type { Report } from "./report/report.ts";
import { isUnreached, type Sources } from "./sources.ts";
import { dnsReport } from "./survey/dns-report.ts";

const MORE = `
Every agent looks names up as libc does, A and AAAA at once, at the cluster's DNS and where it is there at the node's cache.
With dnsPods.enabled=true in the chart it asks each pod behind cluster DNS for itself too: one that fails shows alone.
Their rows tell of the last minute. Where you may use the API server's proxy, their metrics tell of the time since they
started: lookups, failures by reason, delay, how many waited for an answer that was lost, and what the search path costs.

Examples:
  internode dns --context prod
  internode dns -o json | jq '.lookups[] | select(.failures > 0)'

Exit: 0 lookups work, 1 over a tenth fail on some node or nothing could be seen, 2 bad usage.`;

export async function makeDns(sources: Sources): Promise<Report> {
  const [objects, mesh] = await Promise.all([sources.objects(), sources.mesh()]);
  return dnsReport({ objects, snapshot: isUnreached(mesh) ? mesh : mesh.snapshot });
}

export const command = reportCommand({ more: MORE, make: makeDns });
