// CoreDNS as a Deployment behind the cluster DNS service, as every distribution installs it.
import { COREDNS_IMAGE } from "./images.ts";
import type { ClusterPlan } from "./plan.ts";

const NAMESPACE = "kube-system";
const LABELS = { "k8s-app": "kube-dns" };

/** Above 1023: no capability needed. The service answers on 53. */
const PORT = 5353;

const COREFILE = `.:${PORT} {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
    }
    cache 30
    loadbalance
}
`;

export function dnsManifests({ dnsServiceAddress, families }: ClusterPlan): readonly object[] {
  const metadata = { name: "coredns", namespace: NAMESPACE };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "internode-test:coredns" },
      rules: [
        { apiGroups: [""], resources: ["endpoints", "services", "pods", "namespaces"], verbs: ["list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "internode-test:coredns" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "internode-test:coredns" },
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { Corefile: COREFILE } },
    { apiVersion: "apps/v1", kind: "Deployment", metadata: { ...metadata, labels: LABELS }, spec: deploymentSpec() },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "kube-dns", namespace: NAMESPACE, labels: LABELS },
      spec: {
        clusterIP: dnsServiceAddress,
        ipFamilyPolicy: families === "both" ? "PreferDualStack" : "SingleStack",
        selector: LABELS,
        ports: [
          { name: "dns", protocol: "UDP", port: 53, targetPort: PORT },
          { name: "dns-tcp", protocol: "TCP", port: 53, targetPort: PORT },
        ],
      },
    },
  ];
}

function deploymentSpec(): object {
  return {
    replicas: 2,
    selector: { matchLabels: LABELS },
    template: {
      metadata: { labels: LABELS },
      spec: {
        serviceAccountName: "coredns",
        priorityClassName: "system-cluster-critical",
        dnsPolicy: "Default",
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: "kubernetes.io/hostname",
            whenUnsatisfiable: "ScheduleAnyway",
            labelSelector: { matchLabels: LABELS },
          },
        ],
        containers: [
          {
            name: "coredns",
            image: COREDNS_IMAGE,
            imagePullPolicy: "Never",
            args: ["-conf", "/etc/coredns/Corefile"],
            // By the names that they have in the manifests of kubeadm and of distributions.
            ports: [
              { name: "dns", protocol: "UDP", containerPort: PORT },
              { name: "dns-tcp", protocol: "TCP", containerPort: PORT },
            ],
            securityContext: {
              allowPrivilegeEscalation: false,
              capabilities: { drop: ["ALL"] },
              readOnlyRootFilesystem: true,
            },
            readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
            livenessProbe: { httpGet: { path: "/health", port: 8080 }, initialDelaySeconds: 30, timeoutSeconds: 5 },
            volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
          },
        ],
        volumes: [{ name: "config", configMap: { name: "coredns" } }],
      },
    },
  };
}
