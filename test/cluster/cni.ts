// Which pod networks and which policies a cluster can have, and what each of them needs.
import { flannel, flannelMtuBytes } from "./flannel.ts";
import { KUBE_ROUTER_CNI, KUBE_ROUTER_CNI_CONFIG, kubeRouter } from "./kube-router.ts";
import type { Daemon } from "./daemon.ts";
import type { Machine } from "./machine.ts";
import type { ClusterPlan, NodePlan } from "./plan.ts";
import { bridgeConfig, layPodNetwork, writeCniConfig } from "./pod-network.ts";

/** What runs on the cluster's nodes for its pod network and its policies. */
export function daemonsOf({ cni, policy }: Pick<ClusterPlan, "cni" | "policy">): readonly Daemon[] {
  const policies = policy === "kube-router";
  switch (cni) {
    case "kube-router":
      return [kubeRouter({ routes: true, policies })];
    case "flannel-vxlan":
    case "flannel-host-gw":
      return [flannel(backendOf(cni)), ...(policies ? [kubeRouter({ routes: false, policies })] : [])];
    case "scripts":
      return policies ? [kubeRouter({ routes: false, policies })] : [];
  }
}

/** What must be there before the node's container runtime starts. */
export async function prepareNode(machine: Machine, node: NodePlan, plan: ClusterPlan): Promise<void> {
  switch (plan.cni) {
    case "scripts":
      return layPodNetwork(machine, node, plan);
    case "flannel-vxlan":
    case "flannel-host-gw":
      return writeCniConfig(machine, {
        file: "10-flannel.conflist",
        config: bridgeConfig(node, flannelMtuBytes(plan, backendOf(plan.cni))),
      });
    case "kube-router":
      return writeCniConfig(machine, { file: KUBE_ROUTER_CNI_CONFIG, config: KUBE_ROUTER_CNI });
  }
}

const backendOf = (cni: "flannel-vxlan" | "flannel-host-gw") => (cni === "flannel-vxlan" ? "vxlan" : "host-gw");
