// A real Kubernetes on this machine, without Docker: brought up, handed to tests, taken down to the last trace.
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ensureTools } from "../../scripts/tools/cache.ts";
import { CLUSTER_PACKAGES, ensurePackages } from "../../scripts/tools/debian.ts";
import type { ToolName } from "../../scripts/tools/recipes.ts";
import { removeCgroups } from "./cgroups.ts";
import { CertificateAuthority, writeKubeconfig } from "./certificates.ts";
import { daemonsOf, prepareNode } from "./cni.ts";
import { run, type CommandOptions } from "./command.ts";
import { Component } from "./component.ts";
import { CONTROL_PLANE, startApiServer, startControllers, type Programs } from "./control-plane.ts";
import { archiveOf, writeDaemonImage, type Daemon } from "./daemon.ts";
import { dnsManifests } from "./dns.ts";
import { layFabric, plugIn, plugOut } from "./fabric.ts";
import { compilePause, writeOwnImages } from "./images.ts";
import { openMachine, startMachine, type Machine } from "./machine.ts";
import { ClusterNode, nodeManifest } from "./node.ts";
import { planCluster, planNode, type ClusterOptions, type ClusterPlan, type NodePlan } from "./plan.ts";
import { addPeer, removePeer, routeToPods } from "./pod-network.ts";
import { removeCluster } from "./remove.ts";
import { describeResidue, isClean } from "./residue.ts";
import { folderOf, readState, writeState } from "./state.ts";
import { until } from "./until.ts";

export type ControlPlaneProgram = "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler";

export interface CreateOptions extends ClusterOptions {
  readonly log?: (line: string) => void;
}

export class Cluster implements AsyncDisposable {
  readonly plan: ClusterPlan;
  /** Path of a kubeconfig with all rights, good on this machine's loopback. */
  readonly kubeconfig: string;
  readonly folder: string;
  readonly #programs: Programs;
  readonly #authority: CertificateAuthority;
  readonly #daemons: readonly Daemon[];
  readonly #nodes = new Map<string, ClusterNode>();

  constructor(plan: ClusterPlan, programs: Programs) {
    this.plan = plan;
    this.folder = folderOf(plan.name);
    this.kubeconfig = join(this.folder, "kubeconfig");
    this.#programs = programs;
    this.#daemons = daemonsOf(plan);
    this.#authority = new CertificateAuthority(join(this.folder, "pki"));
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.#nodes.values()];
  }

