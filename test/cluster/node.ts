// One node: containerd, kubelet and kube-proxy in a machine, and what a test can do to it.
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeKubeconfig, type CertificateAuthority } from "./certificates.ts";
import type { CommandOptions } from "./command.ts";
import { Component } from "./component.ts";
import { apiServerAddress, type Programs } from "./control-plane.ts";
import { setLink } from "./fabric.ts";
import { PAUSE_IMAGE } from "./images.ts";
import type { Machine } from "./machine.ts";
import type { ClusterPlan, NodePlan } from "./plan.ts";
import { CNI_CONFIG_FOLDER } from "./pod-network.ts";
import { until } from "./until.ts";

const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

/** Debian's package containernetworking-plugins. */
const CNI_PLUGINS = "/usr/lib/cni";

export class ClusterNode {
  readonly name: string;
  readonly zone: string;
  readonly plan: NodePlan;
  readonly machine: Machine;
  readonly kubelet: Component;
  readonly containerd: Component;
  readonly kubeProxy: Component;
  readonly #cluster: ClusterPlan;
  readonly #programs: Programs;

  constructor(cluster: ClusterPlan, { plan, machine, programs }: NodeParts) {
    this.name = plan.name;
    this.zone = plan.zone;
    this.plan = plan;
    this.machine = machine;
    this.kubelet = new Component(machine, "kubelet");
    this.containerd = new Component(machine, "containerd");
    this.kubeProxy = new Component(machine, "kube-proxy");
    this.#cluster = cluster;
    this.#programs = programs;
  }

  /** In the node's own network, as root: what an engineer does over SSH. */
  run(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return this.machine.run(argv, options);
  }

  /** Pulls the cable: the node keeps running and reaches nobody. */
  cutLink(): Promise<void> {
    return setLink(this.#cluster, this.name, "down");
  }

  healLink(): Promise<void> {
    return setLink(this.#cluster, this.name, "up");
  }

  /** Stops every process of the node and its pods. Its kernel goes on answering, ICMP for instance. */
  freeze(): Promise<void> {
    return this.machine.setFrozen(true);
  }

  thaw(): Promise<void> {
    return this.machine.setFrozen(false);
  }

  /** Imports an OCI archive; the reference inside is its name. The program starts in another folder than this one. */
  async importImage(file: string): Promise<void> {
    await this.ctr(["images", "import", "--local", resolve(file)]);
  }

  ctr(args: readonly string[]): Promise<string> {
    return this.run([this.#programs["ctr"]!, "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", ...args]);
  }

  /** containerd alone; images can be imported as soon as this returns. */
  async startContainerd(): Promise<void> {
    const file = join(this.machine.folder, "containerd.toml");
    await writeFile(file, CONTAINERD_CONFIG);
    const shims = this.#programs["containerd-shim-runc-v2"]!.replace(/\/[^/]+$/, "");
    await this.containerd.start({
      argv: [this.#programs["containerd"]!, "--config", file, "--log-level", "warn"],
      env: { PATH: `${shims}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` },
    });
    await until(
      `containerd of ${this.name} (see ${this.containerd.logFile})`,
      async () => {
        await this.ctr(["version"]);
        return true;
      },
      { timeoutMs: 30_000 },
    );
  }

  /** kubelet and kube-proxy. The Node object must be there, with its pod addresses. */
  async join(authority: CertificateAuthority): Promise<void> {
    await this.#startKubelet(authority);
    await this.#startKubeProxy(authority);
  }

  async #startKubelet(authority: CertificateAuthority): Promise<void> {
    const { folder } = this.machine;
    const user = `system:node:${this.name}`;
    const client = await authority.client(this.name, { user, groups: ["system:nodes"] });
    const kubeconfig = join(folder, "kubelet.kubeconfig");
    await writeKubeconfig(kubeconfig, { server: apiServerAddress(this.#cluster), authority, client });
    await writeFile(join(folder, "resolv.conf"), "");
    const config = join(folder, "kubelet.json");
    await writeFile(config, JSON.stringify(this.#kubeletConfiguration(authority)));
    await this.kubelet.start({
      argv: [
        this.#programs["kubelet"]!,
        `--config=${config}`,
        `--kubeconfig=${kubeconfig}`,
        `--hostname-override=${this.name}`,
        `--node-ip=${this.plan.addresses.join(",")}`,
        `--node-labels=topology.kubernetes.io/zone=${this.zone}`,
      ],
    });
  }

  #kubeletConfiguration(authority: CertificateAuthority): object {
    return {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      address: "::", // both families
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: authority.certificate },
      },
      authorization: { mode: "Webhook" },
      containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
      clusterDomain: "cluster.local",
      clusterDNS: [this.#cluster.dnsServiceAddress],
      resolvConf: join(this.machine.folder, "resolv.conf"),
      volumePluginDir: "/var/lib/kubelet/volume-plugins",
      cgroupDriver: "cgroupfs",
      cgroupRoot: `/${this.machine.name}`,
      failCgroupV1: false,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      // The disk and the memory are everybody's here: nothing may be evicted or collected for their sake.
      evictionHard: { "memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%" },
      imageGCHighThresholdPercent: 100,
    };
  }

  async #startKubeProxy(authority: CertificateAuthority): Promise<void> {
    const client = await authority.client(`${this.name}-proxy`, { user: "system:kube-proxy" });
    const kubeconfig = join(this.machine.folder, "kube-proxy.kubeconfig");
    await writeKubeconfig(kubeconfig, { server: apiServerAddress(this.#cluster), authority, client });
    await this.kubeProxy.start({
      argv: [
        this.#programs["kube-proxy"]!,
        `--kubeconfig=${kubeconfig}`,
        `--hostname-override=${this.name}`,
        "--proxy-mode=nftables",
        `--cluster-cidr=${this.#cluster.podCidrs.join(",")}`,
        // Read-only inside a network namespace: leave them alone.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
      ],
    });
  }
}

export interface NodeParts {
  readonly plan: NodePlan;
  readonly machine: Machine;
  readonly programs: Programs;
}

/** The Node object a kubelet then takes as its own: its pod addresses are ours to say, not the controller's. */
export function nodeManifest({ name, zone, podCidrs }: NodePlan): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "topology.kubernetes.io/zone": zone } },
    spec: { podCIDR: podCidrs[0], podCIDRs: podCidrs },
  };
}

const CONTAINERD_CONFIG = `version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
disabled_plugins = ['io.containerd.nri.v1.nri']

[grpc]
  address = '${CONTAINERD_SOCKET}'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '${PAUSE_IMAGE}'

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['${CNI_PLUGINS}']
    conf_dir = '${CNI_CONFIG_FOLDER}'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
`;
