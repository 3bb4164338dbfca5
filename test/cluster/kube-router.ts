// kube-router: routes by BGP, NetworkPolicy, or both, with the objects of its own manifests (daemonset/ of its module).
// Services stay kube-proxy's: its own proxy needs IPVS, which not every kernel has.
import { daemonRights, daemonSet, type Daemon } from "./daemon.ts";
import { isIPv6, type ClusterPlan } from "./plan.ts";
import { CNI_CONFIG_FOLDER } from "./pod-network.ts";

const LABELS = { "k8s-app": "kube-router", tier: "node" };
export const KUBE_ROUTER_CNI_CONFIG = "10-kuberouter.conflist";

/** Of its manifest: kube-router itself adds the node's pod addresses and the MTU. */
export const KUBE_ROUTER_CNI = {
  cniVersion: "0.3.0",
  name: "mynet",
  plugins: [
    {
      name: "kubernetes",
      type: "bridge",
      bridge: "kube-bridge",
      isDefaultGateway: true,
      hairpinMode: true,
      ipam: { type: "host-local" },
    },
    { type: "portmap", capabilities: { snat: true, portMappings: true } },
  ],
};

export interface KubeRouterParts {
  readonly routes: boolean;
  readonly policies: boolean;
}

export function kubeRouter({ routes, policies }: KubeRouterParts): Daemon {
  const daemon = {
    tool: "kube-router",
    program: "kube-router",
    packages: { ipset: "/usr/sbin/ipset" },
    image: "internode.test/kube-router:1",
    namespace: "kube-system",
    name: "kube-router",
  } as const satisfies Omit<Daemon, "manifests">;
  const reading = ["list", "get", "watch"];
  return {
    ...daemon,
    manifests: (plan) => [
      ...daemonRights(daemon, [
        { apiGroups: [""], resources: ["namespaces", "pods", "services", "nodes", "endpoints"], verbs: reading },
        { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: reading },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: reading },
        { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
        { apiGroups: [""], resources: ["services/status"], verbs: ["update"] },
      ]),
      ...(routes
        ? [
            {
              apiVersion: "v1",
              kind: "ConfigMap",
              metadata: { name: "kube-router-cfg", namespace: daemon.namespace, labels: LABELS },
              data: { "cni-conf.json": JSON.stringify(KUBE_ROUTER_CNI, null, 2) },
            },
          ]
        : []),
      daemonSet(daemon, {
        labels: LABELS,
        args: argumentsFor(plan, { routes, policies }),
        env: [{ name: "KUBE_ROUTER_CNI_CONF_FILE", value: `/etc/cni/net.d/${KUBE_ROUTER_CNI_CONFIG}` }],
        securityContext: { privileged: true },
        folders: { "/etc/cni/net.d": CNI_CONFIG_FOLDER },
      }),
    ],
  };
}

function argumentsFor(plan: ClusterPlan, { routes, policies }: KubeRouterParts): readonly string[] {
  const isIPv6Only = plan.podCidrs.every(isIPv6);
  return [
    `--run-router=${routes}`,
    `--run-firewall=${policies}`,
    "--run-service-proxy=false",
    `--enable-cni=${routes}`,
    `--enable-ipv4=${!isIPv6Only}`,
    `--enable-ipv6=${plan.podCidrs.some(isIPv6)}`,
    `--service-cluster-ip-range=${plan.serviceCidrs.join(",")}`,
    // All nodes are on one subnet: routes alone do.
    "--enable-overlay=false",
    // A BGP router's number is 32 bits wide, and an IPv6 address is no such thing.
    ...(isIPv6Only ? ["--router-id=generate"] : []),
    "--v=1",
  ];
}