  node(name: string): ClusterNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no node '${name}': there are ${[...this.#nodes.keys()].join(", ")}`);
    return node;
  }

  controlPlane(program: ControlPlaneProgram): Component {
    return new Component(this.controlPlaneMachine, program);
  }

  /** Reaches API server, nodes and pods; a place for programs of a test's own. */
  get controlPlaneMachine(): Machine {
    return this.#machine(CONTROL_PLANE);
  }

  kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return run(this.#programs["kubectl"]!, args, { ...options, env: { KUBECONFIG: this.kubeconfig, ...options.env } });
  }

  async apply(...manifests: readonly object[]): Promise<void> {
    const list = { apiVersion: "v1", kind: "List", items: manifests };
    await this.kubectl(["apply", "--server-side", "-f", "-"], { input: JSON.stringify(list) });
  }

  /** Into every node. */
  async importImage(file: string): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.importImage(file)));
  }

  async drain(name: string): Promise<void> {
    await this.kubectl(["drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=100s"]);
  }

  /** The next free number, or the one given. Images have to be imported into it by the caller, its own apart. */
  async addNode(index?: number): Promise<ClusterNode> {
    const taken = this.nodes.map((node) => node.plan.index);
    const plan = planNode(index ?? Math.max(0, ...taken) + 1, this.plan);
    const node = await this.#bootNode(plan);
    await this.#introduce([node]);
    await this.#ready([node.name]);
    await this.#daemonsReady();
    return node;
  }

  /** Powers the machine off and deletes its Node object, as a cloud provider does. */
  async removeNode(name: string): Promise<void> {
    const node = this.node(name);
    await node.machine.powerOff();
    await plugOut(this.plan, name);
    await this.kubectl(["delete", "node", name]);
    this.#nodes.delete(name);
    if (this.plan.cni === "scripts") await Promise.all(this.nodes.map((other) => removePeer(other.machine, node.plan)));
    await removeCgroups(this.plan.prefix + name);
    await rm(node.machine.folder, { recursive: true, force: true });
    this.#save();
  }

  /** Brings all of it up. For createCluster. */
  async start(log: (line: string) => void): Promise<void> {
    const clock = stopwatch(log);
    await mkdir(this.folder, { recursive: true });
    this.#save();
    const pause = await compilePause(this.folder);
    const images = [
      ...(await writeOwnImages(this.folder, { pause, coredns: this.#programs["coredns"]! })),
      ...(await Promise.all(
        this.#daemons.map((daemon) => writeDaemonImage(this.folder, daemon, this.#programs[daemon.program]!)),
      )),
    ];
    await this.#authority.create();
    await layFabric(this.plan);
    clock("fabric, certificates and own images");

    const machine = await this.#boot(CONTROL_PLANE, this.plan.controlPlane);
    const parts = { machine, plan: this.plan, programs: this.#programs, authority: this.#authority };
    const server = await startApiServer(parts);
    const client = await this.#authority.client("admin", { user: "admin", groups: ["system:masters"] });
    await writeKubeconfig(this.kubeconfig, { server, authority: this.#authority, client });
    const nodes = await allOf(this.plan.nodes.map((node) => this.#bootNode(node, images)));
    clock(`${nodes.length} machines with containerd`);

    await until(
      `the API server (see ${this.controlPlane("kube-apiserver").logFile})`,
      async () => {
        await this.kubectl(["get", "--raw", "/readyz"]);
        return true;
      },
      { timeoutMs: 120_000, intervalMs: 200 },
    );
    clock("API server ready");
    await startControllers(parts);
    await this.#introduce(nodes);
    for (const daemon of this.#daemons) await this.apply(...daemon.manifests(this.plan));
    await this.apply(...dnsManifests(this.plan));
    await this.#ready(nodes.map(({ name }) => name));
    clock("nodes Ready");
    await this.#daemonsReady();
    await this.kubectl(["-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=110s"]);
    clock("DNS ready");
  }

  /** Finds the machines of a cluster that another process brought up. For openCluster and removeCluster. */
  attach(nodes: readonly NodePlan[]): void {
    for (const plan of nodes) {
      const machine = openMachine(this.plan.prefix + plan.name, join(this.folder, plan.name));
      if (machine !== undefined)
        this.#nodes.set(plan.name, new ClusterNode(this.plan, { plan, machine, programs: this.#programs }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!existsSync(this.folder)) return;
    const residue = await removeCluster(this.plan.name);
    if (!isClean(residue))
      throw new Error(`cluster ${this.plan.name} left something behind: ${describeResidue(residue)}`);
  }

  async #bootNode(plan: NodePlan, images = this.#ownImages()): Promise<ClusterNode> {
    const machine = await this.#boot(plan.name, plan);
    const node = new ClusterNode(this.plan, { plan, machine, programs: this.#programs });
    this.#nodes.set(plan.name, node);
    this.#save();
    await prepareNode(machine, plan, this.plan);
    await node.startContainerd();
    for (const image of images) await node.importImage(image);
    return node;
  }

  /** Node objects, routes in every direction, then the kubelets. */
  async #introduce(nodes: readonly ClusterNode[]): Promise<void> {
    await this.apply(...nodes.map(({ plan }) => nodeManifest(plan)));
    for (const node of nodes) {
      await routeToPods(this.#machine(CONTROL_PLANE), node.plan);
      if (this.plan.cni === "scripts") await this.#addToMesh(node);
      await node.join(this.#authority);
    }
  }

  /** What a CNI's daemon does when it sees a new node. */
  async #addToMesh(node: ClusterNode): Promise<void> {
    for (const other of this.nodes) {
      if (other === node) continue;
      await addPeer(node.machine, other.plan);
      await addPeer(other.machine, node.plan);
    }
  }

  /** A daemon that does not come up says why in its log, which the reader wants to see here. */
  async #daemonsReady(): Promise<void> {
    for (const { namespace, name } of this.#daemons) {
      const object = `daemonset/${name}`;
      try {
        await this.kubectl(["-n", namespace, "rollout", "status", object, "--timeout=110s"]);
      } catch (error) {
        const logs = await this.kubectl(["-n", namespace, "logs", object, "--tail=20"]).catch(String);
        throw new Error(`${name} does not come up: ${(error as Error).message}\nIts log:\n${logs}`, { cause: error });
      }
    }
  }

  async #ready(names: readonly string[]): Promise<void> {
    const objects = names.map((name) => `node/${name}`);
    await this.kubectl(["wait", "--for=condition=Ready", "--timeout=110s", ...objects]);
  }

  async #boot(name: string, { addresses }: { readonly addresses: readonly string[] }): Promise<Machine> {
    await plugIn(this.plan, { machine: name, addresses });
    return startMachine({
      name: this.plan.prefix + name,
      folder: join(this.folder, name),
      init: join(this.folder, "pause"),
    });
  }

  #machine(name: string): Machine {
    const machine = openMachine(this.plan.prefix + name, join(this.folder, name));
    if (machine === undefined) throw new Error(`cluster ${this.plan.name} has no machine '${name}'`);
    return machine;
  }

  #ownImages(): readonly string[] {
    const own = ["pause.tar", "coredns.tar"].map((file) => join(this.folder, file));
    return [...own, ...this.#daemons.map((daemon) => archiveOf(this.folder, daemon))];
  }

  #save(): void {
    writeState({ plan: this.plan, programs: this.#programs, nodes: this.nodes.map(({ plan }) => plan) });
  }
}

/** Builds what is missing, brings the cluster up and waits until DNS answers. Taken down again when that fails. */
export async function createCluster({ log = () => {}, ...options }: CreateOptions = {}): Promise<Cluster> {
  const plan = planCluster(options);
  if (process.getuid?.() !== 0)
    throw new Error("a cluster of namespaces needs root: run as root, or in a machine of your own");
  if (existsSync(folderOf(plan.name))) {
    throw new Error(`cluster '${plan.name}' exists: take it down first (npm run cluster:down -- --name ${plan.name})`);
  }
  const daemons = daemonsOf(plan);
  await ensurePackages(Object.assign({}, CLUSTER_PACKAGES, ...daemons.map(({ packages }) => packages)), log);
  const tools = new Set<ToolName>(["etcd", "kubernetes", "containerd", "coredns", ...daemons.map(({ tool }) => tool)]);
  const programs = await ensureTools([...tools], { log });
  refuseHidden(programs);
  const cluster = new Cluster(plan, programs);
  try {
    await cluster.start(log);
  } catch (error) {
    // INTERNODE_KEEP leaves the ruins for the curious.
    if (process.env["INTERNODE_KEEP"] === undefined) await removeCluster(plan.name);
    throw error;
  }
  return cluster;
}

/** One that is up already, whoever brought it up. */
export function openCluster(name: string): Cluster {
  const { plan, programs, nodes } = readState(name);
  const cluster = new Cluster(plan, programs);
  cluster.attach(nodes);
  return cluster;
}

/** Like Promise.all, but one that fails does not leave the others at work behind our back. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** Their programs run where these folders are the machine's own. */
function refuseHidden(programs: Programs): void {
  for (const path of Object.values(programs)) {
    if (/^\/(run|var\/(run|lib|log))\//.test(path)) {
      throw new Error(
        `${path} cannot be seen inside a node, whose /run, /var/lib and /var/log are its own: set TOOLS_CACHE to another folder`,
      );
    }
  }
}

function stopwatch(log: (line: string) => void): (what: string) => void {
  const started = performance.now();
  return (what) => log(`cluster: ${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${what}`);
}
