// Interfaces and addresses of each node, and what sets a node's apart.
import { nodesCommand } from "./nodes/command.ts";
import { INTERFACES } from "./nodes/parts.ts";

const MORE = `
Reads interfaces with their addresses, MTU, state, bridge and tunnel from the agents of all nodes by netlink. What is shown first is
what sets a node apart: one MTU that is off, a tunnel that does not fit into what carries it, an interface that is down or missing.

Without the chart's hostView.enabled these are the interfaces of the agents' pods.

Examples:
  internode interfaces --context prod
  internode interfaces node-3 --all
  internode interfaces -o json | jq '.nodes[].interfaces.items[] | {name, mtu}'

Exit: 0 no node's interfaces are at fault, 1 some are or no node could be seen, 2 bad usage.`;

export const command = nodesCommand({ part: INTERFACES, more: MORE });
