// Sockets of each node, and what sets a node's apart.
import { nodesCommand } from "./nodes/command.ts";
import { SOCKETS } from "./nodes/parts.ts";

const MORE = `
Reads TCP and UDP sockets from the agents of all nodes: what listens, what is connected, how much waits in the queues. What is shown
first is a port that is open on every node but one.

Without the chart's hostView.enabled these are the sockets of the agents' pods. Whose process a socket is no process without rights
can see.

Examples:
  internode sockets --context prod
  internode sockets node-1 --all
  internode sockets -o json | jq '.nodes[] | {node, socketCounts}'

Exit: 0 always but 1 where no node could be seen, 2 bad usage.`;

export const command = nodesCommand({ part: SOCKETS, more: MORE });
