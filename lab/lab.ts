// A mesh of network namespaces on this machine, with an agent in every pod. For `internode demo` and for tests.
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { configSchema } from "../agent/config/schema.ts";
import {
  configFileOf,
  socketPathOf,
  logFileOf,
  meshFileOf,
  writeAgentFiles,
  writeToken,
  type AgentSettings,
} from "./agent-files.ts";
import { AgentProcess, dieWithParent, type AgentEnd } from "./agent-process.ts";
import { removeCpuQuotas } from "./cpu-quota.ts";
import { DNS_ADDRESS } from "./dns-messages.ts";
import { DnsServer } from "./dns-server.ts";
import { LabFaults, type FaultStatus } from "./faults/faults.ts";
import { inNamespace, LabError, toolEnvironment } from "./machine.ts";
import { layNetwork, removeNamespaces } from "./namespaces.ts";
import { MAX_LEARNING_NODES } from "./network.ts";
import { planLab, SERVICE_ADDRESSES, type LabNode, type LabPlan, type LabShape } from "./plan.ts";
import { formatStamp, stampOf } from "./process-stamp.ts";
import { inWords, refusalOf } from "./rights.ts";
import { createRunDirectory, type RunDirectory } from "./run-directory.ts";
import { startAgents } from "./start-agents.ts";

export type { AgentEnd, AgentSettings, FaultStatus, LabNode };

export interface LabOptions extends Partial<LabShape> {
  /** Start an agent in every pod. Default true. */
  readonly agents?: boolean;
  /** Words in front of each agent's command: to be another user, for instance, who owns the lab's directory then. */
  readonly agentsAs?: readonly string[];
  /** Laid over the agents' configuration. */
  readonly settings?: AgentSettings;
  /** Node addresses answer on the probe port too, as with a hostPort; TCP and UDP then run on both networks. */
  readonly hostPorts?: boolean;
  /** A Service with all agents behind it on every node, and its path probed. */
  readonly servicePath?: boolean;
  /** An agent ended by itself. Default: nothing but its log tells. */
  readonly onAgentEnd?: (end: AgentEnd) => void;
  /** What is being done, for a person who waits. */
  readonly onProgress?: (step: string) => void;
  /** Stops building: what has been built is removed, and createLab rejects with an AbortError. */
  readonly signal?: AbortSignal;
}

export interface Lab extends AsyncDisposable {
  readonly id: string;
  /** Of the lab's own files; gone with the lab. */
  readonly directory: string;
  readonly nodes: readonly LabNode[];
  /** A node by name; throws when there is none. */
  node(name: string): LabNode;
  podNamespace(node: string): string;
  nodeNamespace(node: string): string;
  /** Of the underlay: one port per node (`LabNode.port`) on the bridge `switch`. */
  readonly fabricNamespace: string;
  /** Run a command in a node's pod to its end; resolves to what it printed, rejects when it fails. */
  run(node: string, command: string, args: readonly string[]): Promise<string>;
  /** The same in the node's own namespace. */
  runInNode(node: string, command: string, args: readonly string[]): Promise<string>;
  /** Start a command in a node's pod. It dies with this process, and with the lab. */
  spawn(node: string, command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  agent(node: string): AgentProcess;
  /** Break something, by the grammar of faults/grammar.ts: "loss node-1->node-2 20%". */
  inject(fault: string): Promise<FaultStatus>;
  /** What is broken now, with packets counted. */
  faults(): Promise<readonly FaultStatus[]>;
  /** Clears one fault by its number, or all. Returns them with their last counters. */
  clear(id?: number): Promise<readonly FaultStatus[]>;
  /** How an agent's port is reached from whatever namespace one is in: a socket in the file system. */
  target(node: string, port: "http" | "metrics"): { readonly path: string };
}

/** Build it whole, or leave nothing behind and throw LabError. */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  const shape: LabShape = {
    nodes: options.nodes ?? 6,
    zones: options.zones ?? Math.min(3, options.nodes ?? 6),
    ipv6: options.ipv6 ?? false,
    paths: options.paths ?? 1,
    dns: options.dns ?? false,
  };
  // A shape that cannot be is told before anything is asked of the machine.
  planLab("000000", shape);
  const refusal = await refusalOf("namespaces");
  if (refusal) throw new LabError(inWords(refusal));
  const directory = await createRunDirectory("namespaces");
  const lab = new NamespaceLab({ plan: planLab(directory.id, shape), directory, options });
  try {
    await lab.build();
    return lab;
  } catch (err) {
    await lab[Symbol.asyncDispose]();
    throw err;
  }
}

class NamespaceLab implements Lab {
  readonly #plan: LabPlan;
  readonly #directory: RunDirectory;
  readonly #options: LabOptions;
  readonly #agents: ReadonlyMap<string, AgentProcess>;
  readonly #faults: LabFaults;
  #dnsServer: DnsServer | undefined;
  #disposal: Promise<void> | undefined;

