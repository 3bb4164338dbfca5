// The lab where network namespaces are not to be had: agents on loopback addresses of one machine. Real sockets and a real mesh, but
// one network, no overlay, and nothing that could be broken on the way.
import type { NetConnectOpts } from "node:net";
import { configSchema } from "../agent/config/schema.ts";
import {
  configFileOf,
  logFileOf,
  meshFileOf,
  writeAgentFiles,
  writeToken,
  type AgentNode,
  type AgentSettings,
} from "./agent-files.ts";
import { AgentProcess, type AgentEnd } from "./agent-process.ts";
import { LabError } from "./machine.ts";
import { zoneName, type LabShape } from "./plan.ts";
import { createRunDirectory, type RunDirectory } from "./run-directory.ts";
import { startAgents, type StartOptions } from "./start-agents.ts";

export interface LoopbackLabOptions extends Omit<LabShape, "ipv6">, StartOptions {
  readonly onAgentEnd: (end: AgentEnd) => void;
  /** Laid over the agents' configuration. */
  readonly settings?: AgentSettings;
}

export interface LoopbackLab extends AsyncDisposable {
  readonly id: string;
  readonly directory: string;
  readonly nodes: readonly AgentNode[];
  agent(node: string): AgentProcess;
  target(node: string, port: "http" | "metrics"): NetConnectOpts;
}

const MAX_NODES = 250;

/** What a mesh on loopback does not show, for the person who starts one. */
export const NOT_ON_LOOPBACK = [
  "pod network against node network: there is one network, and nothing between the agents",
  "zones at different distances, path MTU, VXLAN, IPv6",
  "faults: nothing can be lost, delayed or filtered on loopback",
] as const;

export async function createLoopbackLab(options: LoopbackLabOptions): Promise<LoopbackLab> {
  const { nodes: count, zones, onAgentEnd } = options;
  if (process.platform !== "linux")
    throw new LabError(
      `a mesh on loopback needs all of 127.0.0.0/8, which ${process.platform} does not give. Run the demo on Linux, in a virtual machine or a container.`,
    );
  const directory = await createRunDirectory("loopback");
  const nodes = loopbackNodes(directory.id, { nodes: count, zones });
  const agents = new Map(nodes.map((node) => [node.name, agentOf(directory, node, onAgentEnd)]));
  const dispose = async (): Promise<void> => {
    await Promise.all([...agents.values()].map((agent) => agent.kill()));
    await directory[Symbol.asyncDispose]();
  };
  const ports = configSchema.shape.ports.parse({});
  const nodeOf = (name: string): AgentNode => {
    const node = nodes.find((node) => node.name === name);
    if (!node)
      throw new LabError(
        `there is no node '${name}' in this lab; there are ${nodes.map((node) => node.name).join(", ")}`,
      );
    return node;
  };
  const lab: LoopbackLab = {
    id: directory.id,
    directory: directory.path,
    nodes,
    agent: (name) => agents.get(nodeOf(name).name)!,
    target: (name, port) => ({ host: nodeOf(name).podAddresses[0]!, port: ports[port] }),
    [Symbol.asyncDispose]: dispose,
  };
  try {
    const actions = await writeToken(directory.path);
    await writeAgentFiles(directory.path, nodes, (node) => ({
      discovery: { kind: "static", file: meshFileOf(directory.path), allowLoopback: true },
      listen: [...node.podAddresses],
      icmp: { networks: ["pod"] },
      pathMtu: { enabled: false },
      // There is no cluster DNS on a machine.
      dns: { enabled: false },
      ...actions,
      ...options.settings,
    }));
    await startAgents(lab, options);
    return lab;
  } catch (err) {
    await dispose();
    throw err;
  }
}

/** A /24 of loopback for each lab, out of its id, so that two labs do not take each other's ports. Never 127.0.0.x. */
export function loopbackNodes(id: string, { nodes, zones }: Omit<LabShape, "ipv6">): AgentNode[] {
  if (nodes < 2 || nodes > MAX_NODES) throw new RangeError(`a lab has 2 to ${MAX_NODES} nodes, not ${nodes}`);
  const bits = Number.parseInt(id, 16);
  const subnet = `127.${1 + ((bits >> 8) % 254)}.${bits & 0xff}`;
  return Array.from({ length: nodes }, (_, i) => ({
    name: `node-${i + 1}`,
    zone: zoneName(Math.floor((i * zones) / nodes)),
    podAddresses: [`${subnet}.${i + 1}`],
    nodeAddresses: [],
  }));
}

function agentOf(directory: RunDirectory, node: AgentNode, onUnexpectedEnd: (end: AgentEnd) => void): AgentProcess {
  return new AgentProcess({
    node: node.name,
    namespace: undefined,
    configFile: configFileOf(directory.path, node.name),
    logFile: logFileOf(directory.path, node.name),
    unixProxies: {},
    as: [],
    onUnexpectedEnd,
  });
}
