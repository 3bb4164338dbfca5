// Counters, limits and settings of each node, and what sets a node's apart.
import { nodesCommand } from "./nodes/command.ts";
import { COUNTERS } from "./nodes/parts.ts";

const MORE = `
Reads counters of interfaces and protocols, the queues of the processors (softnet), connection tracking and its limit, how full the
neighbour tables are, and the settings that decide how packets pass, from the agents of all nodes. It reads twice, so that what is
shown first is what is lost now, what is full, and a setting that differs; the table tells of the time since each machine started.

Without the chart's hostView.enabled interfaces and protocols are those of the agents' pods; softnet and the limits of the neighbour
tables are of the whole machine in any case.

Examples:
  internode counters --context prod
  internode counters node-1 --interval 30
  internode counters -o json | jq '.nodes[] | {node, conntrack}'

Exit: 0 nothing is full or lost, 1 something is or no node could be seen, 2 bad usage.`;

export const command = nodesCommand({ part: COUNTERS, more: MORE, twice: true });
