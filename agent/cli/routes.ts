// Routes and rules of each node, and what sets a node's apart.
import { nodesCommand } from "./nodes/command.ts";
import { ROUTES } from "./nodes/parts.ts";

const MORE = `
Reads the routing tables of all nodes, both families and all tables, and the rules that choose between them, from the agents by
netlink. What is shown first is what sets a node apart: no route to one node's pods, a route that leads to another node, a rule
that all others have. --all prints the tables, -o json gives everything.

Without the chart's hostView.enabled these are the routes of the agents' pods, which show only what pods see.

Examples:
  internode routes --context prod
  internode routes node-1 node-3 --all
  internode routes -o json | jq '.differences'

Exit: 0 no node's routes are at fault, 1 some are or no node could be seen, 2 bad usage.`;

export const command = nodesCommand({ part: ROUTES, more: MORE });
