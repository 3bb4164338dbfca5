// Cluster DNS as each node sees it.
import { reportCommand } from "./report-command.ts";
import type { Report } from "./report/report.ts";
import type { Sources } from "./sources.ts";
import { dnsReport } from "./survey/dns-report.ts";

const MORE = `
Every agent looks names up as libc does, A and AAAA at once, at the cluster's DNS and where it is there at the node's cache.
This reads what they counted since they started, from their metrics by way of the API server's proxy: lookups, failures by
reason, delay, and how many waited for an answer that was lost.

Examples:
  internode dns --context prod
  internode dns -o json | jq '.lookups[] | select(.failures > 0)'

Exit: 0 lookups work, 1 over a tenth fail on some node or nothing could be seen, 2 bad usage.`;

export const makeDns = async (sources: Sources): Promise<Report> => dnsReport(await sources.objects());

export const command = reportCommand({ more: MORE, make: makeDns });
