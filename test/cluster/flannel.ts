// Flannel, with the objects of its own manifest (Documentation/kube-flannel.yml): namespace, ConfigMap, DaemonSet.
import { daemonRights, daemonSet, type Daemon } from "./daemon.ts";
import { isIPv6, type ClusterPlan } from "./plan.ts";

export type FlannelBackend = "vxlan" | "host-gw";

const NAMESPACE = "kube-flannel";
const LABELS = { tier: "node", app: "flannel", "k8s-app": "flannel" };
const CONFIG = "kube-flannel-cfg";

export function flannel(backend: FlannelBackend): Daemon {
  const daemon = {
    tool: "flannel",
    program: "flanneld",
    packages: {},
    image: "internode.test/flannel:1",
    namespace: NAMESPACE,
    name: "kube-flannel-ds",
  } as const satisfies Omit<Daemon, "manifests">;
  return {
    ...daemon,
    manifests: (plan) => [
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: {
          name: NAMESPACE,
          labels: { "k8s-app": "flannel", "pod-security.kubernetes.io/enforce": "privileged" },
        },
      },
      ...daemonRights(daemon, [
        { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
        { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
        { apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"] },
      ]),
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: CONFIG, namespace: NAMESPACE, labels: LABELS },
        data: { "net-conf.json": JSON.stringify(netConf(plan, backend), null, 2) },
      },
      daemonSet(daemon, {
        labels: LABELS,
        args: ["-iface=eth0"],
        securityContext: { privileged: true },
        folders: { "/run/flannel": "/run/flannel" },
        configMaps: { "/etc/kube-flannel": CONFIG },
      }),
    ],
  };
}

/** 1500, less what VXLAN takes: 14 + 8 + 8 bytes, and the outer IP header of 20 or 40. */
export function flannelMtuBytes(plan: ClusterPlan, backend: FlannelBackend): number {
  if (backend === "host-gw") return 1500;
  return plan.podCidrs.some(isIPv6) ? 1430 : 1450;
}

function netConf({ podCidrs }: ClusterPlan, backend: FlannelBackend): object {
  const ipv4 = podCidrs.find((cidr) => !isIPv6(cidr));
  const ipv6 = podCidrs.find(isIPv6);
  return {
    ...(ipv4 === undefined ? { EnableIPv4: false } : { Network: ipv4 }),
    ...(ipv6 !== undefined && { EnableIPv6: true, IPv6Network: ipv6 }),
    EnableNFTables: true,
    Backend: { Type: backend },
  };
}