  constructor({ plan, directory, options }: { plan: LabPlan; directory: RunDirectory; options: LabOptions }) {
    this.#plan = plan;
    this.#directory = directory;
    this.#options = options;
    this.#agents = new Map(plan.nodes.map((node) => [node.name, this.#agentOf(node)]));
    this.#faults = new LabFaults({
      labId: plan.id,
      nodes: plan.nodes,
      paths: plan.paths,
      dnsServer: () => this.#dnsServer,
      fabricNamespace: plan.fabric,
      agent: (node) => this.agent(node.name),
    });
  }

  get id(): string {
    return this.#plan.id;
  }

  get directory(): string {
    return this.#directory.path;
  }

  get nodes(): readonly LabNode[] {
    return this.#plan.nodes;
  }

  get fabricNamespace(): string {
    return this.#plan.fabric;
  }

  node(name: string): LabNode {
    const node = this.#plan.nodes.find((node) => node.name === name);
    if (!node)
      throw new LabError(
        `there is no node '${name}' in this lab; there are ${this.#plan.nodes.map((node) => node.name).join(", ")}`,
      );
    return node;
  }

  podNamespace(node: string): string {
    return this.node(node).podNamespace;
  }

  nodeNamespace(node: string): string {
    return this.node(node).nodeNamespace;
  }

  run(node: string, command: string, args: readonly string[]): Promise<string> {
    return inNamespace(this.podNamespace(node), command, args);
  }

  runInNode(node: string, command: string, args: readonly string[]): Promise<string> {
    return inNamespace(this.nodeNamespace(node), command, args);
  }

  spawn(node: string, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program, ...rest] = [...dieWithParent(), "ip", "netns", "exec", this.podNamespace(node), command, ...args];
    return spawn(program!, rest, { env: toolEnvironment, ...options });
  }

  agent(node: string): AgentProcess {
    return this.#agents.get(this.node(node).name)!;
  }

  target(node: string, port: "http" | "metrics"): { readonly path: string } {
    return { path: socketPathOf(this.directory, this.node(node).name, port) };
  }

  inject(fault: string): Promise<FaultStatus> {
    return this.#faults.inject(fault);
  }

  faults(): Promise<readonly FaultStatus[]> {
    return this.#faults.list();
  }

  clear(id?: number): Promise<readonly FaultStatus[]> {
    return this.#faults.clear(id);
  }

  async build(): Promise<void> {
    const {
      agents = true,
      hostPorts = false,
      servicePath = false,
      settings = {},
      onProgress = () => {},
      signal,
    } = this.#options;
    const { ports } = configSchema.shape;
    const probePort = ports.parse(settings.ports).probe;
    onProgress(`laying ${this.nodes.length} nodes in namespaces ${this.#plan.fabric.replace("fabric", "*")}`);
    if (this.nodes.length > MAX_LEARNING_NODES)
      onProgress("with permanent neighbours: the kernel's table is too small for so many nodes to learn each other");
    await layNetwork(this.#plan, {
      owner: formatStamp(await stampOf(process.pid)),
      group: process.getegid!(),
      hostPort: hostPorts ? probePort : undefined,
      servicePort: servicePath ? probePort : undefined,
    });
    const actions = await writeToken(this.directory);
    if (this.#plan.dns) this.#dnsServer = await DnsServer.start(this.#plan.dns.namespace);
    await writeAgentFiles(this.directory, this.nodes, () => ({
      discovery: { kind: "static", file: meshFileOf(this.directory) },
      dns: this.#plan.dns ? { servers: [{ label: "cluster", address: DNS_ADDRESS }] } : { enabled: false },
      ...actions,
      ...(this.#plan.ipv6 ? { families: ["ipv4", "ipv6"] } : {}),
      ...settings,
      ...(servicePath ? { servicePath: { hosts: this.#serviceAddresses(), ...settings.servicePath } } : {}),
      ...(hostPorts
        ? { tcp: { networks: ["pod", "node"], ...settings.tcp }, udp: { networks: ["pod", "node"], ...settings.udp } }
        : {}),
    }));
    if (!agents) return;
    await startAgents(this, { onProgress, signal });
  }

  #serviceAddresses(): string[] {
    const { ipv4, ipv6 } = SERVICE_ADDRESSES;
    return this.#plan.ipv6 ? [ipv4, ipv6] : [ipv4];
  }

  #agentOf(node: LabNode): AgentProcess {
    const ports = configSchema.shape.ports.parse(this.#options.settings?.ports);
    return new AgentProcess({
      node: node.name,
      namespace: node.podNamespace,
      configFile: configFileOf(this.directory, node.name),
      logFile: logFileOf(this.directory, node.name),
      unixProxies: {
        [this.target(node.name, "http").path]: ports.http,
        [this.target(node.name, "metrics").path]: ports.metrics,
      },
      as: this.#options.agentsAs ?? [],
      onUnexpectedEnd: this.#options.onAgentEnd ?? (() => {}),
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#remove();
    return this.#disposal;
  }

  async #remove(): Promise<void> {
    await this.#faults[Symbol.asyncDispose]();
    await Promise.all([...this.#agents.values()].map((agent) => agent.kill()));
    await this.#dnsServer?.[Symbol.asyncDispose]();
    // Rules and devices of faults go with the namespaces, quotas by name.
    await removeNamespaces(this.id);
    await removeCpuQuotas(this.id);
    await this.#directory[Symbol.asyncDispose]();
  }
}
