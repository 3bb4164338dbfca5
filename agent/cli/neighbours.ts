// Neighbours and forwarding entries of each node, and what sets a node's apart.
import { nodesCommand } from "./nodes/command.ts";
import { NEIGHBOURS } from "./nodes/parts.ts";

const MORE = `
Reads neighbours (ARP and NDP), forwarding entries of bridges and tunnels (what 'bridge fdb' shows), and how full the neighbour tables
are, from the agents of all nodes by netlink. They are held against what the far end says of itself: an entry that leads to another
node, one of no node, one that is missing, a neighbour that does not answer.

Without the chart's hostView.enabled these are the neighbours of the agents' pods. The table's limit is of the whole machine.

Examples:
  internode neighbours --context prod
  internode neighbours node-1 --all
  internode neighbours -o json | jq '.nodes[].forwarding.items[] | select(.to)'

Exit: 0 no node's entries are at fault, 1 some are or no node could be seen, 2 bad usage.`;

export const command = nodesCommand({ part: NEIGHBOURS, more: MORE });
